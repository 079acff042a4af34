"""Families of samples have the names, labels and values that they are given."""

from prometheus_client.metrics_core import Metric

from webhook.observability.families import counter, counters, gauge, gauges


def samples(family: Metric) -> list[tuple[str, dict[str, str], float]]:
    return [(sample.name, sample.labels, sample.value) for sample in family.samples]


def test_a_family_without_labels_has_one_sample() -> None:
    assert samples(gauge("size", "How large.", 3)) == [("size", {}, 3)]
    assert samples(counter("made", "How many.", 4)) == [("made_total", {}, 4)]


def test_a_family_with_a_label_has_a_sample_for_each_value() -> None:
    values = {"a": 1, "b": 2}
    assert samples(gauges("size", "How large.", "who", values)) == [
        ("size", {"who": "a"}, 1),
        ("size", {"who": "b"}, 2),
    ]
    assert samples(counters("made", "How many.", "who", values)) == [
        ("made_total", {"who": "a"}, 1),
        ("made_total", {"who": "b"}, 2),
    ]
    assert samples(gauges("size", "How large.", "who", {})) == []


def test_types_and_texts_are_kept() -> None:
    found = [gauge("a", "A.", 0), counter("b", "B.", 0), gauges("c", "C.", "x", {}), counters("d", "D.", "x", {})]
    assert [(each.type, each.documentation) for each in found] == [
        ("gauge", "A."),
        ("counter", "B."),
        ("gauge", "C."),
        ("counter", "D."),
    ]

"""Families of samples have the names, labels and values that they are given."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

from webhook.observability.families import Series, counter, counters, gauge, gauges


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


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.text('\\"\n', max_size=3)


class Yielding:
    """A collector of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        """Return it."""
        return [self._family]


@given(TEXT, st.dictionaries(st.tuples(TEXT, TEXT), st.integers() | st.floats()))
def test_series_are_written_as_the_library_writes_their_family(text: str, values: dict[tuple[str, ...], float]) -> None:
    series, registry = Series("size", text, ("node", "pool"), values), CollectorRegistry(auto_describe=False)
    registry.register(Yielding(series.family()))
    assert series.written().encode() == generate_latest(registry)

"""Manifests as text: what each way of writing comes to was seen in sigs.k8s.io/yaml 1.6.0, by running it."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.manifests.documents import ManifestError, Value, documents, scalar

SEEN: dict[str, Value] = {
    "1e3": 1000,
    "1E3": 1000,
    "+1e3": 1000,
    "0o17": 15,
    "0O17": 15,
    "017": 15,
    "-0o17": -15,
    "08": 8,
    "0o8": "0o8",
    "00": 0,
    "-0": 0,
    "0x1F": 31,
    "0b11": 3,
    "-0b11": -3,
    "+5": 5,
    "1_000": 1000,
    "1__0": 10,
    "._5": "._5",
    "_5": "_5",
    ".5": 0.5,
    "-.5": -0.5,
    "5.": 5,
    "3.0": 3,
    "1e-7": 1e-7,
    "1e21": 1e21,
    "1e999": "1e999",
    "18446744073709551615": 18446744073709551615,
    "1:30": "1:30",
    "190:20:30": "190:20:30",
    "2001-01-01": "2001-01-01",
    "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00",
    "1.5Gi": "1.5Gi",
    "500m": "500m",
    "off": False,
    "y": True,
    "N": False,
    "~": None,
    "null": None,
    "": None,
    "=": "=",
    "'5'": "5",
    '"off"': "off",
    "!!str 5": "5",
    "!!int 5": 5,
    "!foo 5": "5",
    "|-\n  5": "5",
}


def read(text: str) -> list[Value]:
    return list(documents(text.encode()))


@pytest.mark.parametrize("edge", [-(2**63), 2**64 - 1])
def test_a_whole_number_is_one_of_64_bits_and_past_that_a_float(edge: int) -> None:
    assert scalar(str(edge)) == edge
    assert isinstance(scalar(str(edge)), int)
    assert isinstance(scalar(str(edge + (1 if edge > 0 else -1))), float)


@pytest.mark.parametrize("text", SEEN)
def test_a_scalar_is_what_it_is_to_kubectl(text: str) -> None:
    [value] = read(f"a: {text}\n")
    assert isinstance(value, dict)
    assert value["a"] == SEEN[text]
    assert type(value["a"]) is type(SEEN[text])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("c: {b: 2, <<: {b: 3}}", {"c": {"b": 3}}),
        ("c: {<<: {b: 3}, b: 2}", {"c": {"b": 2}}),
        ("c: {<<: [{b: 1}, {b: 2, c: 1}]}", {"c": {"b": 1, "c": 1}}),
        ("c: {'<<': 1}", {"c": {"<<": 1}}),
        ("a: 1\na: 2", {"a": 2}),
        ("1: a\ny: c\n1.5: d", {"1": "a", "true": "c", "1.5": "d"}),
        ("{a: b, c: 1e3}", {"a": "b", "c": 1000}),
        ('{"a": 1e3, "b": 3.0, "c": "\\ud83d\\ude00"}', {"a": 1000, "b": 3, "c": "\U0001f600"}),
        ('{\t"a": [1.5]}', {"a": [1.5]}),
    ],
)
def test_mappings_are_what_they_are_to_kubectl(text: str, value: Value) -> None:
    assert read(text) == [value]


def test_documents_are_read_one_by_one_and_empty_ones_count() -> None:
    assert read("# only a comment\n") == []
    assert read("---\na: 1\n---\n---\nb: 2\n") == [{"a": 1}, None, {"b": 2}]
    assert read('{"a": 1}\n {"b": 2}\n') == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n---\nb: [", "document 2: is not valid YAML in line 4, column 1"),
        ("a: 1\n---\nb: *x", "document 2: is not valid YAML in line 3, column 4: found undefined alias"),
        ("a: &a [*a]", "document 1: has an alias inside its own anchor"),
        ("a: .inf", 'document 1: ".inf" is not a number in JSON'),
        ('{"a": NaN}', "document 1: NaN is not a number in JSON"),
        ("? [1]\n: 2", "document 1: has a key that is not text"),
        ("c: {<<: 1}", "document 1: merges (<<) a value that is not a mapping"),
        ("a: !!binary aGVsbG8=", "document 1: has the YAML tag !!binary"),
        ("a: " + "[" * 3000, "document 1: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_document(text: str, told: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(text)
    assert str(caught.value).startswith(told)


def test_a_few_lines_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ManifestError, match="more than 1,000,000 values with its aliases written out"):
        read("\n".join(lines))


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ManifestError, match="document 1: "):
        list(documents(b"a: \xff\xfe"))
    with pytest.raises(ManifestError, match="document 1: "):
        list(documents(b'{"a": "\xff"}'))


@given(st.text(max_size=12))
def test_whatever_stands_there_is_a_scalar(text: str) -> None:
    value = scalar(text)
    assert value is None or isinstance(value, bool | int | float | str)


@given(st.binary(max_size=60))
def test_whatever_is_given_is_read_or_refused(data: bytes) -> None:
    with suppress(ManifestError):
        json.dumps(list(documents(data)), allow_nan=False)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1))
def test_numbers_survive(number: float, whole: int) -> None:
    [value] = read(json.dumps({"float": number, "int": whole}))
    assert value == {"float": number, "int": whole}
    assert isinstance(value, dict)
    assert not isinstance(value["float"], float) or math.isfinite(value["float"])


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b"{a: " * 1_000_000, b'{"a":' * 100_000])
def test_what_is_nested_too_deeply_is_an_error_and_does_not_end_the_process(text: bytes) -> None:
    with pytest.raises(ManifestError, match="nested"):
        list(documents(text))


def test_the_time_for_many_json_documents_grows_with_their_number_alone() -> None:
    assert sum(1 for _ in documents(b"{}\n" * 200_000)) == 200_000


def test_half_a_surrogate_pair_is_replaced_as_go_does() -> None:
    assert list(documents(rb'{"a\ud800": ["\udc00b", "\ud83d\ude00"]}')) == [{"a\ufffd": ["\ufffdb", "\U0001f600"]}]

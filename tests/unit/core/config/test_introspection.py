"""Introspection: what the types say of each setting, and how errors write the values that would be right."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, inspect

from webhook.core.config.introspection import about, bare, flow, must_be_written, shape, wish, words
from webhook.core.config.names import LabelKey, LabelValue, NamespacePattern
from webhook.core.config.percentage import Share
from webhook.core.config.types import WORDS, Mode

Whole = Annotated[int, Meta(ge=0, le=10, examples=[3], description="A number.")]
Words = Annotated[frozenset[NamespacePattern], Meta(extra={WORDS: {"true": ("*",), "false": ()}})]


class Below(Struct):
    """Settings under a key."""

    one: int = 0
    two: Mode = Mode.WARN


def kind(of: Any) -> inspect.Type:
    return inspect.type_info(of)


def test_the_shape_has_every_setting_of_the_top_level() -> None:
    assert [field.encode_name for field in shape().fields] == [
        *("apiVersion", "kind", "mode", "thresholds", "warnAt", "reserve", "missingLimits", "missingRequests"),
        *("unplaceable", "workloads", "nudge", "message", "nodes", "pools", "exempt", "reporting", "overrides"),
    ]


@pytest.mark.parametrize("of", [int, Annotated[int, Meta(description="x")], Annotated[int | None, Meta(title="x")]])
def test_a_bare_type_has_neither_description_nor_none(of: Any) -> None:
    assert isinstance(bare(kind(of)), inspect.IntType)


def test_what_is_said_of_a_setting_goes_before_what_is_said_of_its_type() -> None:
    own = Annotated[Share, Meta(title="a part", description="How much.")]
    assert about(kind(Share)) == {"title": Share.title, "examples": [Share.example]}
    assert about(kind(own)) == {"title": "a part", "examples": [Share.example], "description": "How much."}
    assert about(kind(Whole)) == {"examples": [3], "description": "A number."}
    assert about(kind(int)) == {}


def test_a_list_shows_the_example_of_its_items_and_labels_are_called_so() -> None:
    assert about(kind(frozenset[LabelKey])) == {"title": "a list", "examples": [["karpenter.sh/nodepool"]]}
    assert about(kind(dict[LabelKey, LabelValue])) == {"title": "labels"}


def test_words_stand_for_lists_where_the_type_says_so() -> None:
    assert words(kind(Words)) == {"true": ("*",), "false": ()}
    assert words(kind(frozenset[NamespacePattern])) == {}
    assert words(kind(Annotated[int, Meta(extra={"other": 1})])) == {}


def test_what_has_no_default_and_every_constant_must_be_written() -> None:
    class Group(Struct):
        needed: int
        constant: Literal["v1"] = "v1"
        other: int | None = None

    info = kind(Group)
    assert isinstance(info, inspect.StructType)
    assert [must_be_written(field) for field in info.fields] == [True, True, False]


@pytest.mark.parametrize(
    ("of", "right"),
    [
        (Literal["v1"], "v1"),
        (Mode, "enforce, warn or audit"),
        (bool, "true or false"),
        (Whole, "a whole number from 0 to 10"),
        (Below, "keys below it: one, two"),
        (tuple[Below, ...], "a list of items with one, two"),
        (Share, f"{Share.title} such as {Share.example}"),
        (frozenset[NamespacePattern], "a list such as [staging-*]"),
        (Words, "a list such as [staging-*], or true, or false"),
        (
            Annotated[Mapping[LabelKey, LabelValue], Meta(examples=[{"a/b": "c"}])],
            "labels such as {a/b: c}",
        ),
    ],
)
def test_the_values_that_would_be_right_are_named_or_shown(of: Any, right: str) -> None:
    assert wish(kind(of)) == right


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ("warn", "warn"),
        ("", '""'),
        ("ask #platform", '"ask #platform"'),
        ("a#b", "a#b"),
        ([], "[]"),
        (["a", ["b", ""]], '[a, [b, ""]]'),
        ({}, "{}"),
        ({"a": True, "b": {"c": [1]}}, "{a: true, b: {c: [1]}}"),
    ],
)
def test_a_value_is_written_as_one_line_of_yaml(value: object, text: str) -> None:
    assert flow(value) == text

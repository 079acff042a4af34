import re
from typing import Any, get_args

import pytest

from webhook.core.config.names import (
    LabelKey,
    LabelValue,
    NamespacePattern,
    PoolName,
    PriorityClassName,
    TaintKey,
    fits_any,
)


def fits(kind: Any, text: str) -> bool:
    return re.fullmatch(get_args(kind)[1].pattern, text) is not None


@pytest.mark.parametrize("kind", [LabelKey, LabelValue, TaintKey, PoolName, PriorityClassName])
def test_the_example_that_errors_show_is_right(kind: Any) -> None:
    assert fits(kind, get_args(kind)[1].examples[0])


@pytest.mark.parametrize("key", ["a", "A_b.c-9", "x.y/z", "a-b.example.com/Pool", "a" * 63, "a." * 126 + "a/b"])
def test_qualified_names_are_label_keys(key: str) -> None:
    assert fits(LabelKey, key)


@pytest.mark.parametrize(
    "key", ["", "-a", "a-", "a b", "/a", "a/", "a/b/c", "A.b/c", "a..b/c", "a" * 64, "a" * 254 + "/b"]
)
def test_other_text_is_no_label_key(key: str) -> None:
    assert not fits(LabelKey, key)


def test_a_label_value_may_be_empty_but_not_end_in_a_dash() -> None:
    assert fits(LabelValue, "")
    assert not fits(LabelValue, "a-")
    assert not fits(LabelValue, "a\n")


@pytest.mark.parametrize(
    ("pattern", "namespace", "matches"),
    [
        ("staging-*", "staging-eu", True),
        ("staging-*", "staging-", True),
        ("staging-*", "staging", False),
        ("staging-*", "my-staging-eu", False),
        ("*", "anything", True),
        ("*-db-*", "eu-db-1", True),
        ("prod", "prod", True),
        ("prod", "prod-eu", False),
        ("*" + "a*" * 20 + "b", "a" * 63, False),
    ],
)
def test_a_star_stands_for_any_run_of_characters(pattern: str, namespace: str, matches: bool) -> None:
    assert NamespacePattern.parse(pattern).matches(namespace) is matches


@pytest.mark.parametrize("text", ["", "Staging", "a?", "[ab]", "a b", "-a", "a-", "a" * 64])
def test_what_could_match_no_namespace_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not a namespace name or pattern; write a name, or a pattern such as staging-"
    ):
        NamespacePattern.parse(text)


@pytest.mark.parametrize("namespace", ["team-a", "team-b", "team-" + "x" * 100, "ateam-", "t" * 100])
def test_a_namespace_fits_any_of_several_patterns_however_often_it_is_asked(namespace: str) -> None:
    patterns = frozenset(map(NamespacePattern.parse, ("kube-system", "team-*")))
    others = frozenset(map(NamespacePattern.parse, ("kube-*",)))
    for _ in range(2):
        assert fits_any(patterns, namespace) is namespace.startswith("team-")
        assert not fits_any(others, namespace)

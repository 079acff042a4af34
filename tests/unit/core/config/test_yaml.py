from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.config.errors import ConfigError, Place
from webhook.core.config.yaml import MOST_BYTES, MOST_DEPTH, Scalar, Tree, read_tree

texts = st.text(st.characters(codec="utf-8"), max_size=20)
trees = st.recursive(texts, lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4))


def read(text: str) -> Tree:
    return read_tree(text, Place([]))


def unwrapped(tree: Tree) -> Any:
    if isinstance(tree, Scalar):
        return tree.text
    return [unwrapped(each) for each in tree] if isinstance(tree, list) else {k: unwrapped(v) for k, v in tree.items()}


@given(tree=trees, flow=st.booleans())
def test_pyyaml_reads_the_same(tree: Any, flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True).replace("\x85", "\n")
    try:
        expected = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - builds nothing but text
    except yaml.YAMLError:
        with pytest.raises(ConfigError):
            read(text)
    else:
        assert unwrapped(read(text)) == expected


def test_a_scalar_knows_whether_it_was_quoted() -> None:
    assert read("[75, '75', \"75\", off]") == [
        Scalar("75", plain=True),
        Scalar("75", plain=False),
        Scalar("75", plain=False),
        Scalar("off", plain=True),
    ]


def test_a_key_written_twice_is_reported_and_the_rest_is_read() -> None:
    place = Place([])
    assert read_tree("{a: {b: 1, b: 2}, a: 3}", place) == {"a": {"b": Scalar("1", plain=True)}}
    assert [str(problem) for problem in place.problems] == [
        "a.b: is written twice; keep one of them",
        "a: is written twice; keep one of them",
    ]


BOMB = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("a: [", "is not valid YAML in line 2, column 1", id="syntax"),
        pytest.param("a: b: c", "is not valid YAML in line 1, column 5", id="indentation"),
        pytest.param("\ta: b", "is not valid YAML", id="tab"),
        pytest.param("a: \x00", "control characters are not allowed", id="control character"),
        pytest.param("a: \ud800", "is not valid text; save it as UTF-8", id="surrogate"),
        pytest.param(BOMB, "b[0]: is a YAML alias, which is not read here; write the value out", id="alias"),
        pytest.param("&a [*a]", "[0]: is a YAML alias", id="recursive alias"),
        pytest.param("a: !!python/name:os.system x", "a: has the YAML tag", id="tag"),
        pytest.param("a: !!map {}", "a: has the YAML tag", id="tagged mapping"),
        pytest.param("a: 1\n---\na: 2", "has more than one YAML document", id="documents"),
        pytest.param("? [a]\n: b", "has a list or a mapping for a key", id="list as key"),
        pytest.param("[" * 60_000, "is nested too deeply", id="deep brackets"),
        pytest.param("- " * 30_000, "is nested too deeply", id="deep lists"),
        pytest.param("{a: " * 10_000, "is nested too deeply", id="deep mappings"),
        pytest.param("? " * 10_000, "is nested too deeply", id="deep keys"),
        pytest.param("é" * (MOST_BYTES // 2 + 1), "is too long; keep it within 64 KiB", id="long"),
    ],
)
def test_what_is_no_plain_document_is_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert error in str(refused.value)


def test_the_limits_themselves_are_within() -> None:
    assert read("é" * (MOST_BYTES // 2)) == Scalar("é" * (MOST_BYTES // 2), plain=True)
    assert isinstance(read("[" * MOST_DEPTH + "]" * MOST_DEPTH), list)
    with pytest.raises(ConfigError, match="nested too deeply"):
        read("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1))


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "---\n...\n"])
def test_an_empty_document_is_an_empty_word(text: str) -> None:
    assert read(text) == Scalar("", plain=True)

"""Notations: text of unknown origin becomes one harmless, short line, and every notation writes what it reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.config.duration import Duration
from webhook.core.config.names import NamespacePattern
from webhook.core.config.percentage import Part, Share
from webhook.core.values.notation import Notation, quoted

KINDS: list[type[Notation]] = [Duration, NamespacePattern, Part, Share]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'),
        ("75 percent", '"75 percent"'),
        ('say "no"', '"say \\"no\\""'),
        ("a\nb\x1b[31m", '"a\\nb\\u001b[31m"'),
        ("é\u202e", '"\\u00e9\\u202e"'),
        ("x" * 60, '"' + "x" * 60 + '"'),
        ("x" * 61, '"' + "x" * 60 + '..."'),
    ],
)
def test_foreign_text_is_quoted_escaped_and_cut(text: str, shown: str) -> None:
    assert quoted(text) == shown


@given(st.text())
def test_whatever_comes_is_one_line_of_ascii_that_can_be_read_back_if_it_is_short(text: str) -> None:
    shown = quoted(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 2 + 3 + 60 * 12
    assert json.loads(shown) == (text if len(text) <= 60 else text[:60] + "...")


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_notation_is_read_and_written_as_it_is(kind: type[Notation]) -> None:
    value = kind.parse(kind.example)
    assert str(value) == kind.example
    assert value == kind.parse(str(value))
    assert kind.title


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", " ", "\x1b[31m", "x" * 200])
def test_what_is_refused_is_an_error_of_one_line(kind: type[Notation], text: str) -> None:
    with pytest.raises(ValueError, match="write ") as refused:
        kind.parse(text)
    assert str(refused.value).isprintable()
    assert "x" * 61 not in str(refused.value)


def test_a_notation_must_say_how_it_is_read_and_written() -> None:
    class Half(Notation):
        def __str__(self) -> str:
            return "half"

    with pytest.raises(TypeError, match="parse"):
        Half()  # type: ignore[abstract]

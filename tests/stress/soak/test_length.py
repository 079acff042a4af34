"""Lengths are written as people write them."""

import pytest

from tests.stress.soak.__main__ import seconds


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200)])
def test_a_length_has_a_unit(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1.5h", "10 m", "-1", "10d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length"):
        seconds(text)

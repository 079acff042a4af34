"""Uncounted: parts in whole bytes that come to the total."""

from hypothesis import given
from hypothesis import strategies as st

from webhook.core.reporting.uncounted import split


@given(st.lists(st.integers(0, 1 << 40), max_size=8), st.floats(0, 1))
def test_the_parts_come_to_the_total_and_none_is_past_its_weight(weights: list[int], share: float) -> None:
    total = min(sum(weights), int(sum(weights) * share))
    parts = split(total, weights)
    assert sum(parts) == total
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


def test_the_parts_are_in_proportion() -> None:
    assert split(6, [4, 4, 4]) == [2, 2, 2]
    assert split(7, [4, 0, 4, 4]) == [2, 0, 2, 3]
    assert split(0, []) == []

"""What a reserve keeps, what a loss or a cordon uses up of it, and what a node that joins makes up for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.reserve import Change, Kept, keep, owed

sizes = st.integers(0, 50)


@pytest.mark.parametrize(
    ("all_of_them", "lost", "cordoned", "largest", "kept", "uncordoned"),
    [
        ([8, 8, 8], 0, 0, 0, 0, 0),
        ([8, 8, 8], 0, 0, 1, 8, 8),
        ([8, 16, 4], 0, 0, 2, 24, 24),
        ([8, 8, 8], 8, 0, 1, 0, 0),
        ([8, 8, 4], 4, 0, 1, 4, 4),
        ([8, 8, 8], 0, 8, 1, 0, 8),
        ([8, 8, 8], 4, 3, 1, 1, 4),
        ([8, 8, 8], 8, 8, 1, 0, 0),
        ([8, 8, 8], 8, 8, 2, 0, 8),
        ([8], 0, 0, 5, 8, 8),
        ([], 0, 0, 1, 0, 0),
    ],
)
def test_a_reserve_keeps_the_largest_and_what_is_out_uses_it_up(
    all_of_them: list[int], lost: int, cordoned: int, largest: int, kept: int, uncordoned: int
) -> None:
    assert keep(all_of_them, largest, lost, cordoned) == Kept(kept, uncordoned)


@given(st.lists(sizes, max_size=8), st.integers(0, 7), sizes, sizes)
def test_a_reserve_is_the_formula(nodes: list[int], largest: int, lost: int, cordoned: int) -> None:
    rest, best = list(nodes), 0
    for _ in range(min(largest, len(nodes))):
        best += rest.pop(rest.index(max(rest)))
    assert keep(nodes, largest, lost, cordoned) == (max(0, best - lost - cordoned), max(0, best - lost))


@pytest.mark.parametrize(
    ("losses", "joined", "debt"),
    [
        ([], [], 0),
        ([(1, 8)], [], 8),
        ([(1, 8)], [(2, 8)], 0),
        ([(1, 8)], [(2, 3), (3, 3)], 2),
        ([(1, 8), (3, 4)], [(2, 20)], 4),
        ([(2, 8)], [(1, 8)], 8),
        ([(2, 8)], [(2, 8)], 0),
        ([(2, 8)], [(float("-inf"), 8)], 8),
        ([(5, 1), (1, 8)], [(4, 2), (2, 2)], 5),
    ],
)
def test_what_joins_makes_up_for_what_was_lost_until_then(
    losses: list[Change], joined: list[Change], debt: int
) -> None:
    assert owed(losses, joined) == debt

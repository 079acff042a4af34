"""Amounts are a vector that is summed by name only."""

from hypothesis import given
from hypothesis import strategies as st

from webhook.core.values.amounts import NOTHING, Amounts

whole = st.integers(-(2**70), 2**70)
amounts = st.builds(Amounts, *[whole] * len(Amounts._fields))


@given(amounts, amounts)
def test_everything_is_done_sum_by_sum(a: Amounts, b: Amounts) -> None:
    for index in range(len(Amounts._fields)):
        x, y = a[index], b[index]
        assert a.plus(b)[index] == x + y
        assert a.minus(b)[index] == x - y
        assert a.times(3)[index] == 3 * x
        assert a.upto(b)[index] == min(x, y)
        assert a.or_more(b)[index] == max(x, y)
        assert a.beyond(b)[index] == max(0, x - y)


parts = st.sampled_from((NOTHING, Amounts())) | amounts


@given(amounts, parts, parts)
def test_a_part_of_a_sum_gives_way_to_another(a: Amounts, old: Amounts, new: Amounts) -> None:
    for before, after in ((old, new), (new, new), (old, NOTHING), (NOTHING, new)):
        moved = a.moved(before, after)
        assert moved == a.minus(before).plus(after)
        assert isinstance(moved, Amounts)


@given(amounts, amounts)
def test_within_is_said_only_where_no_sum_is_larger(a: Amounts, b: Amounts) -> None:
    assert a.within(b) == (a.beyond(b) == NOTHING)
    assert a.within(a.or_more(b))


@given(amounts, amounts)
def test_the_larger_of_both_is_one_and_what_the_other_goes_beyond_it(a: Amounts, b: Amounts) -> None:
    assert a.plus(b.beyond(a)) == a.or_more(b)


def test_nothing_is_zero_in_every_sum() -> None:
    assert tuple(NOTHING) == (0,) * 8

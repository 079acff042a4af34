"""Intervals: what grants of one name come to, beside what lives there and beside each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import footprint
from webhook.core.ledger.interval import NOWHERE, UNBORN, Before, Charge, Interval, joined, key_of, reach
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

small = st.integers(0, 6)
amounts = st.builds(lambda memory, cpu: Amounts(memory_requests=memory, cpu_requests=cpu), small, small)
intervals = st.builds(lambda low, high: Interval(low.upto(high), high), amounts, amounts)


def of(*each: int) -> Amounts:
    """Amounts of memory and cpu requests."""
    memory, cpu = each
    return Amounts(memory_requests=memory, cpu_requests=cpu)


# -- where a footprint is charged --------------------------------------------------------------------------------------


def test_a_footprint_is_charged_to_the_cluster_and_to_its_pool() -> None:
    charge = Charge(of(2, 1), "gpu")
    assert charge.scopes == (CLUSTER, "gpu")
    assert [charge.in_scope(scope) for scope in (CLUSTER, "gpu", "other")] == [of(2, 1), of(2, 1), NOTHING]


def test_without_a_pool_it_is_charged_to_the_cluster_alone() -> None:
    charge = Charge(of(2, 1))
    assert charge.scopes == (CLUSTER,)
    assert [charge.in_scope(scope) for scope in (CLUSTER, "gpu")] == [of(2, 1), NOTHING]
    assert NOWHERE.in_scope(CLUSTER) == NOTHING


@pytest.mark.parametrize(("elsewhere", "in_pool"), [(False, of(2, 1)), (True, NOTHING)])
def test_a_pod_whose_charge_moves_begins_at_nothing_in_its_new_pool(elsewhere: bool, in_pool: Amounts) -> None:
    before = Before(7, of(2, 1), elsewhere=elsewhere)
    assert (before.within(CLUSTER), before.within("gpu")) == (of(2, 1), in_pool)


def test_grants_reach_from_what_the_pod_was_to_what_it_becomes_in_each_scope() -> None:
    new = Charge(of(5, 1), "gpu")
    same = Interval(of(2, 1), of(5, 1))
    assert reach(new, UNBORN) == {CLUSTER: Interval(NOTHING, of(5, 1)), "gpu": Interval(NOTHING, of(5, 1))}
    assert reach(new, Before(7, of(2, 1))) == {CLUSTER: same, "gpu": same}
    assert reach(new, Before(7, of(2, 1), elsewhere=True)) == {CLUSTER: same, "gpu": Interval(NOTHING, of(5, 1))}


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_create_is_known_by_its_uid_however_often_it_is_reviewed() -> None:
    assert key_of("u", UNBORN, of(2, 1)) == key_of("u", UNBORN, of(3, 1)) == "u"


@pytest.mark.parametrize(
    "other",
    [
        ("v", Before(7, of(1, 1), review="r"), of(2, 1)),
        ("u", Before(8, of(1, 1), review="r"), of(2, 1)),
        ("u", Before(7, of(1, 1), move="m", review="r"), of(2, 1)),
        ("u", Before(7, of(1, 1), review="s"), of(2, 1)),
        ("u", Before(7, of(1, 1), review="r"), of(2, 2)),
    ],
)
def test_a_change_is_another_grant_if_anything_of_it_differs(other: tuple[str, Before, Amounts]) -> None:
    first = ("u", Before(7, of(1, 1), review="r"), of(2, 1))
    assert key_of(*other) != key_of(*first) == key_of(*first)


# -- sums --------------------------------------------------------------------------------------------------------------


@given(intervals)
def test_an_interval_costs_its_length(each: Interval) -> None:
    assert each.cost == each.high.minus(each.low)


@given(intervals, amounts)
def test_beside_what_lives_it_adds_what_reaches_beyond_that(each: Interval, live: Amounts) -> None:
    added = each.cost_beyond(live)
    assert added == each.high.beyond(each.low.or_more(live))
    assert added.within(each.cost)
    assert each.cost_beyond(NOTHING) == each.cost


def test_what_begins_at_nothing_is_said_sum_by_sum() -> None:
    assert Interval(NOTHING, of(5, 3)).from_nothing == of(5, 3)
    assert Interval(of(2, 0), of(5, 3)).from_nothing == of(0, 3)
    assert Interval(of(2, 1), of(5, 3)).from_nothing == NOTHING


@given(intervals, amounts, amounts)
def test_what_an_interval_leaves_of_a_height_is_what_neither_it_nor_what_lives_covers(
    each: Interval, high: Amounts, live: Amounts
) -> None:
    left = each.leaves(high, live)
    for low, top, to, lives, rest in zip(each.low, each.high, high, live, left, strict=True):
        covered = set(range(lives)) | set(range(max(low, lives), top))
        assert rest == len(set(range(to)) - covered)


@given(intervals, intervals)
def test_two_intervals_reach_together_as_far_as_both_and_in_either_order(one: Interval, other: Interval) -> None:
    both = one.and_also(other)
    assert both.cost == other.and_also(one).cost
    for index, each in enumerate(both.high):
        raised = [i for i in (one, other) if i.high[index] > i.low[index]]
        if raised:
            assert each == max(i.high[index] for i in raised)
            assert both.low[index] == min(i.low[index] for i in raised)


def test_an_interval_that_raises_nothing_of_a_sum_does_not_widen_it() -> None:
    growth, same = Interval(of(4, 4), of(6, 4)), Interval(of(1, 1), of(1, 3))
    assert growth.and_also(same) == Interval(of(4, 1), of(6, 3))


def test_intervals_of_different_scopes_stand_side_by_side() -> None:
    one, other = Interval(NOTHING, of(2, 1)), Interval(NOTHING, of(1, 3))
    assert joined({}, {CLUSTER: one}) == {CLUSTER: one}
    held = {CLUSTER: one}
    assert joined(held, {CLUSTER: other, "gpu": other}) == {CLUSTER: one.and_also(other), "gpu": other}
    assert held == {CLUSTER: one}, "what was held stays as it was"


def test_limits_and_counts_of_unbounded_pods_are_sums_like_any_other() -> None:
    assert Interval(footprint(1, limits=2), footprint(3, limits=2)).cost == footprint(3, limits=2).minus(
        footprint(1, limits=2)
    )
    assert Interval(NOTHING, footprint(1)).cost.memory_unbounded == 1

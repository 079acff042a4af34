"""Costs: what the reservations of one name come to in a scope, beside what lives under it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.costs import cost_of, first_grant
from webhook.core.ledger.interval import NOWHERE, UNBORN, Charge, Interval, reach
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

small = st.integers(0, 9)


def of(memory: int, cpu: int = 0) -> Amounts:
    return Amounts(memory_requests=memory, cpu_requests=cpu)


def test_where_nothing_lives_open_reservations_are_unseen_as_a_whole() -> None:
    made = Interval(NOTHING, of(5, 1))
    found = cost_of(made, made, NOWHERE, CLUSTER)
    assert (found.unseen, found.paid, found.unretired) == (of(5, 1), NOTHING, of(5, 1))


@pytest.mark.parametrize(
    ("live", "unseen", "paid"), [(of(3), of(2, 1), of(3)), (of(9, 9), NOTHING, of(5, 1)), (of(0, 1), of(5), of(0, 1))]
)
def test_what_lives_pays_for_a_part_sum_by_sum(live: Amounts, unseen: Amounts, paid: Amounts) -> None:
    made = Interval(NOTHING, of(5, 1))
    found = cost_of(made, made, Charge(live), CLUSTER)
    assert (found.unseen, found.paid, found.unretired) == (unseen, paid, of(5, 1))


def test_what_lives_elsewhere_pays_for_nothing_here() -> None:
    made = Interval(NOTHING, of(5))
    assert cost_of(made, made, Charge(of(9), "gpu"), "other").unseen == of(5)
    assert cost_of(made, made, Charge(of(9), "gpu"), "gpu").unseen == NOTHING


def test_settled_reservations_are_unretired_alone() -> None:
    found = cost_of(None, Interval(of(1), of(5)), Charge(of(3)), CLUSTER)
    assert (found.unseen, found.paid, found.unretired) == (NOTHING, NOTHING, of(4))


@given(small, small, small, small)
def test_unseen_and_paid_come_to_what_is_open(low: int, high: int, lives: int, more: int) -> None:
    still_open = Interval(of(min(low, high)), of(high))
    unretired = Interval(of(min(low, high)), of(high + more))
    found = cost_of(still_open, unretired, Charge(of(lives)), CLUSTER)
    assert found.unseen.plus(found.paid) == still_open.cost
    assert found.unseen == still_open.cost_beyond(of(lives))
    assert found.unretired == unretired.cost


@pytest.mark.parametrize("pool", [None, "gpu"])
def test_a_first_grant_costs_its_footprint_in_every_scope_that_it_is_charged_to(pool: str | None) -> None:
    charge = Charge(of(5, 1), pool)
    intervals, costs = first_grant(charge)
    assert intervals == reach(charge, UNBORN)
    assert tuple(costs) == charge.scopes
    for each in costs.values():
        assert (each.unseen, each.paid, each.unretired) == (of(5, 1), NOTHING, of(5, 1))


def test_equal_pods_share_the_costs_of_their_first_grant_and_others_do_not() -> None:
    assert first_grant(Charge(of(5, 1))) is first_grant(Charge(of(5, 1)))
    assert first_grant(Charge(of(5, 1))) is not first_grant(Charge(of(5, 1), "gpu"))

"""The balance of one scope: what is free of each sum, and whether any sum is past a share of its bound."""

import pytest

from tests.support.accounts import GI, LIMITS, REQUESTS, footprint, ledger, node, pod
from webhook.core.config.percentage import Share
from webhook.core.ledger.balance import Balance
from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.nodes import Allocatable
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

CPU = Amounts._fields.index("cpu_requests")


def balance(committed: Amounts = NOTHING, unseen: Amounts = NOTHING, **bounds: int) -> Balance:
    bound = tuple(bounds.get(name) for name in Amounts._fields)
    return Balance(CLUSTER, committed, unseen, ScopeLimits(Allocatable(8 * GI, 4000), bound=bound))


def test_what_is_free_is_the_bound_without_what_is_committed_and_what_was_granted_and_not_seen() -> None:
    of = balance(footprint(3, limits=4), footprint(1, limits=1), memory_requests=6 * GI, memory_limits_filled=5 * GI)
    assert of.headroom(REQUESTS) == 2 * GI
    assert of.headroom(LIMITS) == 0


def test_what_is_free_is_negative_past_the_bound_and_unknown_without_one() -> None:
    of = balance(footprint(3), footprint(4), memory_requests=6 * GI)
    assert of.headroom(REQUESTS) == -GI
    assert of.headroom(CPU) is None


@pytest.mark.parametrize(
    ("committed", "unseen", "is_past"),
    [(4, 0, False), (3, 1, False), (4.5, 0, True), (4, 0.5, True), (0, 4.5, True)],
)
def test_a_sum_is_past_a_share_only_beyond_it_and_by_all_that_counts(
    committed: float, unseen: float, is_past: bool
) -> None:
    of = balance(footprint(committed), footprint(unseen), memory_requests=8 * GI)
    assert of.is_past(Share.parse("50%")) is is_past


def test_any_bounded_sum_may_be_the_one_that_is_past_and_no_other() -> None:
    held = footprint(1, limits=1, cpu=3000)
    assert balance(held, memory_requests=8 * GI, cpu_requests=4000).is_past(Share.parse("70%"))
    assert not balance(held, memory_requests=8 * GI).is_past(Share.parse("70%"))
    assert not balance(held).is_past(Share.parse("0.1%"))


def test_a_ledger_gives_the_balance_of_its_scope() -> None:
    of = ledger("", node("a", 8), requests="50%")
    of.see(pod("lives", 1, "a"))
    of.grant(pod("comes", 2), 0.0)
    balance = of.balance(CLUSTER)
    assert (balance.committed.memory_requests, balance.unseen.memory_requests) == (GI, 2 * GI)
    assert balance.headroom(REQUESTS) == GI
    assert balance.is_past(Share.parse("70%"))
    assert not balance.is_past(Share.parse("75%"))

"""The state as reports and nudges ask for it."""

import pytest

from tests.support.accounts import GI, HIGH_MEM, REQUESTS, node, pod
from tests.support.replica import Judge, ready, response, review
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.state.room_view import RoomView


def of(judge: Judge) -> RoomView:
    return RoomView(judge.admission.state)


def test_the_balances_are_those_of_the_ledger_in_every_scope() -> None:
    judge = ready(HIGH_MEM)
    judge.admission.state.see_node(node("big", 4, pool="high-mem"))
    assert response(judge.ask(review(memory="1Gi")))["allowed"]
    found = of(judge).balances()
    assert {scope: balance.headroom(REQUESTS) for scope, balance in found.items()} == {
        "cluster": 11 * GI,
        "high-mem": 3 * GI,
    }


def test_without_an_account_there_are_none() -> None:
    judge = ready()
    judge.admission.state.lack_config("not read")
    assert of(judge).balances() == {}


def test_a_pod_is_charged_to_the_pool_that_it_is_confined_to() -> None:
    judge = ready(HIGH_MEM)
    judge.admission.state.see_node(node("big", 4, pool="high-mem"))
    room = of(judge)
    assert room.scopes_of(pod("a", 1)) == ("cluster",)
    assert room.scopes_of(pod("a", 1, confined_to={"pool": "high-mem"})) == ("cluster", "high-mem")


def test_a_pod_is_there_once_it_was_admitted_or_seen() -> None:
    judge = ready()
    room = of(judge)
    assert not room.is_there("default/web")
    assert response(judge.ask(review("web")))["allowed"]
    assert room.is_there("default/web")
    judge.admission.state.see_pod(pod("other", 1, revision=200))
    assert room.is_there("default/other")


def test_the_setting_is_that_of_the_configuration() -> None:
    assert not of(ready()).nudges
    assert of(ready("nudge: true")).nudges


@pytest.mark.parametrize(("peer", "first"), [("r2", True), ("r0", False)])
def test_of_the_replicas_that_grant_the_first_by_name_comes_first(peer: str, *, first: bool) -> None:
    judge = ready()  # it is r1
    state, room = judge.admission.state, of(judge)
    assert room.comes_first()
    shared, revision = state.read_holdings(lambda _, allotment: (allotment.shared, allotment.revision))
    assert shared is not None
    holdings = {**shared.holdings, peer: Holding(1)}
    beside = Shared(shared.epoch, shared.open, shared.serial + 1, holdings=holdings)
    state.bookings.observe(beside, revision + 1)
    assert room.comes_first() is first
    for _ in range(6):  # the peer stops renewing, and this one does not
        judge.clock.wait(3.0)
        judge.book()
    assert room.comes_first()


def test_a_replica_that_may_not_grant_does_not_come_first() -> None:
    judge = ready()
    judge.clock.wait(1000.0)
    assert not of(judge).comes_first()

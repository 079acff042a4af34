"""Pods that stand apart, with two replicas: nothing is held for one, until it is bound or a node can hold it."""

from msgspec.structs import replace

from tests.model.hand import Hand, pod
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.sharing.allotment import Ask
from webhook.core.values.amounts import NOTHING
from webhook.core.values.scopes import CLUSTER

CONFIG = """
apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 100%}}
overrides: [{namespaces: [free], mode: warn}]
"""
HUGE = replace(pod("huge", 200), name="free/huge")


def two() -> Hand:
    """Two replicas with one node of 100, and a namespace where everything is let in."""
    hand = Hand("a", "b")
    for ledger in hand.ledgers.values():
        ledger.configure(AccountingRules(parse(CONFIG)), hand.now)
    return hand


def charged(hand: Hand) -> list[int]:
    balances = [ledger.balance(CLUSTER) for ledger in hand.ledgers.values()]
    return [balance.committed.plus(balance.unseen).memory_requests for balance in balances]


def books(hand: Hand, name: str, wanted: PodInfo) -> bool:
    hand.tell()
    return bool(hand.write(name, wanted).booked)


def test_no_replica_holds_anything_for_it_while_it_is_on_its_way_or_waits() -> None:
    hand = two()
    hand.replicas["a"].grants.force(HUGE, hand.now)
    proposal = hand.replicas["a"].propose([Ask(HUGE, forced=True)], hand.now, "e")
    hand.replicas["a"].begin(proposal)
    hand.carry_out(proposal)
    hand.replicas["a"].written(hand.written_at, hand.now)
    assert [ask.pod.name for ask in proposal.booked] == ["free/huge"], "its review is answered"
    assert all(ledger.reservations.unretired(CLUSTER) == NOTHING for ledger in hand.ledgers.values())
    hand.come(HUGE)
    assert charged(hand) == [0, 0]
    hand.write("a", leaving=True)
    assert books(hand, "b", pod("all", 100))


def test_once_it_is_bound_neither_grants_anything() -> None:
    hand = two()
    live = hand.come(HUGE)
    hand.come(replace(live, node="node"))
    assert charged(hand) == [200, 200]
    assert not books(hand, "a", pod("one"))
    assert not books(hand, "b", pod("two"))


def test_what_was_granted_beside_it_stays_granted_when_a_larger_node_comes() -> None:
    hand = two()
    hand.come(HUGE)
    hand.write("a", leaving=True)
    assert books(hand, "b", pod("all", 100))
    for ledger in hand.ledgers.values():
        ledger.see_node(NodeInfo("large", Allocatable(250, 0), ready=True), hand.now)
    assert charged(hand) == [200, 300]
    assert not books(hand, "b", pod("more", 51))
    assert books(hand, "b", pod("rest", 50))


def test_what_the_account_let_in_is_held_for_though_no_node_can_hold_it() -> None:
    hand = two()
    for ledger in hand.ledgers.values():
        ledger.see_node(NodeInfo("other", Allocatable(100, 0), ready=True), hand.now)
    wide = pod("wide", 150)
    assert hand.ledgers["a"].lacking(wide) is not None
    assert books(hand, "a", wide)
    assert not books(hand, "b", pod("more", 51))
    hand.come(wide)
    assert charged(hand) == [150, 150]

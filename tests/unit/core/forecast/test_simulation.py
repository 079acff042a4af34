"""Simulations: other thresholds, nodes that go and come, and which pods would be admitted again."""

import pytest
from msgspec.structs import replace

from tests.support import accounts
from tests.support.accounts import GI, bound, committed, node, pod
from webhook.core.forecast.simulation import Changes, NewNodes, SimulationError, in_zone, simulate
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.traits import Traits


def three_nodes(settings: str = "", requests: str = "100%", *, each: int = 4) -> Ledger:
    """Three nodes of 8Gi with `each` pods of 1Gi on each."""
    ledger = accounts.ledger(settings, node("n1"), node("n2"), node("n3"), requests=requests)
    for number in range(3 * each):
        ledger.see(pod(f"p{number}", 1, f"n{number % 3 + 1}"))
    return ledger


def account(ledger: Ledger) -> AccountSnapshot:
    return ledger.account(0.0)


def test_nothing_changed_is_the_account_as_it_is() -> None:
    found = simulate(account(three_nodes()), Changes())
    assert (bound(found.ledger), committed(found.ledger)) == (24, 12)
    assert found.displaced.pods == 0


def test_another_threshold() -> None:
    found = simulate(account(three_nodes()), Changes(config=accounts.config(requests="50%")))
    assert bound(found.ledger) == 12
    assert committed(found.ledger) == 12


def test_without_a_node_its_pods_come_back_as_far_as_there_is_room() -> None:
    found = simulate(account(three_nodes(each=6)), Changes(without=frozenset({"n1"})))
    assert bound(found.ledger) == 16
    assert (found.displaced.pods, found.displaced.admitted) == (6, 4)
    assert committed(found.ledger) == 16
    assert len(found.displaced.refused) == 2


def test_a_reserve_pays_for_a_drain() -> None:
    ledger = three_nodes("reserve: {nodes: 1}", each=5)
    assert (bound(ledger), committed(ledger)) == (16, 15)
    found = simulate(account(ledger), Changes(drain=frozenset({"n1"})))
    assert (found.displaced.pods, found.displaced.admitted) == (5, 5)
    assert (bound(found.ledger), committed(found.ledger)) == (16, 15)


def test_a_new_node_of_a_pool_adds_to_its_bound() -> None:
    ledger = accounts.ledger(accounts.HIGH_MEM, node("n1", pool="high-mem"))
    more = NewNodes(2, Allocatable(8 * GI, 4000), {"pool": "high-mem"})
    found = simulate(account(ledger), Changes(add=(more,)))
    assert bound(found.ledger, "high-mem") == 18


def test_pods_of_a_daemon_set_go_with_their_node() -> None:
    ledger = three_nodes(each=0)
    ledger.see(replace(pod("agent", 1, "n1"), traits=Traits(("DaemonSet", "agent"))))
    found = simulate(account(ledger), Changes(without=frozenset({"n1"})))
    assert found.displaced.pods == 0
    assert committed(found.ledger) == 0


def test_what_policy_lets_in_comes_back_whatever_is_committed() -> None:
    ledger = three_nodes("mode: audit", requests="10%")
    found = simulate(account(ledger), Changes(without=frozenset({"n1"})))
    assert found.displaced.admitted == found.displaced.pods == 4


def test_a_node_that_is_not_there_is_named() -> None:
    with pytest.raises(SimulationError, match="no node n9"):
        simulate(account(three_nodes()), Changes(without=frozenset({"n9"})))


def test_a_zone_is_its_nodes() -> None:
    ledger = accounts.ledger("", node("n1", pool="a"), node("n2", pool="b"))
    assert in_zone(account(ledger), "a", "pool") == {"n1"}
    with pytest.raises(SimulationError, match="pool=c"):
        in_zone(account(ledger), "c", "pool")

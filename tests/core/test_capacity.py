"""Capacity: when a node counts, and what its scopes can bear."""

from tests.core.accounts import GI, HIGH_MEM, config, node
from webhook.core.accounting import Accounting
from webhook.core.capacity import Bearing, Capacity
from webhook.core.nodes import Node, NodeFacts, Room
from webhook.core.scopes import CLUSTER


def capacity(settings: str = "", *nodes: NodeFacts) -> Capacity:
    made = Capacity(Accounting(config(settings)))
    made.relist(nodes, 0.0)
    return made


def names(changed: list[Node]) -> list[str]:
    return sorted(each.facts.name for each in changed)


def room(of: Capacity, scope: str = CLUSTER) -> float:
    return of.bearing(scope).room.memory / GI


def kept(of: Capacity, scope: str = CLUSTER) -> float:
    return of.bearing(scope).reserve.memory / GI


def test_without_nodes_nothing_can_be_borne() -> None:
    assert capacity().bearing(CLUSTER) == Bearing(Room(), Room(), (0, *[None] * 7))


def test_ready_nodes_count_and_those_that_are_cordoned_or_tainted_away_do_not() -> None:
    taints = frozenset({"node-role.kubernetes.io/control-plane"})
    of = capacity("", node("a"), node("b", cordoned=True), node("c", taints=taints), node("d", 4))
    assert room(of) == 12
    assert [name for name in "abcd" if of.counts(name)] == ["a", "d"]


def test_a_node_that_is_not_ready_counts_until_its_grace_has_ended_and_returns_at_once() -> None:
    of = capacity("", node("a"), node("b"))
    of.see(node("b", ready=False), 100.0)
    assert of.tick(109.9) == []
    assert room(of) == 16
    assert names(of.tick(110.0)) == ["b"]
    assert room(of) == 8
    assert of.tick(111.0) == []
    of.see(node("b"), 112.0)
    assert room(of) == 16


def test_every_time_that_it_was_ready_gives_a_new_grace_and_other_changes_give_none() -> None:
    of = capacity("", node("a"))
    of.see(node("a", ready=False), 100.0)
    of.see(node("a", ready=False, cpu=8000), 105.0)
    of.tick(109.0)
    assert of.counts("a")
    of.see(node("a"), 109.5)
    of.see(node("a", ready=False), 109.6)
    of.tick(119.5)
    assert of.counts("a")
    of.tick(119.6)
    assert not of.counts("a")


def test_a_node_that_is_not_ready_in_the_first_list_gets_no_grace() -> None:
    of = capacity("", node("a"), node("b", ready=False))
    assert room(of) == 8
    of.see(node("b"), 1.0)
    assert room(of) == 16


def test_a_node_that_joins_counts_from_when_it_is_ready() -> None:
    of = capacity("", node("a"))
    of.see(node("b", ready=False), 1.0)
    assert room(of) == 8
    of.relist([node("a"), node("b", ready=False), node("c", ready=False)], 2.0)
    assert room(of) == 8
    of.see(node("b"), 3.0)
    assert room(of) == 16


def test_a_node_that_is_not_ready_in_a_later_list_has_its_grace() -> None:
    of = capacity("", node("a"))
    of.relist([node("a", ready=False)], 50.0)
    of.tick(59.9)
    assert room(of) == 8
    of.tick(60.0)
    assert room(of) == 0


def test_a_longer_grace_does_not_bring_back_a_node_that_was_never_ready() -> None:
    of = capacity("", node("a", ready=False))
    of.configure(Accounting(config("nodes: {notReadyGrace: 1h}")), 5.0)
    assert room(of) == 0


def test_a_deleted_node_is_remembered_for_a_while() -> None:
    of = capacity("", node("a"), node("b"))
    assert names(of.gone("b", 100.0)) == ["b"]
    assert room(of) == 8
    assert of.gone("b", 200.0) == []
    assert of.tick(699.9) == []
    assert of.get("b") is not None
    assert names(of.tick(700.0)) == ["b"]
    assert of.get("b") is None
    assert of.gone("b", 701.0) == []


def test_a_deleted_node_that_is_back_counts_when_it_is_ready_again() -> None:
    of = capacity("", node("a"))
    of.gone("a", 10.0)
    of.see(node("a", ready=False), 11.0)
    assert room(of) == 0
    of.see(node("a"), 12.0)
    assert room(of) == 8
    assert of.tick(1000.0) == []


def test_a_list_deletes_what_it_lacks() -> None:
    of = capacity("", node("a"), node("b"))
    assert names(of.relist([node("a"), node("c", 2)], 10.0)) == ["b", "c"]
    assert room(of) == 10
    assert of.relist([node("a"), node("c", 2)], 11.0) == []


def test_what_did_not_change_is_not_told() -> None:
    of = capacity("", node("a"))
    assert of.see(node("a"), 1.0) == []
    assert names(of.see(node("a", 9), 2.0)) == ["a"]


def test_a_reserve_keeps_the_largest_node_and_its_loss_leaves_the_bound_where_it_was() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    before = of.bearing(CLUSTER).bound
    of.see(node("c", ready=False), 10.0)
    of.tick(20.0)
    assert (room(of), kept(of), of.bearing(CLUSTER).bound) == (16, 0, before)
    of.gone("c", 30.0)
    assert of.bearing(CLUSTER).bound == before
    of.tick(630.0)
    assert (room(of), kept(of)) == (16, 8)


def test_a_cordon_is_not_a_loss_that_the_reserve_pays_for() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c", cordoned=True))
    assert (room(of), kept(of)) == (16, 8)


def test_a_cordoned_node_that_is_lost_as_well_is_paid_for_as_soon_as_its_grace_has_ended() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c", cordoned=True))
    of.see(node("c", cordoned=True, ready=False), 10.0)
    assert kept(of) == 8
    assert names(of.tick(20.0)) == ["c"]
    assert kept(of) == 0


def test_a_node_whose_grace_ends_between_two_ticks_is_not_both_counted_and_lost() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    of.see(node("c", ready=False), 10.0)
    of.see(node("d", 1), 21.0)
    assert (room(of), kept(of)) == (25, 8)
    of.tick(21.0)
    assert (room(of), kept(of)) == (17, 0)


def test_a_pool_has_the_room_of_its_own_nodes_and_follows_their_labels() -> None:
    of = capacity(HIGH_MEM, node("a", 4), node("b", 8, pool="high-mem"))
    assert (room(of), room(of, "high-mem")) == (12, 8)
    of.see(node("a", 4, pool="high-mem"), 1.0)
    assert (room(of), room(of, "high-mem")) == (12, 12)
    of.configure(Accounting(config()), 2.0)
    assert (room(of), room(of, "high-mem")) == (12, 0)
    assert all(each.pool is None for each in of.all())


def test_the_reserve_of_a_pool_is_its_own() -> None:
    pool = "pools: [{name: big, nodeSelector: {pool: big}, reserve: {nodes: 2}}]\nreserve: {nodes: 1}"
    of = capacity(pool, node("a", 4), node("b", 8, pool="big"), node("c", 6, pool="big"))
    assert (kept(of), kept(of, "big")) == (8, 14)

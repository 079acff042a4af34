"""Capacity: when a node counts, and what its scopes can bear."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.accounts import GI, HIGH_MEM, REQUESTS, config, footprint, node
from tests.support.ledger_and_reference import configs, nodes
from webhook.core.config.config import HeadroomConfig
from webhook.core.ledger.capacity import Capacity, ScopeLimits
from webhook.core.ledger.nodes import Allocatable, Node, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER


def nothing(_: str) -> Amounts:
    return NOTHING


def capacity(settings: str = "", *nodes: NodeInfo, held: Callable[[str], Amounts] = nothing) -> Capacity:
    made = Capacity(AccountingRules(config(settings)), held)
    made.relist(nodes, 0.0)
    return made


def names(changed: list[Node]) -> list[str]:
    return sorted(each.info.name for each in changed)


def room(of: Capacity, scope: str = CLUSTER) -> float:
    return of.scope_limits(scope).room.memory / GI


def kept(of: Capacity, scope: str = CLUSTER) -> float:
    return of.scope_limits(scope).reserve[REQUESTS] / GI


def unpaid(of: Capacity, scope: str = CLUSTER) -> float:
    return of.scope_limits(scope).unpaid[REQUESTS] / GI


def test_without_nodes_nothing_can_be_borne() -> None:
    assert capacity().scope_limits(CLUSTER) == ScopeLimits(Allocatable(), (0,) * 8, (0, *[None] * 7))


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
    of.configure(AccountingRules(config("nodes: {notReadyGrace: 1h}")), 5.0)
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
    before = of.scope_limits(CLUSTER).bound
    of.see(node("c", ready=False), 10.0)
    of.tick(20.0)
    assert (room(of), kept(of), of.scope_limits(CLUSTER).bound) == (16, 0, before)
    of.gone("c", 30.0)
    assert of.scope_limits(CLUSTER).bound == before
    of.tick(630.0)
    assert (room(of), kept(of)) == (16, 8)


def test_a_cordon_is_a_planned_loss_that_the_reserve_pays_for() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    before = of.scope_limits(CLUSTER)
    of.see(node("c", cordoned=True), 1.0)
    assert (room(of), kept(of), unpaid(of), of.scope_limits(CLUSTER).bound) == (16, 0, 0, before.bound)
    of.see(node("c"), 2.0)
    assert of.scope_limits(CLUSTER) == before


def test_the_planned_end_of_a_cordoned_node_changes_nothing_until_it_is_forgotten() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c", cordoned=True))
    before = of.scope_limits(CLUSTER).bound
    of.gone("c", 10.0)
    assert (room(of), kept(of), of.scope_limits(CLUSTER).bound) == (16, 0, before)
    of.tick(610.0)
    assert (room(of), kept(of)) == (16, 8)


def test_of_more_cordoned_nodes_than_the_reserve_is_for_the_others_are_unpaid() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c", 6, cordoned=True), node("d", 7, cordoned=True))
    assert (room(of), kept(of), unpaid(of)) == (16, 0, 13 - 8)


def test_a_loss_is_paid_for_before_a_cordon() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"), node("d", cordoned=True))
    of.gone("c", 10.0)
    assert (room(of), kept(of), unpaid(of)) == (16, 0, 8)


def test_without_a_reserve_all_of_a_cordoned_node_is_unpaid() -> None:
    of = capacity("", node("a"), node("b", 6, cordoned=True))
    assert (room(of), kept(of), unpaid(of)) == (8, 0, 6)


def holding(**held: float) -> Callable[[str], Amounts]:
    return lambda name: footprint(held.get(name, 0))


TAINTED = frozenset({"node-role.kubernetes.io/control-plane"})


@pytest.mark.parametrize("cordoned", [False, True])
def test_a_node_that_is_tainted_away_uses_up_nothing(cordoned: bool) -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b", 16, taints=TAINTED, cordoned=cordoned))
    assert (room(of), kept(of)) == (8, 8)
    of.see(node("b", 16, taints=TAINTED, cordoned=cordoned, ready=False), 10.0)
    of.tick(20.0)
    assert kept(of) == 8
    of.gone("b", 30.0)
    assert kept(of) == 8


def test_a_node_that_joins_cordoned_uses_up_nothing_before_it_has_counted() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"))
    of.see(node("c", cordoned=True), 1.0)
    assert (room(of), kept(of)) == (16, 8)
    of.see(node("c"), 2.0)
    of.see(node("c", cordoned=True), 3.0)
    assert (room(of), kept(of)) == (16, 0)


def test_a_node_that_joins_is_not_lost_before_it_was_there() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"))
    of.see(node("b", 16, ready=False), 1.0)
    assert (room(of), kept(of)) == (8, 8)
    of.see(node("b", 16), 2.0)
    assert (room(of), kept(of)) == (24, 16)


@pytest.mark.parametrize(("held", "can_be_lost"), [(3, 8), (10, 10), (20, 16)])
def test_of_a_node_tainted_away_what_its_pods_hold_can_be_lost_and_is_paid_for(held: float, can_be_lost: float) -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b", 16, taints=TAINTED), held=holding(b=held))
    assert kept(of) == can_be_lost
    of.see(node("b", 16, taints=TAINTED, ready=False), 10.0)
    assert kept(of) == can_be_lost
    assert names(of.tick(20.0)) == ["b"]
    assert kept(of) == can_be_lost - min(held, 16)


def test_what_was_lost_is_remembered_when_the_pods_are_gone_and_forgotten_when_the_node_is_back() -> None:
    held = {"b": 3.0}
    of = capacity("reserve: {nodes: 1}", node("a"), node("b", taints=TAINTED), held=lambda name: footprint(held[name]))
    of.gone("b", 10.0)
    held["b"] = 0
    of.stir("b")
    assert kept(of) == 5
    of.see(node("b", ready=False, taints=TAINTED), 20.0)
    assert kept(of) == 5
    of.see(node("b", taints=TAINTED), 30.0)
    assert kept(of) == 8


def test_a_node_that_joins_takes_the_place_of_one_that_was_lost() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    bound = of.scope_limits(CLUSTER).bound
    of.gone("c", 10.0)
    of.see(node("d", 3, ready=False), 20.0)
    assert (room(of), kept(of), of.scope_limits(CLUSTER).bound) == (16, 0, bound)
    of.see(node("d", 3), 30.0)
    assert (room(of), kept(of), of.scope_limits(CLUSTER).bound) == (19, 3, bound)
    of.see(node("e", 6), 40.0)
    assert (room(of), kept(of)) == (25, 8)
    of.tick(610.0)
    assert (room(of), kept(of)) == (25, 8)


def test_a_node_that_joined_before_a_loss_takes_no_place() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"))
    of.see(node("c"), 10.0)
    of.gone("a", 20.0)
    assert (room(of), kept(of)) == (16, 0)


def test_a_node_that_is_back_has_not_joined() -> None:
    of = capacity("reserve: {nodes: 2}", node("a"), node("b"), node("c"), node("d"))
    of.gone("a", 10.0)
    of.gone("b", 10.0)
    assert (room(of), kept(of)) == (16, 0)
    of.see(node("a"), 20.0)
    assert (room(of), kept(of)) == (24, 8)


def test_another_configuration_lets_no_node_join() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"))
    of.see(node("c", taints=TAINTED), 5.0)
    of.gone("b", 10.0)
    of.configure(AccountingRules(config("reserve: {nodes: 1}\nnodes: {excludeTaints: []}")), 20.0)
    assert (room(of), kept(of)) == (16, 0)


def test_a_list_of_pods_tells_what_a_node_held_that_was_lost_before_it() -> None:
    held = {"b": 0.0}
    of = capacity("reserve: {nodes: 1}", node("a"), node("b", ready=False), held=lambda name: footprint(held[name]))
    assert kept(of) == 8
    for now_held, still_kept in ((3, 5), (2, 5)):
        held["b"] = now_held
        of.listed()
        assert kept(of) == still_kept


def test_a_node_whose_grace_ends_between_two_ticks_is_not_both_counted_and_lost() -> None:
    of = capacity("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    of.see(node("c", ready=False), 10.0)
    of.see(node("d", 1), 21.0)
    assert (room(of), kept(of)) == (25, 8)
    of.tick(22.0)
    assert (room(of), kept(of)) == (17, 0)


def test_a_pool_has_the_room_of_its_own_nodes_and_follows_their_labels() -> None:
    of = capacity(HIGH_MEM, node("a", 4), node("b", 8, pool="high-mem"))
    assert (room(of), room(of, "high-mem")) == (12, 8)
    of.see(node("a", 4, pool="high-mem"), 1.0)
    assert (room(of), room(of, "high-mem")) == (12, 12)
    of.configure(AccountingRules(config()), 2.0)
    assert (room(of), room(of, "high-mem")) == (12, 0)
    assert all(each.pool is None for each in of.all())


def test_the_reserve_of_a_pool_is_its_own() -> None:
    share = "thresholds: {memory: {requests: 50%}}"
    pool = f"pools: [{{name: big, nodeSelector: {{pool: big}}, reserve: {{nodes: 2}}, {share}}}]\nreserve: {{nodes: 1}}"
    of = capacity(pool, node("a", 4), node("b", 8, pool="big"), node("c", 6, pool="big"))
    assert (kept(of), kept(of, "big")) == (8, 14)


def test_pools_that_select_the_same_nodes_are_told_while_the_nodes_are_there() -> None:
    both = "{name: all, nodeSelector: {pool: high-mem}}, {name: late, nodeSelector: {zone: a}}"
    pools = f"pools: [{both}, {{name: some, nodeSelector: {{zone: b}}}}]"
    of = capacity(pools, node("a", pool="high-mem"), node("b"))
    assert of.overlaps() == {}
    zoned = [NodeInfo(name, Allocatable(1, 1), True, labels=(("pool", "high-mem"), ("zone", "a"))) for name in "cde"]
    for info in zoned:
        of.see(info, 1.0)
    assert of.overlaps() == {("all", "late"): 3}
    of.gone("e", 2.0)
    assert of.overlaps() == {("all", "late"): 2}
    of.configure(AccountingRules(config("pools: [{name: late, nodeSelector: {zone: a}}]")), 3.0)
    assert of.overlaps() == {}


def test_why_nodes_do_not_count_is_counted() -> None:
    of = capacity(HIGH_MEM, node("a", cordoned=True), node("b", taints=TAINTED), node("c", cordoned=True), node("d"))
    assert of.uncounted(CLUSTER) == (("cordoned", 2), ("tainted", 1))
    of.see(node("d", ready=False, pool="high-mem"), 1.0)
    assert of.uncounted("high-mem") == ()
    of.tick(11.0)
    assert of.uncounted("high-mem") == (("not Ready", 1),)
    of.gone("d", 12.0)
    assert of.uncounted("high-mem") == (("deleted", 1),)


@settings(max_examples=200)
@given(configs, st.lists(nodes, max_size=5, unique_by=lambda each: each.name), st.lists(nodes, max_size=4))
def test_bounds_without_the_largest_node_are_those_that_hold_once_it_is_lost(
    config: HeadroomConfig, listed: list[NodeInfo], changed: list[NodeInfo]
) -> None:
    def after_all(lost: str = "") -> Capacity:
        made = Capacity(AccountingRules(config), held=lambda name: Amounts(*[len(name)] * 8))
        made.relist(listed, 0.0)
        for each in changed:
            made.see(each, 1.0)
        if lost:
            made.gone(lost, 2.0)
        return made

    of = after_all()
    for scope in AccountingRules(config).scopes:
        for index in range(8):
            balance = [each for each in of.all() if scope in each.scopes and of.counts(each.info.name)]
            largest = max(balance, key=lambda each: each.info.room[index // 4], default=None)
            then = after_all(largest.info.name if largest else "").scope_limits(scope).bound[index]
            assert of.without_largest(scope)[index] == then, (scope, index)

"""The ledger's rules, one by one: what is charged where, what a lost node takes out, what may be created twice."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.support.accounts import (
    GI,
    HIGH_MEM,
    REQUESTS,
    bound,
    committed,
    config,
    footprint,
    headroom,
    ledger,
    node,
    pod,
)
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

# -- pods ------------------------------------------------------------------------------------------------------------


def test_every_pod_counts_wherever_it_is_until_it_has_run_to_its_end() -> None:
    of = ledger("", node("n"))
    for where in ("n", "", "stranger"):
        of.see(pod(f"on-{where}", 1, where))
    assert committed(of) == 3
    of.see(pod("on-n", 1, "n", counts=False))
    assert committed(of) == 2
    assert len(of) == 2


def test_a_change_replaces_what_the_pod_held() -> None:
    of = ledger("", node("n"))
    of.see(pod("p", 3, "n"))
    of.see(pod("p", 2, "n"))
    of.see(pod("p", 2, "n"))
    assert committed(of) == 2


def test_a_deletion_frees_only_what_the_deleted_pod_held() -> None:
    of = ledger("", node("n"))
    of.see(pod("web-0", 2, "n", uid="second"))
    of.gone(pod("web-0", 2, "n", uid="first"))
    assert committed(of) == 2
    of.gone(pod("web-0", 2, "n", uid="second"))
    of.gone(pod("web-0", 2, "n", uid="second"))
    assert committed(of) == 0


def test_a_list_replaces_all_pods_and_erases_nothing_that_is_unsettled() -> None:
    of = ledger("", node("n"))
    of.see(pod("old", 1, "n"))
    of.grant(pod("coming", 4), 0.0)
    of.relist([pod("new", 2, "n")], 50)
    assert committed(of) == 2
    assert headroom(of) == 8 - 2 - 4


def test_the_view_has_come_as_far_as_the_highest_revision_that_was_told() -> None:
    of = ledger("", node("n"))
    of.see(pod("a", 1, revision=7))
    assert (of.revision, of.pod_revision) == (7, 7)
    of.bookmark(12)
    of.bookmark(11)
    assert (of.revision, of.pod_revision) == (12, 7)
    of.gone(pod("a", 1, revision=13))
    assert (of.revision, of.pod_revision) == (13, 13)
    of.relist([pod("b", 1, revision=9)], 20)
    assert (of.revision, of.pod_revision) == (20, 13)


def test_a_proof_never_grows_older() -> None:
    of = ledger()
    of.prove(5.0)
    of.prove(3.0)
    assert of.proven_since == 5.0


# -- pools -----------------------------------------------------------------------------------------------------------


def test_a_bound_pod_is_in_its_nodes_pool_and_an_unbound_one_in_the_pool_that_it_is_confined_to() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("bound", 1, "b"))
    of.see(pod("confined", 2, confined_to={"pool": "high-mem", "zone": "x"}))
    of.see(pod("elsewhere", 4, "a", confined_to={"pool": "high-mem"}))
    of.see(pod("anywhere", 8, confined_to={"zone": "x"}))
    assert (committed(of, "high-mem"), committed(of)) == (3, 15)


def test_a_pod_moves_to_its_nodes_pool_when_it_is_bound() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("p", 2))
    assert committed(of, "high-mem") == 0
    of.see(pod("p", 2, "b"))
    assert committed(of, "high-mem") == 2


def test_a_node_that_joins_or_moves_takes_its_pods_into_its_pool() -> None:
    of = ledger(HIGH_MEM)
    of.see(pod("p", 2, "late"))
    assert committed(of, "high-mem") == 0
    of.see_node(node("late", pool="high-mem"), 1.0)
    assert committed(of, "high-mem") == 2
    of.see_node(node("late"), 2.0)
    assert (committed(of, "high-mem"), committed(of)) == (0, 2)


def test_pools_that_come_and_go_with_the_configuration_take_what_is_theirs() -> None:
    of = ledger("", node("a"), node("b", pool="high-mem"))
    of.see(pod("bound", 1, "b"))
    of.see(pod("confined", 2, confined_to={"pool": "high-mem"}))
    of.configure(AccountingRules(config(HIGH_MEM)), 1.0)
    assert (committed(of, "high-mem"), bound(of, "high-mem"), committed(of)) == (3, 6, 3)
    of.configure(AccountingRules(config()), 2.0)
    assert (committed(of, "high-mem"), committed(of)) == (0, 3)


def test_the_two_pools_of_the_articles() -> None:
    """A standard pool (2 nodes, 4 cores, 4 Gi) and a high-mem pool (2 nodes, 1 core, 8 Gi), each planned at 75 %."""
    share = "thresholds: {memory: {requests: 75%}, cpu: {requests: 75%}}"
    names = ("standard", "high-mem")
    pools = ", ".join(f"{{name: {name}, nodeSelector: {{pool: {name}}}, {share}}}" for name in names)
    of = ledger(
        f"pools: [{pools}]",
        *(node(f"s{number}", 4, cpu=4000, pool="standard") for number in (1, 2)),
        *(node(f"h{number}", 8, cpu=1000, pool="high-mem") for number in (1, 2)),
    )
    cpu = Amounts._fields.index("cpu_requests")
    assert [bound(of, name) for name in names] == [6, 12]
    assert [of.balance(name).scope_limits.bound[cpu] for name in names] == [6000, 1500]


# -- nodes that do not count -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [node("b", cordoned=True), node("b", taints=frozenset({"node-role"}))])
def test_a_node_that_does_not_count_takes_its_pods_out_and_brings_them_back(lost: NodeInfo) -> None:
    of = ledger("nodes: {excludeTaints: [node-role]}", node("a"), node("b"))
    of.see(pod("on-a", 3, "a"))
    of.see(pod("on-b", 5, "b"))
    of.see_node(lost, 1.0)
    assert (committed(of), bound(of)) == (3, 8)
    of.see(pod("more-on-b", 1, "b"))
    of.gone(pod("on-b", 5, "b"))
    assert committed(of) == 3
    of.see_node(node("b"), 2.0)
    assert (committed(of), bound(of)) == (4, 16)


def test_a_node_takes_no_more_out_than_it_took_out_of_the_bound() -> None:
    of = ledger("", node("a"), node("b"), requests="75%")
    of.see(pod("on-b", 11, "b"))
    assert headroom(of) == 1
    of.see_node(node("b", cordoned=True), 1.0)
    assert (committed(of), bound(of), headroom(of)) == (5, 6, 1)


def test_a_lost_node_lets_the_replacements_of_its_pods_in_if_there_is_a_reserve() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"), node("c"))
    for name in "abc":
        of.see(pod(f"on-{name}", 5, name))
    assert headroom(of) == 1
    of.see_node(node("c", ready=False), 10.0)
    assert headroom(of) == 1
    of.tick(20.0)
    assert headroom(of) == 6
    of.node_gone("c", 30.0)
    assert headroom(of) == 6
    of.see(pod("replacement", 5, "a"))
    of.gone(pod("on-c", 5, "c"))
    assert headroom(of) == 1


def test_without_a_reserve_exactly_what_fits_is_let_in_after_a_loss() -> None:
    of = ledger("", node("a"), node("b"))
    of.see(pod("on-a", 6, "a"))
    of.see(pod("on-b", 6, "b"))
    of.node_gone("b", 1.0)
    assert headroom(of) == 2


def test_the_pods_of_a_node_that_is_forgotten_are_the_clusters() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("on-b", 5, "b"))
    of.node_gone("b", 100.0)
    of.tick(699.0)
    assert (committed(of), committed(of, "high-mem")) == (0, 0)
    of.tick(700.0)
    assert (committed(of), committed(of, "high-mem")) == (5, 0)
    of.see_node(node("b", pool="high-mem"), 701.0)
    assert (committed(of), committed(of, "high-mem")) == (5, 5)


def test_pods_on_a_node_that_nobody_knows_count_in_full() -> None:
    of = ledger("", node("a"))
    of.see(pod("p", 5, "stranger"))
    assert committed(of) == 5


def test_a_drain_brings_back_what_was_on_the_node_and_its_end_changes_nothing() -> None:
    of = ledger("reserve: {nodes: 1}", node("a", 6), node("b", 6), node("c", 6))
    for number in range(12):
        of.see(pod(f"p{number}", 1, "abc"[number % 3]))
    assert (bound(of), committed(of), headroom(of)) == (12, 12, 0)
    of.see_node(node("c", 6, cordoned=True), 1.0)
    assert (bound(of), committed(of), headroom(of)) == (12, 12, 0)
    for number in range(2, 12, 3):
        of.gone(pod(f"p{number}", 1, "c"))
        assert headroom(of) == 1
        of.see(pod(f"again{number}", 1, "ab"[number % 2]))
        assert headroom(of) == 0
    of.node_gone("c", 2.0)
    assert (bound(of), committed(of), headroom(of)) == (12, 12, 0)
    of.see_node(node("d", 6), 60.0)
    assert (bound(of), committed(of), headroom(of)) == (12, 12, 0)
    of.tick(602.0)
    assert (bound(of), committed(of), headroom(of)) == (12, 12, 0)


def test_a_loss_during_a_drain_is_not_covered_and_says_nothing_else_than_what_still_fits() -> None:
    of = ledger("reserve: {nodes: 1}", node("a", 6), node("b", 6), node("c", 6))
    for number in range(12):
        of.see(pod(f"p{number}", 1, "abc"[number % 3]))
    of.see_node(node("c", 6, cordoned=True), 1.0)
    of.node_gone("b", 2.0)
    assert (bound(of), committed(of), headroom(of)) == (6, 4, 2)
    of.gone(pod("p2", 1, "c"))  # what the cordoned node holds is excused now: an eviction frees nothing
    assert headroom(of) == 2
    of.see_node(node("b", 6), 3.0)
    assert (bound(of), committed(of), headroom(of)) == (12, 11, 1)


def test_to_cordon_the_largest_node_frees_no_reserve_for_what_its_pods_would_need_elsewhere() -> None:
    of = ledger("reserve: {nodes: 1}", node("large", 16), node("a", 8), node("b", 8))
    of.see(pod("p", 12, "large"))
    assert headroom(of) == 4
    of.see_node(node("large", 16, cordoned=True), 1.0)
    assert (bound(of), committed(of), headroom(of)) == (16, 12, 4)
    of.gone(pod("p", 12, "large"))
    assert (bound(of), headroom(of)) == (16, 16)


def test_to_taint_the_largest_node_away_frees_no_reserve_for_what_its_pods_would_need_elsewhere() -> None:
    of = ledger("reserve: {nodes: 1}\nnodes: {excludeTaints: [out]}", node("large", 16), node("a", 8), node("b", 8))
    of.see(pod("p", 12, "large"))
    assert headroom(of) == 4
    of.see_node(node("large", 16, taints=frozenset({"out"})), 1.0)
    assert (bound(of), committed(of), headroom(of)) == (4, 0, 4)
    of.gone(pod("p", 12, "large"))  # what is there no more need not be replaced, and the reserve is whole
    assert (bound(of), headroom(of)) == (8, 8)
    of.node_gone("large", 2.0)
    assert (bound(of), headroom(of)) == (8, 8)


def test_a_cordoned_node_that_is_lost_lets_in_the_replacements_of_its_own_pods_and_no_more() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"), node("c", cordoned=True))
    of.see(pod("p", 3, "c"))
    of.see(pod("q", 13, "a"))
    assert headroom(of) == 0
    of.node_gone("c", 1.0)
    assert headroom(of) == 3
    of.gone(pod("p", 3, "c"))
    of.see(pod("again", 3, "b"))
    assert headroom(of) == 0


def test_a_cordon_gives_not_even_a_byte_by_rounding() -> None:
    sizes = {"a": 5, "b": 5, "c": 5, "d": 5, "e": 5, "f": 5, "g": 1}
    nodes = {name: NodeInfo(name, Allocatable(size, 0), True) for name, size in sizes.items()}
    of = ledger("reserve: {nodes: 1}", *nodes.values(), requests="50%")
    for name in "ef":
        of.see(PodInfo(f"default/{name}", name, 1, Amounts(memory_requests=2), name))
    for name in "efg":
        assert of.balance(CLUSTER).headroom(REQUESTS) == 13 - 4
        of.see_node(replace(nodes[name], cordoned=True), 1.0)
    assert of.balance(CLUSTER).headroom(REQUESTS) == 13 - 4
    assert of.balance(CLUSTER).scope_limits.bound[REQUESTS] == 10


def test_nodes_that_are_cordoned_for_long_use_up_the_reserve_and_no_more() -> None:
    of = ledger("reserve: {nodes: 1}", *(node(f"n{number}", 6, cordoned=number > 2) for number in range(12)))
    of.see(pod("p", 5, "n5"))
    assert (bound(of), committed(of), headroom(of)) == (18, 0, 18)


def test_a_replica_that_starts_after_a_loss_pays_for_the_pods_that_are_still_there() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"), node("c", ready=False))
    assert headroom(of) == 8
    of.relist([pod("p", 3, "c"), pod("q", 8, "a")], 5)
    assert (bound(of), committed(of), headroom(of)) == (11, 8, 3)


# -- names and reservations ------------------------------------------------------------------------------------------


def test_a_grant_is_charged_until_its_pod_is_seen_and_then_once() -> None:
    of = ledger("", node("a"))
    of.grant(pod("p", 3), 0.0)
    assert (committed(of), headroom(of)) == (0, 5)
    of.see(pod("p", 3))
    assert (committed(of), headroom(of)) == (3, 5)


def test_a_name_costs_the_larger_of_what_lives_there_and_what_may_come() -> None:
    of = ledger("", node("a"))
    of.see(pod("web-0", 3, "a", uid="old"))
    of.grant(pod("web-0", 4, uid="new"), 0.0)
    of.grant(pod("web-0", 2, uid="duplicate"), 0.0)
    assert headroom(of) == 8 - 4
    of.gone(pod("web-0", 3, "a", uid="old"))
    assert headroom(of) == 8 - 4


def test_a_pod_that_is_created_anew_on_a_lost_node_is_charged_beside_the_old_one() -> None:
    """The old pod is excused with its node, so it covers nothing of what may come; else both would be free."""
    of = ledger("", node("a"), node("b"))
    of.see(pod("web-0", 3, "b", uid="old"))
    of.grant(pod("web-0", 3, uid="new"), 0.0)
    assert headroom(of) == 13
    of.see_node(node("b", cordoned=True), 1.0)
    assert (committed(of), headroom(of)) == (0, 8 - 3)
    of.see_node(node("b"), 2.0)
    assert headroom(of) == 13


def test_the_loss_of_a_node_that_is_forgotten_makes_its_pods_cover_their_names_again() -> None:
    of = ledger("", node("a"), node("b"))
    of.see(pod("web-0", 3, "b", uid="old"))
    of.grant(pod("web-0", 3, uid="new"), 0.0)
    of.node_gone("b", 0.0)
    assert headroom(of) == 5
    of.tick(600.0)
    assert (committed(of), headroom(of)) == (3, 5)


def test_what_is_charged_under_a_name_covers_the_pool_only_where_it_lives_there() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("p", 2, "a"))
    assert of.balance("high-mem").committed == footprint(0, 0)
    of.grant(pod("p", 2, uid="new", confined_to={"pool": "high-mem"}), 0.0)
    assert of.balance("high-mem").unseen == footprint(2)
    assert of.balance(CLUSTER).unseen == footprint(0, 0)


def test_a_sum_without_a_bound_has_no_headroom_to_speak_of() -> None:
    of = ledger("", node("a"))
    assert of.balance(CLUSTER).headroom(Amounts._fields.index("cpu_requests")) is None


# -- what nobody was asked about -------------------------------------------------------------------------------------


def test_a_pod_that_left_its_end_counts_and_is_noted_as_growth_that_nobody_was_asked_about() -> None:
    of = ledger("", node("a"))
    of.see(pod("p", 3, "a"))
    of.see(pod("p", 3, "a", revision=2, counts=False))
    of.see(pod("p", 3, "a", revision=3, counts=False))
    assert (committed(of), of.unasked_growths, of.has_ended("default/p", "p-uid")) == (0, 0, True)
    of.see(pod("p", 3, "a", revision=4))
    assert (committed(of), of.unasked_growths, of.unasked_growth.memory_requests) == (3, 1, 3 * GI)
    of.see(pod("p", 3, "a", revision=5))
    assert (of.unasked_growths, of.born_revision) == (1, 4)


def test_a_list_may_show_that_a_pod_left_its_end_and_forgets_those_that_are_gone() -> None:
    of = ledger("", node("a"))
    of.see(pod("lives-again", 1, counts=False))
    of.see(pod("gone", 1, counts=False))
    of.see(pod("deleted", 1, counts=False))
    of.gone(pod("deleted", 1, revision=2))
    of.relist([pod("lives-again", 1, revision=3), pod("gone", 1, uid="another", revision=3)], 3)
    assert (of.unasked_growths, committed(of), of._ended) == (1, 2, {})


def test_a_pod_that_takes_the_name_of_one_that_has_ended_is_no_growth() -> None:
    of = ledger("", node("a"))
    of.see(pod("p", 1, counts=False))
    of.see(pod("p", 1, uid="new", revision=2))
    assert (of.unasked_growths, committed(of)) == (0, 1)


def test_what_is_bound_into_a_pool_that_it_was_not_charged_to_is_metered() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("free", 2))
    of.see(pod("sent", 4, confined_to={"pool": "high-mem"}))
    of.grant(pod("granted", 8), 1.0)
    for name, size in (("free", 2), ("sent", 4), ("granted", 8), ("unknown", 16)):
        of.see(pod(name, size, "b", revision=2))
        of.see(pod(name, size, "b", revision=3))
    assert (dict(of.unconfined_binds), of.unconfined_bound["high-mem"].memory_requests) == ({"high-mem": 2}, 10 * GI)
    of.see(pod("elsewhere", 1))
    of.see(pod("elsewhere", 1, "a", revision=4))
    of.see(pod("ended", 1))
    of.see(pod("ended", 1, "b", revision=5, counts=False))
    assert of.unconfined_binds.total() == 2


def test_what_a_resource_claim_takes_is_counted_and_metered_once() -> None:
    of = ledger("", node("n"))
    of.see(pod("p", 1, "n"))
    claimed = structs.replace(pod("p", 3, "n", revision=2), claims=True)
    of.see(claimed)
    assert (committed(of), of.unasked_growths, of.unasked_growth.memory_requests) == (3, 1, 2 * GI)
    of.see(structs.replace(pod("p", 4, "n", revision=3), claims=True))
    assert (committed(of), of.unasked_growths) == (4, 1), "a resize of a pod with a claim was asked about"
    of.gone(claimed)
    of.see(pod("p", 1, "n", uid="next", revision=5))
    of.see(structs.replace(pod("p", 2, "n", uid="next", revision=6), claims=True))
    assert of.unasked_growths == 2


def test_a_name_costs_what_a_pod_adds_to_what_lives_there_or_is_granted() -> None:
    of = ledger("", node("n"))
    of.see(pod("lives", 3, "n", uid="old"))
    of.grant(pod("granted", 2, uid="first"), 0.0)
    grown = {name: of.growth(pod(name, 5, uid="new"), CLUSTER).memory_requests for name in ("lives", "granted", "new")}
    assert grown == {"lives": 2 * GI, "granted": 3 * GI, "new": 5 * GI}


def test_only_what_policy_lets_in_and_no_node_can_hold_is_set_apart() -> None:
    for settings, lets_in in (("exempt: {namespaces: [default]}", True), ("", False)):
        of = ledger(settings, node("a"), node("b"))
        assert of.sets_apart(pod("huge", 9)) is lets_in
        assert not of.sets_apart(pod("small", 1))
        assert not of.sets_apart(pod("bound", 9, "a"))


def test_a_view_is_outdated_from_a_doubt_until_a_list_that_was_asked_for_after_it() -> None:
    of = ledger("", node("n"))
    seen = [of.outdated]
    of.doubt(100.0)
    seen.append(of.outdated)
    for since in (99.0, 100.0):  # the first may be of the history that was replaced
        of.relist([], 5, since)
        seen.append(of.outdated)
    assert seen == [False, True, True, False]


def test_a_resize_that_was_infeasible_is_growth_without_a_review_once_it_is_feasible_and_no_other_is() -> None:
    of = ledger("", node("n"))
    of.see(pod("p", 1, "n", infeasible=True, revision=1))
    of.see(pod("other", 1, "n", revision=2))
    of.see(pod("other", 3, "n", revision=3))
    assert of.unasked_growths == 0, "somebody was asked about that"
    of.see(pod("p", 4, "n", revision=4))
    assert (of.unasked_growths, of.unasked_growth.memory_requests) == (1, 3 * GI)
    of.see(pod("p", 5, "n", revision=5))
    assert of.unasked_growths == 1, "it was not infeasible any more"


def test_a_resize_that_was_infeasible_is_forgotten_with_its_pod() -> None:
    of = ledger("", node("n"))
    of.see(pod("p", 1, "n", infeasible=True, revision=1))
    of.gone(pod("p", 1, "n", revision=2))
    of.see(pod("p", 1, "n", revision=3))
    of.see(pod("p", 4, "n", revision=4))
    assert of.unasked_growths == 0


# -- changes of where a pod may run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "will_be", "node_name", "elsewhere"),
    [
        ("high-mem", "high-mem", "", False),
        ("", "high-mem", "", True),
        ("high-mem", "", "", True),
        ("", "", "", False),
        ("high-mem", "", "h", False),
        ("", "", "h", True),
    ],
)
def test_a_change_knows_whether_it_is_charged_where_the_pod_was(
    was: str, will_be: str, node_name: str, elsewhere: bool
) -> None:
    of = ledger(HIGH_MEM, node("a"), node("h", pool="high-mem"))
    confined = {"pool": will_be} if will_be else None
    ways = (Way((("pool", was),)),) if was else ()
    before = Before(7, footprint(1), "+1")
    changed = structs.replace(pod("p", 1, node_name, confined_to=confined), was_confined_to=ways, before=before)
    assert of.before(changed).elsewhere is elsewhere
    there = "high-mem" if will_be or node_name else CLUSTER
    assert of.asked(changed, CLUSTER) == Amounts()
    assert of.asked(changed, there) == (footprint(1) if elsewhere and there != CLUSTER else Amounts())

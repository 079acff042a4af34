"""Rows of scopes: balances, nodes and free pieces; the reference (reference_report.py) compares the sums."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI, footprint, ledger, node, pod
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reporting.rows import Fragmentation
from webhook.core.reporting.scope_rows import median

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})


def report(of: Ledger, said: Circumstances | None = None) -> Report:
    return Report(of.account(0.0), said or Circumstances())


def sized(of: NodeInfo, capacity: Allocatable | None, pods: int | None) -> NodeInfo:
    return replace(of, capacity=capacity, most_pods=pods)


def test_the_limits_of_a_scope_are_those_that_are_bounded() -> None:
    for missing, limits in (("count-request", 5), ("ignore", 4)):
        of = ledger(f"missingLimits: {missing}\nthresholds: {{memory: {{limits: 100%}}}}", node("a"))
        of.see(pod("with", 1, "a", limits=4))
        of.see(pod("without", 1, "a"))
        assert report(of).commitment().scopes[0].memory.limits.committed == limits * GI


def test_capacity_and_the_most_pods_are_those_of_the_nodes_that_count_and_unknown_if_one_is() -> None:
    of = ledger(
        "",
        sized(node("a"), Allocatable(9 * GI, 4100), 110),
        sized(node("b"), Allocatable(10 * GI, 4200), 250),
        sized(node("c", taints=CONTROL_PLANE), None, None),
    )
    scope = report(of).commitment().scopes[0]
    assert (scope.memory.capacity, scope.cpu.capacity, scope.pods_max) == (19 * GI, 8300, 360)
    of.see_node(node("b"), 0.0)
    scope = report(of).commitment().scopes[0]
    assert (scope.memory.capacity, scope.cpu.capacity, scope.pods_max) == (None, None, None)


def test_what_other_replicas_granted_is_granted_and_not_free() -> None:
    of = ledger("", node("a"))
    of.grant(pod("own", 1), 0.0)
    (scope,) = report(of, Circumstances(elsewhere={"cluster": footprint(2)})).commitment().scopes
    line = scope.memory.requests
    assert (line.granted, line.free, line.bound) == (3 * GI, 5 * GI, 8 * GI)


def test_the_nodes_that_use_up_a_reserve_are_named() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"))
    of.see_node(node("b", cordoned=True), 1.0)
    scope = report(of).commitment().scopes[0]
    assert (scope.reserve_nodes, scope.reserve_used, scope.nodes, scope.nodes_counted) == (1, ("b",), 2, 1)


# -- fragmentation -----------------------------------------------------------------------------------------------------


def test_free_memory_is_in_pieces_of_which_some_are_too_small() -> None:
    of = ledger("", node("a", 8), node("b", 8), node("c", 8), node("out", 64, taints=CONTROL_PLANE))
    for number, (where, requests) in enumerate((("a", 6), ("b", 3), ("b", 4), ("c", 3), ("c", 0))):
        of.see(pod(f"p{number}", requests, where))
    pieces = report(of).commitment().scopes[0].fragmentation
    assert (pieces.largest_free, pieces.median_request) == (5 * GI, 3 * GI)
    assert pieces.share_too_small == 3 / 8  # 2 on a and 1 on b, of 8


def test_nothing_is_said_of_pieces_where_nothing_is_free_or_no_pod_requests_memory() -> None:
    of = ledger("", node("a", 8))
    of.see(pod("p", 0, "a"))
    pieces = report(of).commitment().scopes[0].fragmentation
    assert (pieces.largest_free, pieces.median_request, pieces.share_too_small) == (8 * GI, None, None)
    of.see(pod("q", 9, "a"))
    pieces = report(of).commitment().scopes[0].fragmentation
    assert (pieces.largest_free, pieces.median_request, pieces.share_too_small) == (0, 9 * GI, None)


@given(st.lists(st.integers(1, 9), min_size=1))
def test_the_median_is_the_lower_one_in_the_middle(sizes: list[int]) -> None:
    assert median({size: sizes.count(size) for size in sizes}) == sorted(sizes)[(len(sizes) - 1) // 2]


def test_of_nothing_there_is_no_median() -> None:
    assert median({}) is None


def test_bounds_without_the_largest_node_are_what_is_left_once_it_is_lost() -> None:
    of = ledger("", node("a", 8), node("b", 16))
    line = report(of).commitment().scopes[0].memory.requests
    assert (line.bound, line.bound_without_largest) == (24 * GI, 8 * GI)
    of = ledger("reserve: {nodes: 1}", node("a", 8), node("b", 16))
    line = report(of).commitment().scopes[0].memory.requests
    assert (line.bound, line.bound_without_largest, line.reserve) == (8 * GI, 8 * GI, 16 * GI)


def test_pieces_of_free_memory_are_those_of_the_newest_rows() -> None:
    of, memo = ledger("", node("a", 8), node("b", 8)), Memo()

    def pieces() -> Fragmentation:
        return Report(of.account(0.0), memo=memo).commitment().scopes[0].fragmentation

    of.see(pod("p", 6, "a"))
    assert pieces() == Fragmentation(8 * GI, 6 * GI, 2 / 10)
    of.see(pod("q", 3, "b"))
    assert pieces() == Fragmentation(5 * GI, 3 * GI, 2 / 7)
    of.see_node(node("b", 8, cordoned=True), 1.0)
    assert pieces() == Fragmentation(2 * GI, 3 * GI, 1.0)

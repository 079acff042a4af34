"""Scope rows: what the rows of the cluster and of each pool say of their nodes, their pods and their sums."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI, HIGH_MEM, footprint, ledger, node, pod
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reporting.scope_rows import median

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})


def report(of: Ledger, said: Circumstances | None = None) -> Report:
    return Report(of.account(0.0), said or Circumstances())


def sized(of: NodeInfo, capacity: Allocatable | None, pods: int | None) -> NodeInfo:
    return replace(of, capacity=capacity, most_pods=pods)


def test_what_other_replicas_granted_is_granted_and_not_free() -> None:
    of = ledger("", node("a"))
    of.grant(pod("own", 1), 0.0)
    (scope,) = report(of, Circumstances(elsewhere={"cluster": footprint(2)})).commitment().scopes
    line = scope.memory.requests
    assert (line.granted, line.free, line.bound) == (3 * GI, 5 * GI, 8 * GI)


def test_a_pool_has_a_row_of_its_own_after_the_cluster() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("p", 1, "b"))
    of.see(pod("waits", 2, confined_to={"pool": "high-mem"}))
    made = report(of)
    (pool,) = made.pools()
    assert (pool.scope, pool.nodes, pool.pods, pool.memory.requests.pending) == ("high-mem", 1, 2, 2 * GI)
    assert [scope.scope for scope in made.commitment().scopes] == ["cluster", "high-mem"]
    assert pool.memory.requests.threshold == 0.75
    assert pool.memory.limits.threshold is None


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


def test_the_nodes_that_use_up_a_reserve_are_named() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"))
    of.see_node(node("b", cordoned=True), 1.0)
    scope = report(of).commitment().scopes[0]
    assert (scope.reserve_nodes, scope.reserve_used, scope.nodes, scope.nodes_counted) == (1, ("b",), 2, 1)


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


@pytest.mark.parametrize(
    ("sizes", "middle"),
    [({}, None), ({5: 1}, 5), ({5: 1, 9: 1}, 5), ({9: 1, 5: 2}, 5), ({5: 1, 9: 2}, 9), ({1: 2, 5: 1, 9: 2}, 5)],
)
def test_the_median_is_the_lower_one_of_the_two_in_the_middle(sizes: dict[int, int], middle: int | None) -> None:
    assert median(sizes) == middle


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_the_median_is_that_of_the_sizes_written_out(sizes: list[int]) -> None:
    assert median({size: sizes.count(size) for size in sizes}) == sorted(sizes)[(len(sizes) - 1) // 2]

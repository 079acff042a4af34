"""Rows of nodes: what they have, why they do not count, and which are made again."""

from dataclasses import replace

import pytest

from tests.support.accounts import GI, ledger, node, pod
from tests.support.ledger_reports import owned, report
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.report import Report
from webhook.core.reporting.rows import NodeRow

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})


def sized(of: NodeInfo, capacity: Allocatable | None, pods: int | None) -> NodeInfo:
    return replace(of, capacity=capacity, most_pods=pods)


def test_a_node_shows_what_its_pods_commit_whether_it_counts_or_not() -> None:
    of = ledger("", sized(node("a", 8, pool="x"), Allocatable(9 * GI, 4100), 110), node("out", taints=CONTROL_PLANE))
    of.see(owned(pod("p", 2, "a", limits=6, cpu=1000), "Deployment", "web", unbounded=2))
    of.see(pod("q", 3, "out"))
    counted, out = report(of).nodes()
    assert (counted.name, counted.counted, counted.why_not) == ("a", True, None)
    assert (counted.labels, counted.pods, counted.pods_max, counted.unbounded_containers) == ({"pool": "x"}, 1, 110, 2)
    assert (counted.memory.capacity, counted.memory.allocatable) == (9 * GI, 8 * GI)
    assert (counted.memory.requests, counted.memory.requests_ratio, counted.memory.limits_ratio) == (2 * GI, 0.25, 0.75)
    assert (counted.cpu.capacity, counted.cpu.requests, counted.cpu.requests_ratio) == (4100, 1000, 0.25)
    assert (out.counted, out.why_not, out.memory.requests) == (
        False,
        "taint node-role.kubernetes.io/control-plane",
        3 * GI,
    )


def test_a_node_without_allocatable_has_no_ratio() -> None:
    (row,) = report(ledger("", node("a", 0, cpu=0))).nodes()
    assert (row.memory.requests_ratio, row.cpu.limits_ratio) == (None, None)


@pytest.mark.parametrize(
    ("change", "why"),
    [({"cordoned": True}, "cordoned"), ({"ready": False}, "not ready"), ({"taints": CONTROL_PLANE}, "taint")],
)
def test_why_a_node_does_not_count(change: dict[str, object], why: str) -> None:
    of = ledger("nodes: {notReadyGrace: 0s}", node("a"))
    of.see_node(node("a", **change), 1.0)  # type: ignore[arg-type]
    (row,) = Report(of.account(1.0)).nodes()
    assert row.why_not is not None
    assert row.why_not.startswith(why)


def test_a_deleted_node_is_shown_until_it_is_forgotten_but_is_not_among_the_nodes_of_its_scope() -> None:
    of = ledger("", node("a"), node("b"))
    of.node_gone("b", 1.0)
    made = Report(of.account(1.0))
    assert [(row.name, row.why_not) for row in made.nodes()] == [("a", None), ("b", "deleted")]
    assert made.commitment().scopes[0].nodes == 1


def test_only_rows_of_nodes_that_changed_are_made_again() -> None:
    of, memo = ledger("", node("a"), node("b")), Memo()
    of.see(pod("p", 1, "a"))
    of.see(pod("q", 1, "b"))
    before = Report(of.account(0.0), memo=memo).nodes()
    of.see(pod("p", 2, "a", revision=2))
    after = Report(of.account(0.0), memo=memo).nodes()
    assert after[0].memory.requests == 2 * GI
    assert after[1] is before[1]


def test_the_table_is_the_same_until_a_node_shows_something_else() -> None:
    of, memo = ledger("", node("a"), node("c"), node("out", cordoned=True)), Memo()

    def shown() -> tuple[NodeRow, ...]:
        return Report(of.account(0.0), memo=memo).nodes()

    first = shown()
    of.see(pod("nowhere", 1))
    of.see_node(node("a"), 1.0)
    assert shown() is first, "nothing that is shown of a node has changed"
    of.see_node(node("b"), 2.0)
    assert [row.name for row in shown()] == ["a", "b", "c", "out"]
    assert shown()[0] is first[0]
    of.see_node(node("out"), 3.0)
    assert [row.counted for row in shown()] == [True] * 4
    of.see(pod("p", 1, "c"))
    of.gone(pod("p", 1, "c", revision=2))
    assert shown() == Report(of.account(0.0)).nodes()

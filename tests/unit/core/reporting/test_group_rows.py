"""Rows of groups: namespaces, workloads and labels of nodes, and what of them does not count."""

from tests.support.accounts import GI, ledger, node, pod
from tests.support.ledger_reports import in_namespace, owned, report
from webhook.core.reporting.rows import GroupRow

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})


def uncounted(rows: tuple[GroupRow, ...]) -> dict[str, float]:
    return {row.name: row.uncounted / GI for row in rows}


def test_a_workload_without_a_controller_is_each_pod_by_itself() -> None:
    of = ledger("", node("a"))
    of.see(owned(pod("web-1", 1, "a"), "Deployment", "web"))
    of.see(owned(pod("web-2", 1), "Deployment", "web"))
    of.see(pod("one", 2, "a"))
    of.see(pod("two", 4, "a"))
    made = report(of)
    rows = [(row.kind, row.namespace, row.name, row.pods, row.pending_pods) for row in made.workloads()]
    assert rows == [
        ("Deployment", "default", "web", 2, 1),
        ("Pod", "default", "one", 1, 0),
        ("Pod", "default", "two", 1, 0),
    ]
    assert [row.memory_share for row in made.workloads()] == [2 / 8, 2 / 8, 4 / 8]
    assert made.workloads("elsewhere") == ()


def test_the_shares_are_of_what_counts() -> None:
    of = ledger("", node("a"), node("out", taints=CONTROL_PLANE))
    of.see(in_namespace(pod("p", 2, "a"), "one"))
    of.see(in_namespace(pod("q", 4, "out"), "two"))
    one, two = report(of).namespaces()
    assert (one.memory_share, one.uncounted, two.memory_share, two.uncounted) == (1.0, 0, 0.0, 4 * GI)
    assert [row.memory_share for row in report(ledger("")).namespaces()] == []


def test_what_an_overfull_node_takes_out_is_shared_among_its_pods() -> None:
    of = ledger("", node("a", 8), node("out", 8, taints=CONTROL_PLANE), requests="75%")
    of.see(in_namespace(pod("p", 4, "out"), "one"))
    of.see(in_namespace(pod("q", 8, "out"), "two"))
    assert uncounted(report(of).namespaces()) == {"one": 2.0, "two": 4.0}  # together 75 % of 8 Gi
    assert sum(row.memory.requests - row.uncounted for row in report(of).namespaces()) == 6 * GI


def test_a_pod_that_stands_apart_does_not_count() -> None:
    of = ledger("exempt: {namespaces: [default]}", node("a", 8))
    of.see(pod("huge", 64))
    made = report(of)
    assert uncounted(made.workloads()) == {"huge": 64.0}
    assert (made.pods()[0].counted, made.commitment().scopes[0].apart) == (False, 1)
    assert made.by_label("zone")[0].uncounted == 64 * GI


def test_groups_by_a_label_have_what_their_nodes_hold_and_one_more_for_all_else() -> None:
    of = ledger("", node("a", pool="x"), node("b", pool="x"), node("c", pool="y"), node("d"))
    for name, where in (("p1", "a"), ("p2", "b"), ("p3", "d"), ("p4", "stranger"), ("p5", "")):
        of.see(pod(name, 1, where))
    rows = report(of).by_label("pool")
    assert [(row.kind, row.name, row.pods, row.pending_pods) for row in rows] == [
        ("pool", "", 3, 1),
        ("pool", "x", 2, 0),
        ("pool", "y", 0, 0),
    ]

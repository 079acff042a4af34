"""The report: what each row says, where the reference (tests/support/reference_report.py) does not look."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.support.accounts import GI, HIGH_MEM, ledger, node, pod
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.traits import Traits
from webhook.core.reporting.report import Circumstances, Memo, Report
from webhook.core.reporting.rows import GroupRow

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})
BIRTH = "2026-11-30T00:00:00Z"


def report(of: Ledger, said: Circumstances | None = None) -> Report:
    return Report(of.account(0.0), said or Circumstances())


def owned(of: PodInfo, kind: str, name: str, unbounded: int = 0) -> PodInfo:
    return structs.replace(of, traits=Traits((kind, name), unbounded))


def in_namespace(of: PodInfo, namespace: str) -> PodInfo:
    return structs.replace(of, name=f"{namespace}/{of.name.partition('/')[2]}")


def uncounted(rows: tuple[GroupRow, ...]) -> dict[str, float]:
    return {row.name: row.uncounted / GI for row in rows}


def sized(of: NodeInfo, capacity: Allocatable | None, pods: int | None) -> NodeInfo:
    return replace(of, capacity=capacity, most_pods=pods)


# -- the commitment ----------------------------------------------------------------------------------------------------


def test_the_commitment_says_what_it_is_of_and_how_far_it_can_be_trusted() -> None:
    of = ledger("mode: warn\nwarnAt: 80%", node("a"))
    of.bookmark(77)
    said = Circumstances("2026-11-30T12:00:00Z", 7.0, "the nodes are still being listed", "abc")
    found = report(of, said).commitment()
    assert (found.revision, found.as_of, found.age) == (77, "2026-11-30T12:00:00Z", 7.0)
    assert (found.problem, found.config_hash) == ("the nodes are still being listed", "abc")
    assert (found.mode, found.warn_at, found.kubernetes_rules) == ("warn", 0.8, ("1.37",))
    assert report(of).revision == 77


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


# -- nodes -------------------------------------------------------------------------------------------------------------


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


# -- groups ------------------------------------------------------------------------------------------------------------


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


def test_pods_of_a_cordoned_node_count_as_far_as_a_reserve_pays_for_it() -> None:
    paid = ledger("reserve: {nodes: 1}", node("a", 8), node("b", 8))
    unpaid = ledger("", node("a", 8), node("b", 8))
    for of in (paid, unpaid):
        of.see_node(node("b", 8, cordoned=True), 1.0)
        of.see(pod("p", 4, "b"))
    assert uncounted(report(paid).namespaces()) == {"default": 0.0}
    assert report(paid).pods()[0].counted
    assert uncounted(report(unpaid).namespaces()) == {"default": 4.0}
    assert not report(unpaid).pods()[0].counted


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


# -- pods that nobody reviewed -----------------------------------------------------------------------------------------


def test_pods_from_before_the_account_are_counted_once_its_birth_is_known() -> None:
    of = ledger("", node("a"))
    of.see(structs.replace(pod("old", 1, "a"), created="2026-11-29T00:00:00Z"))
    of.see(structs.replace(pod("new", 1, "a"), created="2026-11-30T00:00:01Z"))
    assert report(of).namespaces()[0].unreviewed == {}
    of.born(BIRTH)
    of.born("2026-11-30T00:00:02Z")  # the object was lost and made again
    of.born("")
    made = report(of)
    assert made.namespaces()[0].unreviewed == {"beforeHeadroom": 1}
    assert {row.name: row.unreviewed for row in made.pods()} == {"old": "beforeHeadroom", "new": None}


def test_a_pod_that_grew_and_nobody_was_asked_is_named_until_it_goes() -> None:
    of = ledger("", node("a"))
    of.see(pod("p", 1, "a", revision=1, infeasible=True))
    of.see(pod("p", 2, "a", revision=2))
    of.see(pod("q", 1, "a", revision=3))
    for groups in (report(of).namespaces(), report(of).workloads()[:1], report(of).by_label("zone")):
        assert groups[0].unreviewed == {"grownWithoutReview": 1}
    assert {row.name: row.unreviewed for row in report(of).pods()} == {"p": "grownWithoutReview", "q": None}
    of.gone(pod("p", 2, "a", revision=4))
    of.see(pod("p", 2, "a", uid="another", revision=5))
    assert report(of).namespaces()[0].unreviewed == {}


def test_another_reason_goes_before_that_a_pod_grew() -> None:
    of = ledger("", node("a"))
    old = "2026-11-29T00:00:00Z"
    of.see(structs.replace(pod("p", 1, "a", revision=1, infeasible=True), created=old))
    of.see(structs.replace(pod("p", 2, "a", revision=2), created=old))
    of.born(BIRTH)
    assert report(of).namespaces()[0].unreviewed == {"beforeHeadroom": 1}
    assert report(of).pods()[0].unreviewed == "beforeHeadroom"


# -- pods --------------------------------------------------------------------------------------------------------------


def test_pods_can_be_asked_for_by_namespace_node_and_workload() -> None:
    of = ledger("", node("a"), node("b"))
    of.see(owned(pod("web-1", 1, "a"), "Deployment", "web"))
    of.see(owned(pod("web-2", 1, "b"), "Deployment", "web"))
    of.see(in_namespace(owned(pod("web-3", 1, "b"), "Deployment", "web"), "other"))
    of.see(pod("bare", 1, "b"))
    of.see(pod("waits", 1))
    made = report(of)

    def names(namespace: str | None = None, node: str | None = None, workload: tuple[str, str] | None = None) -> str:
        return " ".join(row.name for row in made.pods(namespace, node, workload))

    assert names() == "bare waits web-1 web-2 web-3"
    assert names("default") == "bare waits web-1 web-2"
    assert names("nowhere") == names(node="nowhere") == names(workload=("Job", "web")) == ""
    assert names(node="b") == "bare web-2 web-3"
    assert names(node="") == "waits"
    assert names("other", "b") == "web-3"
    assert names("default", workload=("Deployment", "web")) == "web-1 web-2"
    assert names(workload=("Deployment", "web")) == "web-1 web-2 web-3"
    assert names("default", "b", ("Deployment", "web")) == "web-2"
    assert names("default", workload=("Pod", "bare")) == names("default", "b", ("Pod", "bare")) == "bare"
    assert names("default", workload=("Pod", "web-1")) == ""


# -- from one report to the next ---------------------------------------------------------------------------------------


def test_only_rows_of_nodes_that_changed_are_made_again() -> None:
    of, memo = ledger("", node("a"), node("b")), Memo()
    of.see(pod("p", 1, "a"))
    of.see(pod("q", 1, "b"))
    before = Report(of.account(0.0), memo=memo).nodes()
    of.see(pod("p", 2, "a", revision=2))
    after = Report(of.account(0.0), memo=memo).nodes()
    assert after[0].memory.requests == 2 * GI
    assert after[1] is before[1]


def test_a_table_is_made_once() -> None:
    made = report(ledger("", node("a")))
    assert made.nodes() is made.nodes()
    assert made.commitment() is made.commitment()
    assert made.namespaces() is made.namespaces()
    assert made.workloads() is made.workloads()

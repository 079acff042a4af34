"""Rows of pods: which pods belong to a namespace, a node or a workload."""

from tests.support.accounts import ledger, node, pod
from tests.support.ledger_reports import in_namespace, owned, report


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

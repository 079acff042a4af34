"""The report: what each row says, where the reference (tests/support/reference_report.py) does not look."""

from tests.support.accounts import GI, HIGH_MEM, ledger, node, pod
from tests.support.ledger_reports import report
from webhook.core.reporting.report import Circumstances


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


def test_a_table_is_made_once() -> None:
    made = report(ledger("", node("a")))
    assert made.nodes() is made.nodes()
    assert made.commitment() is made.commitment()
    assert made.namespaces() is made.namespaces()
    assert made.workloads() is made.workloads()

"""What the page shows is what the report says, of the part that the URL names."""

from msgspec.structs import replace

from tests.support import accounts
from tests.support.served import Account, sources
from webhook.core.ledger.traits import Traits
from webhook.core.reporting.page_query import Query
from webhook.web.page_rows import PageRows


def test_holders_are_those_of_the_query() -> None:
    ledger = accounts.ledger("", accounts.node("n1"))
    ledger.see(replace(accounts.pod("web-1", 1, "n1"), traits=Traits(("Deployment", "web"))))
    ledger.see(replace(accounts.pod("job-1", 1, "n1"), name="batch/job-1", traits=Traits(("Job", "job"))))
    rows = PageRows(sources(Account(ledger)))
    assert [each.name for each in rows.shown(Query()).holders] == ["batch", "default"]
    assert [each.name for each in rows.shown(Query(by="workload")).holders] == ["job", "web"]
    assert [each.name for each in rows.shown(Query(by="workload", ns="default")).holders] == ["web"]
    assert [each.name for each in rows.shown(Query(by="pod", ns="batch")).holders] == ["job-1"]
    assert [each.name for each in rows.shown(Query()).nodes] == ["n1"]


def test_what_is_tried_is_answered_by_the_code_of_simulate() -> None:
    ledger = accounts.ledger("", accounts.node("n1"), requests="75%")
    ledger.see(accounts.pod("a", 4, "n1"))
    rows = PageRows(sources(Account(ledger)))
    tried = rows.shown(Query(tried=(("thresholds.memory.requests", "25"),))).tried
    assert tried.commitment is not None
    assert tried.commitment.scopes[0].memory.requests.bound == 2 * accounts.GI
    assert tried.answers == (
        "Memory requests of the cluster would be over by 2Gi; most of it is held by default/Pod/a.",
    )
    assert tried.settings == "thresholds:\n  memory:\n    requests: 25%"
    assert rows.shown(Query(lost=("n9",))).tried.answers[0].startswith("there is no node n9")
    assert rows.shown(Query()).tried.commitment is None

"""What the page shows is what the report says, of the part that the URL names."""

from msgspec.structs import replace

from tests.support import accounts
from tests.support.served import Account, sources
from webhook.core.ledger.traits import Traits
from webhook.core.reporting.view import Query
from webhook.web.page_rows import PageRows


def test_holders_are_those_of_the_query() -> None:
    ledger = accounts.ledger("", accounts.node("n1"))
    ledger.see(replace(accounts.pod("web-1", 1, "n1"), traits=Traits("Deployment", "web")))
    ledger.see(replace(accounts.pod("job-1", 1, "n1"), name="batch/job-1", traits=Traits("Job", "job")))
    rows = PageRows(sources(Account(ledger)))
    assert [each.name for each in rows.shown(Query()).holders] == ["batch", "default"]
    assert [each.name for each in rows.shown(Query(by="workload")).holders] == ["job", "web"]
    assert [each.name for each in rows.shown(Query(by="workload", ns="default")).holders] == ["web"]
    assert [each.name for each in rows.shown(Query(by="pod", ns="batch")).holders] == ["job-1"]
    assert [each.name for each in rows.shown(Query()).nodes] == ["n1"]

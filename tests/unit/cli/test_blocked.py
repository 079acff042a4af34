"""`headroom blocked`: whose pods are refused now."""

import json

from click.testing import CliRunner, Result

from tests.support.reports import blocked
from tests.support.served import Account, Refused, served
from webhook.cli.main import main

GI = 1 << 30


def run(account: Account, *arguments: str, refused: Refused | None = None) -> Result:
    with served(account, refused or Refused()) as url:
        return CliRunner().invoke(main, ["blocked", "--server", url, *arguments])


def test_nobody(account: Account) -> None:
    result = run(account)
    assert (result.exit_code, result.stdout) == (0, "No workload is waiting for room.\n")


def test_somebody(account: Account) -> None:
    refused = Refused(blocked=[blocked("web", missing=2, short_by=GI), blocked("api", namespace="other", short_by=0)])
    result = run(account, refused=refused)
    assert result.exit_code == 1
    titles, *rows = result.stdout.splitlines()
    assert titles.split()[:3] == ["NAMESPACE", "WORKLOAD", "MISSING"]
    shown = [row.split() for row in rows]
    assert ["shop", "Deployment/web", "2", "1Gi", "1Gi", "2", "12:00:00", "MemoryCommitmentExceeded"] in shown
    assert any("fits now" in row for row in rows)
    only = json.loads(run(account, "-n", "other", "-o", "json", refused=refused).stdout)["items"]
    assert [row["name"] for row in only] == ["api"]


def test_directly_nobody_knows() -> None:
    result = CliRunner().invoke(main, ["blocked", "--direct", "--kubeconfig", "/nowhere"])
    assert result.exit_code == 3

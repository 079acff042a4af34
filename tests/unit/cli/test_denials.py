"""`headroom denials`: what was refused lately."""

import json

from click.testing import CliRunner, Result

from tests.support.reports import denial
from tests.support.served import Account, Refused, served
from webhook.cli.main import main


def run(account: Account, *arguments: str, refused: Refused | None = None) -> Result:
    with served(account, refused or Refused()) as url:
        return CliRunner().invoke(main, ["denials", "--server", url, *arguments])


def test_nothing(account: Account) -> None:
    assert run(account).stdout == "Nothing was refused lately.\n"


def test_the_newest_first_by_what_people_look_at(account: Account) -> None:
    older = denial("a", "2026-11-30T12:00:00.000Z", owner_kind="ReplicaSet", owner_name="web-1")
    newer = denial("b", "2026-11-30T12:00:05.000Z", top_owner_kind="Deployment", top_owner_name="api", count=7)
    result = run(account, refused=Refused(denials=[older, newer]))
    _, first, second = result.stdout.splitlines()
    assert first.split()[:5] == ["12:00:05", "shop", "Deployment/api", "deny", "7"]
    assert second.split()[:3] == ["12:00:00", "shop", "ReplicaSet/web-1"]
    assert result.exit_code == 0


def test_filtered_by_the_server(account: Account) -> None:
    refused = Refused(denials=[denial("a"), denial("b", reason="QuotaExceeded")])
    items = json.loads(run(account, "--reason", "QuotaExceeded", "-o", "json", refused=refused).stdout)["items"]
    assert [row["name"] for row in items] == ["b"]

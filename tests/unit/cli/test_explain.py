"""`headroom explain`: one workload, what it commits, and why it is refused."""

import pytest
from click.testing import CliRunner, Result

from tests.support.reports import blocked
from tests.support.served import Account, Refused, served
from webhook.cli.main import main

GI = 1 << 30


def run(account: Account, *arguments: str, refused: Refused | None = None) -> Result:
    with served(account, refused or Refused()) as url:
        return CliRunner().invoke(main, ["explain", "--server", url, *arguments])


def test_a_workload_with_all_its_pods(account: Account) -> None:
    result = run(account, "deployment/web")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Deployment default/web commits 12Gi of requests and 12Gi of limits in 12 pods.",
        "None of its pods is waiting for room.",
    ]


def test_a_workload_that_is_blocked(account: Account) -> None:
    stuck = blocked(
        "web", namespace="default", message="pod default/web-x exceeds the headroom", missing=2, short_by=GI
    )
    result = run(account, "Deployment/web", refused=Refused(blocked=[stuck]))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "Its pods are refused since 12:00:00, 2 times, 2 pods are missing: MemoryCommitmentExceeded.",
        "pod default/web-x exceeds the headroom",
        "For one pod 1Gi would have to go. Most is held by default/Deployment/web (12Gi).",
    ]


def test_one_that_waits_for_itself_or_has_room_is_told_what_to_do(account: Account) -> None:
    stuck = blocked("new", namespace="default", short_by=0, waits_for_itself=True)
    said = run(account, "deployment/new", refused=Refused(blocked=[stuck])).stdout
    assert "Deployment default/new has no live pod." in said
    assert "its own old pods hold the room. Set maxSurge: 0" in said
    assert "One pod would fit now" in said


@pytest.mark.parametrize("text", ["web", "/web", "a/b/c", "deployment/"])
def test_what_is_no_workload_is_wrong_usage(account: Account, text: str) -> None:
    assert run(account, text).exit_code == 2

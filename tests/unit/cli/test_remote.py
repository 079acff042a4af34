"""What Headroom says over REST is what the same account says directly, row for row."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from tests.support import accounts
from tests.support.manifests import deployment
from tests.support.served import Account, served
from webhook.cli.cluster import CannotTell, Target
from webhook.cli.direct import Direct
from webhook.cli.remote import Remote, remote
from webhook.core.config.render import digest
from webhook.core.forecast.questions import CheckQuestion, FitQuestion, SimulateQuestion


@pytest.fixture
def both(server: str, account: Account) -> tuple[Remote, Direct]:
    return remote(Target(None, None, "headroom-system", server, direct=False)), Direct(account.latest)


def test_the_rows_are_the_same(both: tuple[Remote, Direct]) -> None:
    far, near = both
    assert far.commitment() == near.commitment()
    assert list(far.nodes({})) == list(near.nodes({}))
    for by in ("namespaces", "workloads", "example.com/zone"):
        assert list(far.groups(by, {})) == list(near.groups(by, {}))
    assert list(far.pods({"sortBy": "-name"})) == list(near.pods({"sortBy": "-name"}))
    assert far.blocked({}) == []
    assert far.denials({}) == []


def test_the_configuration_is_the_same(both: tuple[Remote, Direct]) -> None:
    far, near = (each.config() for each in both)
    assert (far.digest, digest(far.config), far.problem) == (near.digest, digest(near.config), near.problem)


def test_every_page_is_read(both: tuple[Remote, Direct]) -> None:
    far, near = both
    assert list(far.pods({"limit": "5"})) == list(near.pods({}))


def test_only_the_largest_namespaces_are_read() -> None:
    ledger = accounts.ledger("", accounts.node("n1", 64))
    for number in range(9):
        ledger.see(replace(accounts.pod(f"p{number}", number, "n1"), name=f"team-{number}/p"))
    paths = list[str]()
    with served(Account(ledger)) as url:
        far = remote(Target(None, None, "headroom-system", url, direct=False))

        def get(path: str, query: Mapping[str, str]) -> bytes:
            paths.append(path)
            return far._get(path, query)

        found = Remote(get, far._post).largest_namespaces(3)
    assert [row.name for row in found] == ["team-8", "team-7", "team-6"]
    assert len(paths) == 1
    near = Direct(Account(ledger).latest)
    assert list(near.largest_namespaces(3)) == found


def test_the_answers_are_the_same(both: tuple[Remote, Direct]) -> None:
    far, near = both
    check = CheckQuestion(deployment("other", 9, "2Gi"))
    fit = FitQuestion(deployment("other", 1, "2Gi"))
    simulate = SimulateQuestion({"thresholds.memory.requests": "40%"}, without_nodes=("node-1",))
    assert far.check(check) == near.check(check)
    assert far.fit(fit) == near.fit(fit)
    assert far.simulate(simulate) == near.simulate(simulate)


def test_an_answer_of_something_else_is_no_answer() -> None:
    with pytest.raises(CannotTell, match="cannot be read"):
        Remote(lambda _path, _query: b"<html>", lambda _path, _body: b"").commitment()

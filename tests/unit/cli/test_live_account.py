"""The account that is read again and again: newer rows replace older ones, and a read that fails is said."""

from collections.abc import Callable
from threading import Event

import pytest

from tests.support import accounts
from tests.support.reports import blocked
from tests.support.served import Account
from webhook.cli.cluster import CannotTell
from webhook.cli.live_account import LiveAccount, Refused
from webhook.core.reporting.report import Report


class _Cluster:
    """A cluster with one node, which a test changes; `now` is the time."""

    def __init__(self) -> None:
        self.ledger = accounts.ledger("", accounts.node("n1"))
        self.refused = Refused()
        self.fault: CannotTell | None = None
        self.now = 0.0
        self.reads = 0

    def read(self) -> Report:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        return Account(self.ledger).latest()

    def live(self, refused: Callable[[], Refused] | None = None) -> LiveAccount:
        return LiveAccount(self.read, refused, lambda: self.now)


def test_a_newer_account_replaces_the_older_one() -> None:
    cluster = _Cluster()
    live = cluster.live()
    assert live.latest() is live.latest()
    cluster.ledger.see(accounts.pod("a", 1, "n1"))
    live.refresh()
    assert live.latest().commitment().scopes[0].memory.requests.committed == accounts.GI
    assert live.settings().config == cluster.ledger.accounting.config
    assert live.refusals is None


def test_a_read_that_fails_keeps_the_account_and_says_since_when() -> None:
    cluster = _Cluster()
    live = cluster.live()
    before = live.latest().commitment()
    cluster.fault, cluster.now = CannotTell("the API server does not answer"), 40.0
    live.refresh()
    stale = live.latest().commitment()
    assert (stale.problem, stale.age, stale.as_of) == ("the API server does not answer", 40.0, before.as_of)
    assert stale.scopes == before.scopes
    cluster.fault = None
    live.refresh()
    assert live.latest().commitment().problem is None


def test_the_first_read_must_succeed() -> None:
    cluster = _Cluster()
    cluster.fault = CannotTell("no")
    with pytest.raises(CannotTell):
        cluster.live()


def test_refusals_change_their_number_only_with_their_rows() -> None:
    cluster = _Cluster()
    live = cluster.live(lambda: cluster.refused)
    assert live.refusals is not None
    live.refresh()
    assert (live.refusals.revision, live.refusals.blocked(), live.refusals.denials()) == (0, (), ())
    cluster.refused = Refused(blocked=[blocked("web")])
    live.refresh()
    live.refresh()
    assert (live.refusals.revision, live.refusals.blocked()) == (1, [blocked("web")])


class _Waits(Event):
    """Counts the waits, and ends after some."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return len(self.waits) > self._most


def test_a_slow_cluster_is_read_less_often() -> None:
    cluster = _Cluster()
    live = cluster.live()
    slow = cluster.read

    def read() -> Report:
        cluster.now += 2.0
        return slow()

    live = LiveAccount(read, None, lambda: cluster.now)
    ending = _Waits(2)
    live.run(5.0, ending)
    assert ending.waits == [5.0, 18.0, 18.0]

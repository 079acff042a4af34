"""Reports of a replica: one for all readers, never older than half a second, and the same while nothing changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.support.accounts import GI, config, footprint, node, pod
from tests.support.replica import Judge, ready, review
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.state.report_source import INTERVAL, ReportSource


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def source(judge: Judge) -> ReportSource:
    times = count(1)
    return ReportSource(judge.admission.state, lambda: f"look {next(times)}")


def test_readers_share_a_report_until_it_is_half_a_second_old(judge: Judge, source: ReportSource) -> None:
    first = source.latest()
    judge.admission.state.see_pod(pod("p", 1, "node", revision=200))
    judge.clock.wait(INTERVAL - 0.01)
    assert source.latest() is first
    judge.clock.wait(0.01)
    later = source.latest()
    assert later is not first
    assert (len(first.pods()), len(later.pods())) == (0, 1)
    assert (first.commitment().as_of, later.commitment().as_of) == ("look 1", "look 2")


def test_while_nothing_changes_the_report_stays_the_same_and_nothing_is_copied(
    judge: Judge, source: ReportSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source.latest()

    def copied(_: Ledger, now: float) -> AccountSnapshot:
        raise AssertionError(f"copied at {now}")

    monkeypatch.setattr(Ledger, "account", copied)
    judge.clock.wait(INTERVAL)
    assert source.latest() is first


Change = Callable[[Judge], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda judge: judge.admission.state.see_pod(pod("p", 1, "node", revision=200)),
        lambda judge: judge.admission.state.bookmark(500),
        lambda judge: judge.admission.state.see_node(node("another")),
        lambda judge: judge.admission.state.node_gone("node"),
        lambda judge: judge.admission.state.configure(config("mode: warn"), "another"),
        lambda judge: judge.admission.state.bookings.born("2026-11-30T00:00:00Z"),
        lambda judge: judge.ask(review()),
        lambda judge: judge.admission.state.tell_broken(judge.admission.state.pods, "reset"),
        lambda judge: judge.admission.state.lack_version("nobody says which version it is"),
    ],
    ids=["pod", "bookmark", "node", "node gone", "configuration", "birth", "grant", "watch broken", "problem"],
)
def test_whatever_a_report_shows_makes_another_one_when_it_changes(
    judge: Judge, source: ReportSource, change: Change
) -> None:
    first = source.latest()
    change(judge)
    judge.clock.wait(INTERVAL)
    assert source.latest() is not first


def test_a_problem_and_the_age_of_the_views_are_said(judge: Judge, source: ReportSource) -> None:
    state = judge.admission.state
    first = source.latest()
    assert (first.commitment().problem, first.commitment().age) == (None, 0.0)
    state.tell_broken(state.pods, "reset")
    judge.clock.wait(7.0)
    later = source.latest().commitment()
    assert later.age == 7.0
    assert later.problem == "the watch on pods has been broken for 7 s (reset)"
    state.tell_live(state.pods)
    judge.clock.wait(INTERVAL)
    assert source.latest().commitment().problem is None


def test_what_another_replica_granted_is_as_of_its_last_write(judge: Judge, source: ReportSource) -> None:
    shared = judge.admission.state.read_holdings(lambda _, allotment: allotment.shared)
    assert shared is not None
    other = Holding(1, held={"cluster": footprint(3)}, spare={"cluster": footprint(1)})
    judge.admission.state.bookings.observe(
        Shared(shared.epoch, True, 9, holdings={**shared.holdings, "r2": other}), 900
    )
    line = source.latest().commitment().scopes[0].memory.requests
    assert (line.granted, line.free) == (2 * GI, 6 * GI)


def test_a_grant_is_shown_before_its_pod_is_there(judge: Judge, source: ReportSource) -> None:
    judge.ask(review(memory="1Gi"))
    line = source.latest().commitment().scopes[0].memory.requests
    assert (line.granted, line.committed, line.free) == (GI, 0, 7 * GI)


def test_many_readers_at_once_get_one_report_of_one_look(
    judge: Judge, source: ReportSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    account = Ledger.account

    def counted(ledger: Ledger, now: float) -> AccountSnapshot:
        taken.append(now)
        return account(ledger, now)

    monkeypatch.setattr(Ledger, "account", counted)
    judge.admission.state.see_pod(pod("p", 1, "node", revision=200))
    with ThreadPoolExecutor(8) as readers:
        reports = {id(each.result()) for each in [readers.submit(source.latest) for _ in range(64)]}
    assert len(reports) == len(taken) == 1

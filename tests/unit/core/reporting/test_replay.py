"""Logged decisions under other settings: what would be different, and what cannot be told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import accounts
from tests.support.accounts import GI
from tests.unit.core.reporting.lines import decision, dropped, text
from webhook.core.config.render import digest
from webhook.core.forecast.questions import AddNodes, SimulateAnswer, SimulateQuestion, simulate_answer
from webhook.core.reporting.auditlines import Faulty, read
from webhook.core.reporting.replay import Replay, replay
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reviews.verdict import Decision

POOLS = f"thresholds: {{memory: {{requests: 75%}}}}\n{accounts.HIGH_MEM}"
SETTING = "thresholds.memory.requests"


def answer(settings: str = "", **tried: Any) -> SimulateAnswer:
    """Three nodes of 8Gi, of which 75 % may be committed, and 18Gi are."""
    ledger = accounts.ledger(settings, *(accounts.node(f"n{number}") for number in range(3)), requests="75%")
    for number in range(18):
        ledger.see(accounts.pod(f"p{number}", 1, f"n{number % 3}"))
    said = Circumstances(config_hash=digest(ledger.accounting.config))
    return simulate_answer(Report(ledger.account(0.0), said), SimulateQuestion(**tried))


def line(number: int, asked: int = 1, committed: int = 18, **fields: Any) -> dict[str, Any]:
    """A line of mode enforce, in Gi; refused if that is past 18Gi."""
    is_over = committed + asked > 18
    made = decision(
        number,
        kind="Pod",
        mode="enforce",
        decision="deny" if is_over else "warn",
        reason="MemoryCommitmentExceeded" if is_over else "NearBound",
        short_sums=["cluster/memory-requests"] if is_over else [],
        asked_requests_bytes=asked * GI,
        asked_limits_bytes=None,
        committed_requests_bytes=committed * GI,
        bound_requests_bytes=18 * GI,
        allocatable_bytes=24 * GI,
        asked_requests_millicores=0,
        asked_limits_millicores=0,
        config_hash=answer().before.config_hash,
    )
    return made | fields


def replayed(found: SimulateAnswer, *lines: dict[str, Any]) -> Replay:
    return replay(map(read, text(*lines).splitlines()), found.before, found.after)


def test_a_higher_threshold_admits_what_fits_then() -> None:
    found = replayed(answer(set={SETTING: "80%"}), line(1), line(2, asked=2), line(3, committed=17))
    (change,) = found.changes
    assert (change.was, change.then, change.number) == (Decision.DENY, Decision.ALLOW, 1)
    assert change.owner == ("shop", "Deployment", "web")
    assert (found.same, found.untold, found.newly_refused) == (2, 0, 0)


def test_a_lower_threshold_refuses_what_was_near() -> None:
    found = replayed(answer(set={SETTING: "70%"}), line(1), line(2, committed=17), line(3, committed=15))
    (change,) = found.changes
    assert (change.was, change.then, change.number, found.newly_refused) == (Decision.ALLOW, Decision.DENY, 1, 1)


def test_nodes_count_as_well() -> None:
    found = replayed(answer(add_nodes=(AddNodes(1, "8Gi"),)), line(1), line(2, asked=7))
    assert (found.changed, found.same) == (1, 1)
    found = replayed(answer(without_nodes=("n0",)), line(1, committed=17), line(2, asked=2, committed=16))
    assert found.newly_refused == 0, "the pods of the node are gone as well, and 12Gi may be committed on the others"
    found = replayed(answer(without_nodes=("n0",)), line(1, committed=18, asked=0))
    assert found.changed == 0, "what asks nothing more is never refused"


def test_a_trial_mode_refuses_nothing() -> None:
    (change,) = replayed(answer(set={"mode": "audit"}), line(1)).changes
    assert (change.was, change.then) == (Decision.DENY, Decision.AUDIT)
    found = replayed(answer(set={"mode": "audit"}), line(1, mode="warn", decision="warn"))
    assert found.changed == 0, "an override holds there"


@given(st.integers(0, 8), st.integers(0, 20), st.booleans())
def test_nothing_changes_where_nothing_is_changed(asked: int, committed: int, another: bool) -> None:
    """Neither under the configuration in force, nor where its bound has to be worked out again."""
    fields = {"config_hash": "of another"} if another else {}
    found = replayed(answer(), line(1, asked=asked, committed=committed if asked else 0, **fields))
    assert (found.changed, found.same) == (0, 1)


def test_what_no_threshold_decided_stays_as_it_is() -> None:
    others = [line(n, reason=reason) for n, reason in enumerate(("QuotaExceeded", "Exempt", "AwaitingEarlierPods"))]
    found = replayed(answer(set={SETTING: "1000%"}), *others)
    assert (found.changed, found.same) == (0, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "gone", "short_sums": ["gone/memory-requests"]},
        {"scope": None},
        {"short_sums": ["cluster/memory-requests", "high-mem/memory-requests"]},
        {"committed_requests_bytes": None},
        {"asked_requests_bytes": None},
        {"allocatable_bytes": None},
    ],
)
def test_what_a_line_does_not_say_is_not_guessed(fields: dict[str, Any]) -> None:
    found = replayed(answer(set={SETTING: "80%"}), line(1, **fields))
    assert (found.changed, found.untold) == (0, 1)


def test_a_review_counts_once_and_neither_dry_runs_nor_workloads_do() -> None:
    lines = (line(1), line(1, replica="other"), line(2, dry_run=True), line(3, kind="Deployment"), dropped(3))
    found = replayed(answer(set={SETTING: "80%"}), *lines)
    assert (found.changed, found.same, found.untold) == (1, 0, 0)


def test_what_cannot_be_read_is_counted() -> None:
    found = replay(map(read, [b'{"ts":"', b"other"]), answer().before, answer().after)
    assert found.faults == {Faulty.DAMAGED: 1, Faulty.OTHER: 1}


def test_a_pools_lines_are_judged_by_the_pool() -> None:
    tried = answer(POOLS, set={"pools.high-mem.thresholds.memory.requests": "50%"})
    found = replayed(tried, line(1, scope="high-mem", committed=1, short_sums=[]))
    assert (found.changed, found.same, found.untold) == (0, 1, 0), "nothing is allocatable there, now and then"

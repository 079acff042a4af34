"""The report on a trial: what counts as refused, whose it is, the peaks, and what may be missing."""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.reporting.lines import Fields, decision, dropped, of_schema_1, text
from webhook.core.reporting.auditlines import Faulty, read
from webhook.core.reporting.trial import Kind, Over, Owner, Report, Trial
from webhook.core.reporting.trial_text import data, notes

GI = 1 << 30
WEB = Owner("shop", "Deployment", "web")


def report(*lines: Fields | bytes) -> Report:
    trial = Trial()
    for line in lines:
        trial.add(read(line if isinstance(line, bytes) else text(line)))
    return trial.report()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, Kind.REFUSED),
        ({"reason": "CpuCommitmentExceeded"}, Kind.REFUSED),
        ({"reason": "AwaitingEarlierPods"}, Kind.REFUSED),
        ({"reason": "MissingLimits"}, Kind.REFUSED),
        ({"reason": "Unplaceable"}, Kind.REFUSED),
        ({"reason": "SomethingNew"}, Kind.REFUSED),
        ({"reason": "QuotaExceeded"}, Kind.BY_QUOTA),
        ({"decision": "warn", "mode": "warn"}, Kind.REFUSED),
        ({"decision": "warn", "mode": "warn", "reason": "CpuCommitmentExceeded"}, Kind.REFUSED),
        ({"decision": "warn", "mode": "warn", "reason": "AwaitingEarlierPods"}, Kind.REFUSED),
        ({"decision": "warn", "mode": "warn", "reason": "MissingLimits"}, Kind.CONDITIONAL),
        ({"decision": "warn", "mode": "warn", "reason": "MissingRequests"}, Kind.CONDITIONAL),
        ({"decision": "warn", "mode": "warn", "reason": "Unplaceable"}, Kind.CONDITIONAL),
        ({"decision": "warn", "mode": "warn", "reason": "NearBound"}, Kind.PASSED),
        ({"decision": "warn", "mode": "warn", "reason": "QuotaExceeded"}, Kind.BY_QUOTA),
        ({"decision": "warn", "mode": "warn", "reason": "AccountUnavailable"}, Kind.UNJUDGED),
        ({"decision": "warn", "mode": "audit", "reason": "AccountUnavailable"}, Kind.UNJUDGED),
        ({"decision": "warn", "mode": "enforce", "reason": "NearBound"}, Kind.PASSED),
        ({"decision": "warn", "mode": "enforce", "reason": "MissingLimits"}, Kind.PASSED),
        ({"decision": "allow", "reason": "Exempt"}, Kind.PASSED),
        ({"decision": "deny", "mode": "enforce"}, Kind.ENFORCED),
        ({"decision": "cannot_tell", "mode": "enforce", "reason": "AccountUnavailable"}, Kind.ENFORCED),
    ],
)
def test_what_a_decision_says_of_enforcing(fields: Fields, kind: Kind) -> None:
    made = report(decision(**fields))
    assert made.counted == {kind: 1}
    assert made.refused == len(made.parts) == (kind is Kind.REFUSED)


def test_a_burst_is_reported_with_its_owner_its_time_and_its_peak() -> None:
    (part,) = report(*(decision(number) for number in range(12))).parts
    assert (part.owner, part.refused, part.reasons) == (WEB, 12, {"MemoryCommitmentExceeded": 12})
    assert (part.asked_requests, part.asked_limits) == (6 * GI, 12 * GI)
    assert (part.first, part.last) == ("2026-01-02T03:04:00.250+00:00", "2026-01-02T03:04:11.250+00:00")
    assert part.peaks == (Over("cluster/memory-limits", 12 * GI, part.last),)


def test_owners_stand_by_how_many_of_their_pods_would_be_refused() -> None:
    made = report(
        decision(0, namespace="a"),
        decision(1),
        decision(2),
        decision(3, namespace="b", top_owner_kind="StatefulSet", top_owner_name="db"),
    )
    assert [(*part.owner, part.refused) for part in made.parts] == [
        ("shop", "Deployment", "web", 2),
        ("a", "Deployment", "web", 1),
        ("b", "StatefulSet", "db", 1),
    ]


def test_each_sum_has_its_own_peak_and_the_first_moment_of_it() -> None:
    cpu = {"short_by_limits_bytes": 0, "short_by_requests_millicores": 1500, "scope": "high-mem"}
    made = report(decision(3), decision(9, short_by_limits_bytes=4 * GI), decision(1), decision(4, **cpu))
    assert made.peaks == (
        Over("cluster/memory-limits", 4 * GI, "2026-01-02T03:04:03.250+00:00"),
        Over("high-mem/cpu-requests", 1500, "2026-01-02T03:04:04.250+00:00"),
    )
    assert [over.is_memory for over in made.peaks] == [True, False]


def test_a_review_that_is_told_of_twice_counts_once_by_what_says_most() -> None:
    unjudged = decision(5, uid="review-1", decision="warn", reason="AccountUnavailable", replica="headroom-2")
    made = report(unjudged, decision(1), decision(7, uid="review-1"))
    assert (made.counted, made.repeated) == ({Kind.REFUSED: 1}, 2)
    assert made.parts[0].first == "2026-01-02T03:04:01.250+00:00"


def test_dry_runs_are_left_out_and_said() -> None:
    made = report(decision(dry_run=True))
    assert (made.refused, made.dry_runs) == (0, 1)
    assert "1 line of dry runs: not counted" in notes(made)


def test_lines_of_schema_1_have_the_sum_of_memory_that_is_shortest() -> None:
    made = report(of_schema_1(0), of_schema_1(1, short_by_bytes=-5), of_schema_1(2, short_by_bytes=None))
    assert made.peaks == (Over("cluster/memory", GI, "2026-01-02T03:04:00.250+00:00"),)
    assert (made.refused, made.old) == (3, 3)
    assert any("3 lines of schema 1: what a burst took past a threshold may be missing" in each for each in notes(made))


def test_lost_lines_are_added_up_over_replicas_each_of_which_counts_from_its_start() -> None:
    made = report(dropped(3), dropped(10), dropped(7), dropped(2, "headroom-2"))
    assert made.lost == 12
    assert made.may_be_too_low


# -- a plain recount ---------------------------------------------------------------------------------------------------

amounts = st.one_of(st.none(), st.integers(0, 50))
entries = st.fixed_dictionaries(
    {
        "uid": st.sampled_from([f"r{number}" for number in range(12)]),
        "schema": st.sampled_from([1, 2]),
        "decision": st.sampled_from(["audit", "warn", "allow", "deny"]),
        "reason": st.sampled_from(["MemoryCommitmentExceeded", "NearBound", "AccountUnavailable", "QuotaExceeded"]),
        "mode": st.sampled_from(["warn", "audit", "enforce"]),
        "dry_run": st.booleans(),
        "namespace": st.sampled_from(["a", "b"]),
        "top_owner_name": st.sampled_from(["x", "y", None]),
        "scope": st.sampled_from(["cluster", "pool"]),
        "short_by_requests_bytes": amounts,
        "short_by_limits_bytes": amounts,
        "asked_limits_bytes": amounts,
        "replica": st.sampled_from(["h1", "h2"]),
    }
)


def refuses(line: Fields) -> bool:
    """Say by the plain rule whether a line of these is one of a pod that enforcing would have refused."""
    if line["decision"] == "audit":
        return line["reason"] in ("MemoryCommitmentExceeded", "NearBound")
    return (line["decision"], line["mode"] == "enforce", line["reason"]) == ("warn", False, "MemoryCommitmentExceeded")


def recounted(lines: Iterable[Fields]) -> tuple[Counter[Any], dict[Any, int], dict[Any, int]]:
    """Count pods, bytes and peaks by owner, each review by its first line that says that it is refused."""
    first: dict[str, Fields] = {}
    for line in sorted(lines, key=lambda each: (each["ts"], each["replica"])):
        if refuses(line) and not line["dry_run"]:
            first.setdefault(line["uid"], line)
    pods: Counter[Any] = Counter()
    asked: Counter[Any] = Counter()
    peaks: dict[Any, int] = {}
    for line in first.values():
        owner = (line["namespace"], line["top_owner_name"] or "web-abc")
        pods[owner] += 1
        asked[owner] += line["asked_limits_bytes"] or 0
        for name in ("requests", "limits"):
            key = (*owner, f"{line['scope']}/memory-{name}")
            peaks[key] = max(peaks.get(key, 0), line[f"short_by_{name}_bytes"] or 0)
    return pods, asked, {key: peak for key, peak in peaks.items() if peak}


@given(st.lists(entries, max_size=40), st.lists(st.just(b'{"ts":"cut'), max_size=3), st.randoms(use_true_random=False))
def test_the_sums_equal_a_plain_recount_whatever_the_order(
    entered: list[Fields], damaged: list[bytes], order: random.Random
) -> None:
    lines = [decision(number, **each) for number, each in enumerate(entered)]
    mixed: list[Fields | bytes] = [*lines, *damaged]
    order.shuffle(mixed)
    made = report(*mixed)
    pods, asked, peaks = recounted(lines)
    owners = {part.owner: (part.owner.namespace, part.owner.name) for part in made.parts}
    assert {owners[part.owner]: part.refused for part in made.parts} == pods
    assert {owners[part.owner]: part.asked_limits for part in made.parts} == asked
    assert {(*owners[part.owner], over.sum): over.by for part in made.parts for over in part.peaks} == peaks
    assert {over.sum: over.by for over in made.peaks} == {
        name: max(by for key, by in peaks.items() if key[2] == name) for name in {key[2] for key in peaks}
    }
    assert made.refused == sum(pods.values()) == data(made)["wouldBeRefused"]
    assert made.faults.get(Faulty.DAMAGED, 0) == len(damaged)
    assert made.read == len(lines)

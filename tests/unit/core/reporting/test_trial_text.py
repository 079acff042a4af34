"""The report on a trial as text and as data: the table, the notes, and what is told to programs."""

import re

import pytest

from tests.unit.core.reporting.lines import Fields, decision, dropped, text
from webhook.core.reporting.auditlines import read
from webhook.core.reporting.trial import Report, Trial
from webhook.core.reporting.trial_text import data, notes, table

GI = 1 << 30
MEMORY, AWAITING = "MemoryCommitmentExceeded", "AwaitingEarlierPods"


def report(*lines: Fields | bytes) -> Report:
    trial = Trial()
    for line in lines:
        trial.add(read(line if isinstance(line, bytes) else text(line)))
    return trial.report()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"ts":"2026', "1 line damaged, and not counted: the answer may be too low"),
        (text(decision(schema=3)), "1 line of a newer schema, and not counted: use the headroom that wrote them"),
        (text(dropped(3)), "3 lines lost before they were written: the answer may be too low"),
        (
            text(decision(decision="warn", reason="AccountUnavailable")),
            "1 pod let in unjudged (AccountUnavailable): the answer may be too low",
        ),
    ],
)
def test_what_may_be_missing_is_said(line: bytes, told: str) -> None:
    made = report(line, decision(8))
    assert made.may_be_too_low
    assert list(notes(made)) == [told]
    assert data(made)["mayBeTooLow"] is True


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"decision": "warn", "mode": "warn", "reason": "MissingLimits"},
            "1 pod more in mode warn, for a missing limit",
        ),
        ({"reason": "QuotaExceeded"}, "1 pod refused by a ResourceQuota, whatever the mode: not counted"),
        ({"decision": "deny", "mode": "enforce"}, "1 request refused in mode enforce: not counted"),
    ],
)
def test_what_is_not_counted_is_said(fields: Fields, told: str) -> None:
    made = report(decision(**fields))
    assert not made.may_be_too_low
    (note,) = notes(made)
    assert note.startswith(told)


def test_nothing_read_is_said() -> None:
    made = report(b"2026-01-02 INFO ready\n")
    assert next(iter(notes(made))).startswith("no audit line was read")
    assert table(made) == ["mode enforce would have refused nothing"]


def test_the_table() -> None:
    lines = [decision(number) for number in range(12)]
    both = {"short_by_requests_bytes": 1 << 28, "reason": "AwaitingEarlierPods"}
    lines += [decision(20, namespace="batch", top_owner_kind="Job", top_owner_name="nightly\x1b", **both)]
    shown = table(report(*lines))
    assert shown[:2] == [
        "mode enforce would have refused 13 pods of 2 owners, from 2026-01-02T03:04:00Z to 2026-01-02T03:04:20Z",
        "",
    ]
    assert [re.split(r"  +", line) for line in shown[2:6]] == [
        ["NAMESPACE", "OWNER", "PODS", "ASKED LIMITS", "WHY", "PEAK OVER", "AT"],
        ["shop", "Deployment/web", "12", "12Gi", MEMORY, "12Gi of memory limits (cluster)", "2026-01-02T03:04:11Z"],
        ["batch", "Job/nightly\\x1b", "1", "1Gi", AWAITING, "21Gi of memory limits (cluster)", "2026-01-02T03:04:20Z"],
        ["", "256Mi of memory requests (cluster)", "2026-01-02T03:04:20Z"],
    ]
    assert len({line.rindex("2026") for line in shown[3:6]}) == 1
    assert shown[6:] == [
        "",
        "the most by which a threshold was exceeded:",
        "  21Gi of memory limits (cluster), 2026-01-02T03:04:20Z",
        "  256Mi of memory requests (cluster), 2026-01-02T03:04:20Z",
    ]


def test_data_has_bytes_or_millicores_and_null_for_the_other() -> None:
    cpu = {"short_by_limits_bytes": 0, "short_by_requests_millicores": 1500, "scope": "high-mem"}
    found = data(report(decision(3), decision(4, **cpu)))
    assert found["wouldBeRefused"] == 2
    assert found["peaks"] == [
        {
            "sum": "cluster/memory-limits",
            "overByBytes": 4 * GI,
            "overByMillicores": None,
            "at": "2026-01-02T03:04:03.250+00:00",
        },
        {
            "sum": "high-mem/cpu-requests",
            "overByBytes": None,
            "overByMillicores": 1500,
            "at": "2026-01-02T03:04:04.250+00:00",
        },
    ]


def test_data_has_an_entry_for_each_owner() -> None:
    (owner,) = data(report(decision(3), decision(5, reason=AWAITING)))["owners"]
    assert owner.pop("peaks") == [
        {
            "sum": "cluster/memory-limits",
            "overByBytes": 6 * GI,
            "overByMillicores": None,
            "at": "2026-01-02T03:04:05.250+00:00",
        }
    ]
    assert owner == {
        "namespace": "shop",
        "ownerKind": "Deployment",
        "ownerName": "web",
        "wouldBeRefused": 2,
        "reasons": {MEMORY: 1, AWAITING: 1},
        "askedRequestsBytes": GI,
        "askedLimitsBytes": 2 * GI,
        "first": "2026-01-02T03:04:03.250+00:00",
        "last": "2026-01-02T03:04:05.250+00:00",
    }


def test_data_counts_every_line_that_was_read_or_could_not_be() -> None:
    warned = decision(5, uid="w", decision="warn", mode="warn", reason="MissingLimits")
    found = data(
        report(
            *(decision(1), decision(1), decision(2, dry_run=True), warned, dropped(3), b'{"ts":"2026'),
            *(text(decision(schema=9)), decision(6, reason="QuotaExceeded"), b"other\n"),
            *(decision(7, decision="deny", mode="enforce"), decision(8, decision="warn", reason="AccountUnavailable")),
        )
    )
    assert {key: found[key] for key in ("dependsOnSettings", "unjudged", "refusedByQuota", "refusedByEnforce")} == {
        "dependsOnSettings": 1,
        "unjudged": 1,
        "refusedByQuota": 1,
        "refusedByEnforce": 1,
    }
    counts = found["lines"]
    assert (counts["repeated"], counts["dryRuns"], counts["damaged"], counts["newer"], counts["lost"]) == (
        1,
        1,
        1,
        1,
        3,
    )
    assert found["mayBeTooLow"] is True


def test_nothing_is_said_of_what_could_not_be_judged() -> None:
    damaged = report(b'{"ts":"2026')
    assert table(damaged) == ["mode enforce would have refused nothing of what could be read and judged"]


def test_several_reasons_are_counted_and_a_single_one_is_named() -> None:
    (row,) = [line for line in table(report(decision(1), decision(2, reason=AWAITING))) if "Deployment/web" in line]
    assert f"  {AWAITING} 1, {MEMORY} 1  " in row
    (row,) = [line for line in table(report(decision(1), decision(2))) if "Deployment/web" in line]
    assert f"  {MEMORY}  " in row


def test_an_owner_without_a_peak_and_without_limits_has_dashes() -> None:
    shown = table(report(decision(1, reason="MissingLimits", short_by_limits_bytes=0, asked_limits_bytes=0)))
    assert re.split(r"  +", shown[-1])[3:] == ["-", "MissingLimits", "-", "2026-01-02T03:04:01Z"]


@pytest.mark.parametrize(
    ("ts", "shown"),
    [
        ("2026-01-02T03:04:05.250+00:00", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05+02:00"),
        ("soon\x1b[0m", "soon\\x1b[0m"),
    ],
)
def test_a_time_is_shown_without_fractions_if_it_is_utc_and_else_as_it_is(ts: str, shown: str) -> None:
    assert table(report(decision(1, ts=ts)))[0].endswith(f"1 pod of 1 owner, from {shown} to {shown}")


def test_names_are_made_harmless_and_short() -> None:
    shown = "\n".join(table(report(decision(1, namespace="n" * 100, top_owner_name="a\x1bb", scope="s\r" * 100))))
    assert "n" * 61 not in shown
    assert "a\\x1bb" in shown
    assert "\r" not in shown

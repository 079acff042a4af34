"""The report on a trial as data for programs, as a table for people, and as notes on what it is based on."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from webhook.core.reporting.auditlines import Faulty
from webhook.core.reporting.trial import Kind, Over, Part, Report
from webhook.core.reviews.messages import amount, printable

_NAME = 60  # characters of a name in the table
_HEAD = ("NAMESPACE", "OWNER", "PODS", "ASKED LIMITS", "WHY", "PEAK OVER", "AT")


def data(report: Report) -> dict[str, Any]:
    """Return the data for JSON or YAML, in whole bytes and millicores; of the two fields for one amount one is null."""
    return {
        "wouldBeRefused": report.refused,
        "owners": [_owner(part) for part in report.parts],
        "peaks": [_over(over) for over in report.peaks],
        "dependsOnSettings": report.counted.get(Kind.CONDITIONAL, 0),
        "unjudged": report.counted.get(Kind.UNJUDGED, 0),
        "refusedByQuota": report.counted.get(Kind.BY_QUOTA, 0),
        "refusedByEnforce": report.counted.get(Kind.ENFORCED, 0),
        "lines": {
            "read": report.read,
            "schema1": report.old,
            "repeated": report.repeated,
            "dryRuns": report.dry_runs,
            "damaged": report.faults.get(Faulty.DAMAGED, 0),
            "newer": report.faults.get(Faulty.NEWER, 0),
            "lost": report.lost,
        },
        "mayBeTooLow": report.may_be_too_low,
    }


def _owner(part: Part) -> dict[str, Any]:
    return {
        "namespace": part.owner.namespace,
        "ownerKind": part.owner.kind,
        "ownerName": part.owner.name,
        "wouldBeRefused": part.refused,
        "reasons": part.reasons,
        "askedRequestsBytes": part.asked_requests,
        "askedLimitsBytes": part.asked_limits,
        "first": part.first,
        "last": part.last,
        "peaks": [_over(over) for over in part.peaks],
    }


def _over(over: Over) -> dict[str, Any]:
    return {
        "sum": over.sum,
        "overByBytes": over.by if over.is_memory else None,
        "overByMillicores": None if over.is_memory else over.by,
        "at": over.at,
    }


def table(report: Report) -> list[str]:
    """Return the lines of a table with a row for each owner and sum, and below it the peaks of all."""
    if not report.refused:
        what = "nothing of what could be read and judged" if report.may_be_too_low else "nothing"
        return [f"mode enforce would have refused {what}"]
    rows: list[Sequence[str]] = [_HEAD]
    for part in report.parts:
        rows += _rows(part)
    pods, whose = _count(report.refused, "pod"), _count(len(report.parts), "owner")
    first, last = min(part.first for part in report.parts), max(part.last for part in report.parts)
    return [
        f"mode enforce would have refused {pods} of {whose}, from {_at(first)} to {_at(last)}",
        "",
        *_aligned(rows),
        *_summed_up(report.peaks),
    ]


def _rows(part: Part) -> Iterator[Sequence[str]]:
    owner = f"{printable(part.owner.kind, _NAME)}/{printable(part.owner.name, _NAME)}"
    why = ", ".join(
        f"{reason} {number}" if len(part.reasons) > 1 else reason for reason, number in part.reasons.items()
    )
    limits = amount("memory", part.asked_limits) if part.asked_limits else "-"
    named = (printable(part.owner.namespace, _NAME), owner, str(part.refused), limits, printable(why, 4 * _NAME))
    peaks = [(_by(over), _at(over.at)) for over in part.peaks] or [("-", _at(part.first))]
    for number, peak in enumerate(peaks):
        yield (*(named if number == 0 else [""] * len(named)), *peak)


def _summed_up(peaks: Sequence[Over]) -> Iterator[str]:
    if peaks:
        yield ""
        yield "the most by which a threshold was exceeded:"
        yield from (f"  {_by(over)}, {_at(over.at)}" for over in peaks)


def _by(over: Over) -> str:
    scope, _, name = over.sum.rpartition("/")
    what = name.replace("-", " ")
    by = amount("memory" if over.is_memory else "cpu", over.by)
    return f"{by} of {what} ({printable(scope, _NAME)})"


def _at(ts: str) -> str:
    """Write a timestamp without fractions of a second."""
    return printable(f"{ts[:19]}Z" if ts.endswith(("+00:00", "Z")) else ts, _NAME)


def notes(report: Report) -> Iterator[str]:
    """Yield notes on what the report is based on, and whether its numbers may be too low."""
    counted, faults = report.counted, report.faults
    if report.read == 0 and not report.may_be_too_low:
        yield "no audit line was read: is this the file of --audit-file, or a replica's standard output?"
    if number := faults.get(Faulty.DAMAGED, 0):
        yield f"{_count(number, 'line')} damaged, and not counted: the answer may be too low"
    if number := faults.get(Faulty.NEWER, 0):
        yield f"{_count(number, 'line')} of a newer schema, and not counted: use the headroom that wrote them"
    if report.lost:
        yield f"{_count(report.lost, 'line')} lost before they were written: the answer may be too low"
    if number := counted.get(Kind.UNJUDGED, 0):
        yield f"{_count(number, 'pod')} let in unjudged (AccountUnavailable): the answer may be too low"
    if report.old:
        yield f"{_count(report.old, 'line')} of schema 1: what a burst took past a threshold may be missing from them"
    if number := counted.get(Kind.CONDITIONAL, 0):
        yield (
            f"{_count(number, 'pod')} more in mode warn, for a missing limit or request or for want of a node: enforce "
            "refuses these only where missingLimits, missingRequests or unplaceable is deny"
        )
    if number := counted.get(Kind.BY_QUOTA, 0):
        yield f"{_count(number, 'pod')} refused by a ResourceQuota, whatever the mode: not counted"
    if number := counted.get(Kind.ENFORCED, 0):
        yield f"{_count(number, 'request')} refused in mode enforce: not counted"
    if report.dry_runs:
        yield f"{_count(report.dry_runs, 'line')} of dry runs: not counted"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

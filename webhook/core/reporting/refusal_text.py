"""Who is refused, as text for people: tables of blocked owners and of recent denials, and one owner explained."""

from collections.abc import Iterator, Sequence

from webhook.core.reporting.rows import BlockedRow, DenialRow, GroupRow
from webhook.core.reporting.tables import UNKNOWN, Table, memory_column
from webhook.core.reviews.messages import printable
from webhook.core.values.quantity import bytes_text, millis_text

_NAME = 120


def blocked_table(rows: Sequence[BlockedRow]) -> Table:
    """Return the table of blocked owners, as they come: those that have waited longest first."""
    asks = memory_column([row.asks_requests for row in rows])
    cells = tuple(
        (
            printable(row.namespace, _NAME),
            printable(f"{row.kind}/{row.name}", _NAME),
            UNKNOWN if row.missing is None else str(row.missing),
            asks[number],
            short(row),
            str(row.count),
            _clock(row.since),
            row.reason,
        )
        for number, row in enumerate(rows)
    )
    titles = ("NAMESPACE", "WORKLOAD", "MISSING", "ONE ASKS", "SHORT BY", "REFUSED", "SINCE", "REASON")
    return Table(titles, cells, (False, False, True, True, True, True, False, False))


def denials_table(rows: Sequence[DenialRow]) -> Table:
    """Return the table of recent denials, the newest first."""
    cells = tuple(
        (
            _clock(row.ts),
            printable(row.namespace, _NAME),
            printable(owner_of(row), _NAME),
            row.decision,
            str(row.count),
            row.reason,
            ", ".join(row.short_sums),
        )
        for row in rows
    )
    titles = ("LAST", "NAMESPACE", "WORKLOAD", "DECISION", "TIMES", "REASON", "SHORT OF")
    return Table(titles, cells, (False, False, False, False, True, False, False))


def owner_of(row: DenialRow) -> str:
    """Name what people look at: the top owner, else the controller, else the object itself."""
    for kind, name in ((row.top_owner_kind, row.top_owner_name), (row.owner_kind, row.owner_name)):
        if kind and name:
            return f"{kind}/{name}"
    return f"{row.kind}/{row.name}"


def short(row: BlockedRow) -> str:
    """Say how much is missing for one pod now."""
    if row.short_by is None and row.short_by_cpu is None:
        return UNKNOWN
    parts = [bytes_text(row.short_by)] if row.short_by else []
    parts += [f"{millis_text(row.short_by_cpu)} cpu"] if row.short_by_cpu else []
    return ", ".join(parts) or "fits now"


def explained(
    subject: str, group: GroupRow | None, blocked: BlockedRow | None, holders: Sequence[GroupRow]
) -> Iterator[str]:
    """Yield lines about one workload: what it commits, whether it is refused and why, and who holds the memory."""
    if group is None:
        yield f"{subject} has no live pod."
    else:
        pending = f", {group.pending_pods} of them not bound" if group.pending_pods else ""
        requests, limits = bytes_text(group.memory.requests), bytes_text(group.memory.limits)
        yield f"{subject} commits {requests} of requests and {limits} of limits in {group.pods} pods{pending}."
    if blocked is None:
        yield "None of its pods is waiting for room."
        return
    missing = "" if blocked.missing is None else f", {blocked.missing} pods are missing"
    yield f"Its pods are refused since {_clock(blocked.since)}, {blocked.count} times{missing}: {blocked.reason}."
    yield blocked.message
    if blocked.waits_for_itself:
        yield "It waits for itself: its own old pods hold the room. Set maxSurge: 0, or make room for one pod more."
    if short(blocked) == "fits now":
        yield f"One pod would fit now: its controller has not tried again yet. {_again(blocked)}"
    elif holders:
        largest = ", ".join(
            f"{row.namespace}/{row.kind}/{row.name} ({bytes_text(row.memory.requests)})" for row in holders
        )
        yield f"For one pod {short(blocked)} would have to go. Most is held by {largest}."


def _again(blocked: BlockedRow) -> str:
    """Say how to have it tried again at once."""
    kind, name = blocked.controller_kind, blocked.controller_name
    if kind == "Pod":
        return "Create it again."
    touch = f"kubectl -n {blocked.namespace} annotate {kind.lower()} {name} --overwrite"
    return f'To have it tried at once: {touch} headroom.internal/retry="$(date +%s)"'


def _clock(moment: str) -> str:
    """Return the time of day of an RFC 3339 time, which is UTC."""
    return moment[11:19]

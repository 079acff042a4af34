"""Audit lines: which decisions get one, and what stands in it."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from webhook.cases import Decided
from webhook.core.account.facts import PodFacts
from webhook.core.account.standing import Standing
from webhook.core.pods.objects import Pod
from webhook.core.reviews.forms import LONGEST_NAME, LONGEST_WORD
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.reviews.wording import printable
from webhook.core.values.amounts import Amounts

SCHEMA: Final = 1


def worth_a_line(decided: Decided) -> bool:
    """Say whether a decision belongs in the audit log."""
    return decided.verdict.reason is not Reason.FITS and not (
        decided.verdict.reason is Reason.NOT_JUDGED and decided.verdict.decision is Decision.ALLOW
    )


class Line(Struct, frozen=True, gc=False):
    """One decision, flat; bytes, RFC 3339, null for what is not known or not bounded."""

    ts: str
    schema: int
    event: str
    decision: str
    reason: str
    message: str
    uid: str
    dry_run: bool
    mode: str
    operation: str
    user: str
    kind: str
    namespace: str
    name: str
    owner_kind: str | None
    owner_name: str | None
    asked_requests_bytes: int | None
    asked_limits_bytes: int | None
    scope: str | None
    committed_requests_bytes: int | None
    committed_limits_bytes: int | None
    bound_requests_bytes: int | None
    bound_limits_bytes: int | None
    allocatable_bytes: int | None
    short_by_bytes: int | None
    snapshot_age_seconds: float
    config_hash: str
    duration_ms: float
    replica: str


def line(decided: Decided, replica: str, now: float) -> Line:
    """Lay out one decision; `now` in seconds since 1970."""
    case, verdict = decided.case, decided.verdict
    request, asked = case.request, case.question
    namespace, _, name = asked.facts.name.partition("/") if asked else (request.namespace, "", request.name)
    owner_kind, owner_name = _owner(asked.pod) if asked else (None, None)
    asked_requests, asked_limits = _asked(asked.facts) if asked else (None, None)
    requests, limits, bound_requests, bound_limits, allocatable = _figures(decided.standing)
    return Line(
        ts=timestamp(now),
        schema=SCHEMA,
        event="decision",
        decision=verdict.decision._value_,
        reason=verdict.reason._value_,
        message=decided.message,
        uid=request.uid,
        dry_run=bool(request.dry_run),
        mode=verdict.mode._value_,
        operation=request.operation,
        user=request.user_info.username,
        kind=request.what,
        namespace=namespace,
        name=name,
        owner_kind=owner_kind,
        owner_name=owner_name,
        scope=decided.standing.scope if decided.standing else None,
        asked_requests_bytes=asked_requests,
        asked_limits_bytes=asked_limits,
        committed_requests_bytes=requests,
        committed_limits_bytes=limits,
        bound_requests_bytes=bound_requests,
        bound_limits_bytes=bound_limits,
        allocatable_bytes=allocatable,
        short_by_bytes=max((s.short_by for s in verdict.sums if s.resource == "memory"), default=None),
        snapshot_age_seconds=round(decided.age, 3),
        config_hash=decided.config_hash,
        duration_ms=round(decided.took * 1000, 3),
        replica=replica,
    )


def timestamp(now: float) -> str:
    """Write seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")


def _asked(pod: PodFacts) -> tuple[int, int | None]:
    """Return the requests and the limits that a pod would add; none are certain where a container has no limit."""
    growth = pod.asked
    return growth.memory_requests, None if pod.footprint.memory_unbounded else growth.memory_limits


def _figures(standing: Standing | None) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """Return what is committed of requests and of limits, their bounds, and what is allocatable."""
    if standing is None:
        return None, None, None, None, None
    committed, granted, (room, _, bounds, _) = standing.committed, standing.unseen, standing.bearing
    limits = _LIMITS if bounds[_LIMITS_FILLED] is None else _LIMITS_FILLED
    return (
        committed.memory_requests + granted.memory_requests,
        committed[limits] + granted[limits],
        bounds[_REQUESTS],
        bounds[limits],
        room.memory,
    )


_REQUESTS, _LIMITS, _LIMITS_FILLED = map(
    Amounts._fields.index, ("memory_requests", "memory_limits", "memory_limits_filled")
)


def _owner(pod: Pod) -> tuple[str | None, str | None]:
    for owner in pod.metadata.owner_references:
        if owner.controller:
            return printable(owner.kind, LONGEST_WORD), printable(owner.name, LONGEST_NAME)  # nobody bounds these
    return None, None

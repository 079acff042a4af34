"""Audit lines: which decisions get one, and its fields. docs/audit.md describes each field."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec import Struct

from webhook.admission.decision_record import DecisionRecord
from webhook.core.api.types import OwnerReference, Pod
from webhook.core.events.reference import Reference, controller
from webhook.core.ledger.info import PodInfo
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.forms import LONGEST_NAME, LONGEST_UID, LONGEST_WORD
from webhook.core.reviews.messages import printable
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.values.amounts import Amounts

SCHEMA: Final = 2


def worth_a_line(decided: DecisionRecord) -> bool:
    """Say whether a decision belongs in the audit log."""
    return decided.verdict.reason is not Reason.FITS and not (
        decided.verdict.reason is Reason.NOT_JUDGED and decided.verdict.decision is Decision.ALLOW
    )


class Line(Struct, frozen=True, gc=False):
    """One decision as flat fields: bytes and millicores, times as RFC 3339, null for what is unknown or not bounded."""

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
    owner_uid: str | None
    scope: str | None
    short_sums: tuple[str, ...]
    asked_requests_bytes: int | None
    asked_limits_bytes: int | None
    committed_requests_bytes: int | None
    committed_limits_bytes: int | None
    bound_requests_bytes: int | None
    bound_limits_bytes: int | None
    short_by_requests_bytes: int | None
    short_by_limits_bytes: int | None
    allocatable_bytes: int | None
    asked_requests_millicores: int | None
    asked_limits_millicores: int | None
    committed_requests_millicores: int | None
    committed_limits_millicores: int | None
    bound_requests_millicores: int | None
    bound_limits_millicores: int | None
    short_by_requests_millicores: int | None
    short_by_limits_millicores: int | None
    allocatable_millicores: int | None
    snapshot_age_seconds: float
    config_hash: str
    duration_ms: float
    replica: str


class TopOwner(Struct, frozen=True, gc=False):
    """The last fields of a line: the owner of the pod's controller, or that controller itself if it has no owner.

    The writer of the line looks them up after the decision; null if the API server does not know the controller, or if
    it was not looked up.
    """

    top_owner_api_version: str | None = None
    top_owner_kind: str | None = None
    top_owner_name: str | None = None
    top_owner_uid: str | None = None


def line(decided: DecisionRecord, replica: str, now: float) -> Line:
    """Return the line for a decision; `now` is in seconds since 1970."""
    case, verdict = decided.case, decided.verdict
    request, asked = case.request, case.evaluation
    namespace, _, name = asked.info.name.partition("/") if asked else (request.namespace, "", request.name)
    owner = _owner(asked.pod) if asked else None
    requests, limits, cpu_requests, cpu_limits = _sums(decided)
    room = decided.figures[0].scope_limits.room if decided.figures else None
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
        owner_kind=printable(owner.kind, LONGEST_WORD) if owner else None,  # the API server does not limit these
        owner_name=printable(owner.name, LONGEST_NAME) if owner else None,
        owner_uid=printable(owner.uid, LONGEST_UID) if owner else None,
        scope=decided.figures[0].scope if decided.figures else None,
        short_sums=tuple(_short_sums(decided)),
        asked_requests_bytes=requests.asked,
        asked_limits_bytes=limits.asked,
        committed_requests_bytes=requests.committed,
        committed_limits_bytes=limits.committed,
        bound_requests_bytes=requests.bound,
        bound_limits_bytes=limits.bound,
        short_by_requests_bytes=requests.short_by,
        short_by_limits_bytes=limits.short_by,
        allocatable_bytes=room.memory if room else None,
        asked_requests_millicores=cpu_requests.asked,
        asked_limits_millicores=cpu_limits.asked,
        committed_requests_millicores=cpu_requests.committed,
        committed_limits_millicores=cpu_limits.committed,
        bound_requests_millicores=cpu_requests.bound,
        bound_limits_millicores=cpu_limits.bound,
        short_by_requests_millicores=cpu_requests.short_by,
        short_by_limits_millicores=cpu_limits.short_by,
        allocatable_millicores=room.cpu if room else None,
        snapshot_age_seconds=round(decided.age, 3),
        config_hash=decided.config_hash,
        duration_ms=round(decided.took * 1000, 3),
        replica=replica,
    )


def timestamp(now: float) -> str:
    """Write seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")


def maker(decided: DecisionRecord) -> Reference | None:
    """Return the controller that the pod of a decision names; None if there is none, or its reference is not valid."""
    asked = decided.case.evaluation
    return controller(asked.pod.metadata.owner_references, decided.case.request.namespace) if asked else None


class _Cell(NamedTuple):
    """The figures of one sum."""

    asked: int | None = None
    committed: int | None = None
    bound: int | None = None
    short_by: int | None = None


def _sums(decided: DecisionRecord) -> list[_Cell]:
    """Return the figures of the first scope: memory requests, memory limits, CPU requests, CPU limits."""
    if not decided.figures:
        asked = decided.case.evaluation
        return [_alone(asked.info, index) if asked else _Cell() for index in (_REQUESTS, _LIMITS, _CPU, _CPU_LIMITS)]
    bounds = decided.figures[0].scope_limits.bound
    limits = _LIMITS if bounds[_FILLED] is None else _FILLED
    cpu_limits = _CPU_LIMITS if bounds[_CPU_FILLED] is None else _CPU_FILLED
    return [_cell(decided, decided.figures[0], index) for index in (_REQUESTS, limits, _CPU, cpu_limits)]


def _cell(decided: DecisionRecord, figures: Figures, index: int) -> _Cell:
    asked, bound = decided.case.evaluation, figures.scope_limits.bound[index]
    if asked is None:  # a workload: for a sum that is in its way, the most that the edit would add at any moment
        lacking_sum = next((s for s in decided.verdict.sums if s.scope == figures.scope and s.index == index), None)
        more = (lacking_sum.asked, max(0, lacking_sum.short_by)) if lacking_sum else (None, None)
        return _Cell(more[0], figures.committed[index], bound, more[1])
    added = _certain(asked.info, index, figures.asked[index], bounded=bound is not None)
    return _Cell(added, figures.committed[index], bound, figures.short_by(index))


def _alone(pod: PodInfo, index: int) -> _Cell:
    """Return only what the pod itself would add, because there are no figures of a scope."""
    return _Cell(_certain(pod, index, pod.asked[index], bounded=False))


def _certain(pod: PodInfo, index: int, asked: int, *, bounded: bool) -> int | None:
    """Return what a pod would add to a sum; None if that is uncertain, because a limit is missing.

    It is uncertain only for a sum of limits that has no bound; for a bounded sum, `missingLimits` gives the rule.
    """
    unbounded = _UNBOUNDED.get(index)
    return None if not bounded and unbounded is not None and pod.footprint[unbounded] else asked


def _short_sums(decided: DecisionRecord) -> list[str]:
    """Return the names of the sums that are short, in all scopes."""
    sums, scopes = decided.verdict.sums, decided.figures
    if decided.case.evaluation is None:
        return [_called(s.scope, s.index) for s in sums if s.short_by > 0]
    return [_called(each.scope, index) for each in scopes for index in each.short()]


def _called(scope: str, index: int) -> str:
    return f"{scope}/{_NAMES[index]}"


_NAMES: Final = tuple("-".join(field.split("_")[:2]) for field in Amounts._fields)
_REQUESTS, _LIMITS, _FILLED, _CPU, _CPU_LIMITS, _CPU_FILLED = map(
    Amounts._fields.index,
    ("memory_requests", "memory_limits", "memory_limits_filled", "cpu_requests", "cpu_limits", "cpu_limits_filled"),
)
_UNBOUNDED: Final = {
    _LIMITS: Amounts._fields.index("memory_unbounded"),
    _CPU_LIMITS: Amounts._fields.index("cpu_unbounded"),
}


def _owner(pod: Pod) -> OwnerReference | None:
    return next((owner for owner in pod.metadata.owner_references if owner.controller), None)

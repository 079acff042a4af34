"""Verdicts: whether a pod fits, and the reason as data; messages.py makes the sentences from it."""

from enum import StrEnum

from msgspec import Struct

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.percentage import Share
from webhook.core.config.types import Answer, MissingLimits, Mode
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.places import Lacking
from webhook.core.ledger.rules import near_sums
from webhook.core.reviews.figures import Figures
from webhook.core.values.amounts import Amounts


class Decision(StrEnum):
    """What happens to the request. `audit` admits it like `allow`, but mode enforce would have refused it."""

    ALLOW = "allow"
    WARN = "warn"
    AUDIT = "audit"
    DENY = "deny"
    CANNOT_TELL = "cannot_tell"


class Reason(StrEnum):
    """Why; short and stable, for Events, metrics and programs that read the audit log."""

    FITS = "Fits"
    NEAR_BOUND = "NearBound"
    MEMORY = "MemoryCommitmentExceeded"
    CPU = "CpuCommitmentExceeded"
    QUOTA = "QuotaExceeded"
    MISSING_LIMITS = "MissingLimits"
    MISSING_REQUESTS = "MissingRequests"
    UNPLACEABLE = "Unplaceable"
    EXEMPT = "Exempt"
    INVALID = "InvalidPod"
    UNAVAILABLE = "AccountUnavailable"
    AWAITING = "AwaitingEarlierPods"
    NOT_JUDGED = "NotJudged"


_RESOURCES = tuple(field.split("_")[0] for field in Amounts._fields)
_KINDS = tuple(field.split("_")[1] for field in Amounts._fields)


class Sum(Struct, frozen=True, gc=False):
    """One bounded sum of one scope at the moment of a verdict; memory in bytes, cpu in millicores.

    `index` is its position in `Amounts`. `committed` is what live pods commit, `unplaceable` the part of that for pods
    that no node can hold. `granted` is what this replica has granted and not seen yet; a verdict that counts other
    replicas has what they hold in it, too. `room` is the allocatable of the nodes that count, and `kept` the part of it
    that is kept in reserve. If no node counts, `uncounted` has the number of nodes by reason. `figures` has all sums of
    the scope at the same moment.
    """

    scope: str
    index: int
    asked: int
    committed: int
    granted: int
    bound: int
    room: Allocatable
    kept: int
    share: Share | None
    uncounted: tuple[tuple[str, int], ...] = ()
    unplaceable: int = 0
    figures: Figures | None = None

    @property
    def resource(self) -> str:
        """`memory` or `cpu`."""
        return _RESOURCES[self.index]

    @property
    def kind(self) -> str:
        """`requests` or `limits`."""
        return _KINDS[self.index]

    @property
    def allocatable(self) -> int:
        """What is allocatable on the nodes of the scope that count."""
        return self.room.memory if self.resource == "memory" else self.room.cpu

    @property
    def free(self) -> int:
        """What would still fit."""
        return max(0, self.bound - self.committed - self.granted)

    @property
    def short_by(self) -> int:
        """How much is missing; zero or less if it fits."""
        return self.committed + self.granted + self.asked - self.bound


class Verdict(Struct, frozen=True, gc=False):
    """The result of one review. `sums` has the sums past their bound in a refusal, or near it in a warning."""

    decision: Decision
    reason: Reason
    mode: Mode = Mode.ENFORCE
    sums: tuple[Sum, ...] = ()
    detail: str = ""  # beyond the reason: which exemption, what is wrong with the pod, what it waits for
    lacking: Lacking | None = None  # what no node can hold

    @property
    def allowed(self) -> bool:
        """Say whether the request passes."""
        return self.decision in (Decision.ALLOW, Decision.WARN, Decision.AUDIT)

    @property
    def is_over(self) -> bool:
        """Say whether the review takes a sum past its bound, whatever the decision is."""
        return any(s.short_by > 0 for s in self.sums)

    @property
    def figures(self) -> tuple[Figures, ...]:
        """Return the figures of each scope in `sums`, once each and in their order."""
        return tuple({s.scope: s.figures for s in self.sums if s.figures is not None}.values())


def growth(ledger: Ledger, pod: PodInfo, past: Share | None = None) -> tuple[Sum, ...]:
    """Return every bounded sum that this pod raises, or only those that it takes past a share of their bound.

    Only growth is judged: a sum that the pod does not raise is left out, even if it is past its bound.
    """
    sums: list[Sum] = []
    for scope in ledger.charge(pod).scopes:
        asked = ledger.growth(pod, scope)
        balance = ledger.balance(scope)
        committed, granted, (room, reserve, bounds, _) = balance.committed, balance.unseen, balance.scope_limits
        taken: Figures | None = None
        for index, bound, line in near_sums(bounds, 0 if past is None else past.thousandths):
            if asked[index] and committed[index] + granted[index] + asked[index] > line:
                share = ledger.accounting.share(scope, index)
                figures = (asked[index], committed[index], granted[index], bound)
                uncounted = () if any(room) else ledger.capacity.uncounted(scope)
                unplaceable = balance.stuck.unplaceable[index]
                taken = taken or Figures(scope, asked, committed.plus(granted), balance.scope_limits)
                sums.append(Sum(scope, index, *figures, room, reserve[index], share, uncounted, unplaceable, taken))
    return tuple(sums)


def refuse(sums: tuple[Sum, ...], mode: Mode) -> Verdict:
    """Return the verdict that the mode has for sums past their bounds."""
    reason = Reason.MEMORY if any(s.resource == "memory" for s in sums) else Reason.CPU
    return Verdict(refusing(mode), reason, mode, sums)


def judge(ledger: Ledger, pod: PodInfo, mode: Mode) -> Verdict:
    """Judge a pod by this replica's view: what lives, what this replica has granted, and the bounds."""
    tight = growth(ledger, pod, past=ledger.accounting.config.warn_at)
    if not tight:
        return Verdict(Decision.ALLOW, Reason.FITS, mode)
    broken = tuple(s for s in tight if s.short_by > 0)
    if broken:
        return refuse(broken, mode)
    if mode is Mode.AUDIT:  # users get no warnings in this mode
        return Verdict(Decision.ALLOW, Reason.FITS, mode)
    return Verdict(Decision.WARN, Reason.NEAR_BOUND, mode, tight)


def judge_form(config: HeadroomConfig, mode: Mode, missing: Answer, *, unbounded: bool, no_request: bool) -> Verdict:
    """Judge what a pod leaves unsaid: containers without a memory limit or request.

    Mode audit only records what other modes warn about.
    """
    warned = Decision.ALLOW if mode is Mode.AUDIT else Decision.WARN
    if unbounded and config.missing_limits is MissingLimits.DENY:
        return Verdict(refusing(mode), Reason.MISSING_LIMITS, mode)
    if no_request and missing is Answer.DENY:
        return Verdict(refusing(mode), Reason.MISSING_REQUESTS, mode)
    if unbounded and config.missing_limits is MissingLimits.WARN:
        return Verdict(warned, Reason.MISSING_LIMITS, mode)
    if no_request and missing is Answer.WARN:
        return Verdict(warned, Reason.MISSING_REQUESTS, mode)
    return Verdict(Decision.ALLOW, Reason.FITS, mode)


def refuse_by_quota(mode: Mode, said: str) -> Verdict:
    """Refuse a pod in the words of the quota that will refuse it; if policy lets it in, the quota itself refuses it."""
    return Verdict(refusing(mode), Reason.QUOTA, mode, detail=said)


def judge_placing(mode: Mode, unplaceable: Answer, lacking: Lacking) -> Verdict:
    """Judge a pod that no node can hold, whether or not it fits the sums."""
    if unplaceable is Answer.DENY:
        return Verdict(refusing(mode), Reason.UNPLACEABLE, mode, lacking=lacking)
    if unplaceable is Answer.WARN and mode is not Mode.AUDIT:  # users get no warnings in this mode
        return Verdict(Decision.WARN, Reason.UNPLACEABLE, mode, lacking=lacking)
    return Verdict(Decision.ALLOW, Reason.FITS, mode)


def cannot_tell(mode: Mode, detail: str) -> Verdict:
    """Return the verdict if the sums are not known: refused in mode enforce, otherwise admitted with a warning."""
    decision = Decision.CANNOT_TELL if mode is Mode.ENFORCE else Decision.WARN
    return Verdict(decision, Reason.UNAVAILABLE, mode, detail=detail)


def refusing(mode: Mode) -> Decision:
    """Return the decision of a mode on a request that mode enforce refuses."""
    return {Mode.ENFORCE: Decision.DENY, Mode.WARN: Decision.WARN, Mode.AUDIT: Decision.AUDIT}[mode]

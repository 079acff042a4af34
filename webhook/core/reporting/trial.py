"""The report on a trial: which pods mode enforce would have refused, of those that modes warn and audit admitted.

Audit lines may come in any order and from any number of replicas. There may be several about one review, because the
API server asks again if a response is lost; the review counts once. By how much a sum was over is measured when the
pod was counted, on top of all pods that were admitted past the threshold before it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from webhook.core.config.types import Mode
from webhook.core.reporting.auditlines import AuditLine, Faulty
from webhook.core.reviews.verdict import Decision, Reason


class Kind(IntEnum):
    """What a decision says about mode enforce; if two decisions are about one review, the lower value counts."""

    REFUSED = 0  # mode enforce would have refused it
    CONDITIONAL = 1  # enforce would have refused it if a setting were `deny`: a line of mode warn does not say
    UNJUDGED = 2  # the replica could not judge it
    BY_QUOTA = 3  # its ResourceQuota refuses it, whatever the mode
    ENFORCED = 4  # it was refused, because the mode was enforce
    PASSED = 5  # mode enforce would have admitted it, too


_KINDS: dict[str, Kind] = {
    Reason.MEMORY: Kind.REFUSED,
    Reason.CPU: Kind.REFUSED,
    Reason.AWAITING: Kind.REFUSED,
    Reason.MISSING_LIMITS: Kind.CONDITIONAL,
    Reason.MISSING_REQUESTS: Kind.CONDITIONAL,
    Reason.UNPLACEABLE: Kind.CONDITIONAL,
    Reason.QUOTA: Kind.BY_QUOTA,
    Reason.UNAVAILABLE: Kind.UNJUDGED,
}
_UNCERTAIN = (Kind.CONDITIONAL, Kind.PASSED)  # unless the decision is `audit`, which always means refused by enforce


def kind_of(decision: str, mode: str, reason: str) -> Kind:
    """Return what a decision says about mode enforce."""
    if decision in (Decision.DENY, Decision.CANNOT_TELL):
        return Kind.ENFORCED
    on_trial = decision == Decision.AUDIT or (decision == Decision.WARN and mode != Mode.ENFORCE)
    if not on_trial:
        return Kind.PASSED
    known = _KINDS.get(reason, Kind.PASSED)
    return Kind.REFUSED if decision == Decision.AUDIT and known in _UNCERTAIN else known


class Over(NamedTuple):
    """By how much one sum was over, in bytes or millicores, and when; `sum` is like `cluster/memory-limits`."""

    sum: str
    by: int
    at: str

    @property
    def is_memory(self) -> bool:
        """Say whether the amount is in bytes and not in millicores."""
        return "/cpu-" not in self.sum


def overs(line: AuditLine) -> Iterator[Over]:
    """Yield the sums that a pod took past their thresholds."""
    scope = line.scope or "cluster"
    for name, by in (
        ("memory-requests", line.short_by_requests_bytes),
        ("memory-limits", line.short_by_limits_bytes),
        ("memory", line.short_by_bytes),
        ("cpu-requests", line.short_by_requests_millicores),
        ("cpu-limits", line.short_by_limits_millicores),
    ):
        if by is not None and by > 0:
            yield Over(f"{scope}/{name}", by, line.ts)


class Owner(NamedTuple):
    """The owner of pods: its namespace, kind and name."""

    namespace: str
    kind: str
    name: str


class Part(NamedTuple):
    """The pods of one owner that would have been refused: how many, why, what they ask together (bytes), and when.

    `peaks` has for each sum the most by which a pod of this owner took it past its threshold, and when that was first.
    """

    owner: Owner
    refused: int
    reasons: dict[str, int]
    asked_requests: int
    asked_limits: int
    first: str
    last: str
    peaks: tuple[Over, ...]


class Report(NamedTuple):
    """The whole report: parts by owner, most refusals first; the peak of each sum; and what the report is based on.

    `counted` has the number of reviews of each kind, `faults` the number of texts that cannot be counted, by reason.
    """

    parts: tuple[Part, ...]
    peaks: tuple[Over, ...]
    counted: dict[Kind, int]
    faults: dict[Faulty, int]
    read: int  # lines
    old: int  # lines of schema 1
    repeated: int  # lines about a review that another line is about, too
    dry_runs: int
    lost: int  # lines that a replica could not write

    @property
    def refused(self) -> int:
        """How many pods would have been refused."""
        return self.counted.get(Kind.REFUSED, 0)

    @property
    def may_be_too_low(self) -> bool:
        """Say whether reviews are missing or unjudged that enforce might have refused."""
        missing = self.faults.get(Faulty.DAMAGED, 0) + self.faults.get(Faulty.NEWER, 0) + self.lost
        return bool(missing or self.counted.get(Kind.UNJUDGED, 0))


class Trial:
    """Adds up audit lines, one after the other."""

    def __init__(self) -> None:
        self._reviews: dict[str, tuple[Kind, AuditLine]] = {}
        self._faults: Counter[Faulty] = Counter()
        self._lost: dict[str, int] = {}  # by replica: how many lines it has lost since its start
        self._read = self._old = self._repeated = self._dry_runs = 0

    def add(self, line: AuditLine | Faulty) -> None:
        """Add one line of a log."""
        if isinstance(line, Faulty):
            self._faults[line] += 1
            return
        self._read += 1
        if line.event == "dropped":
            self._lost[line.replica] = max(self._lost.get(line.replica, 0), line.lines)
            return
        self._old += line.schema < 2
        if line.dry_run:
            self._dry_runs += 1
            return
        kind, known = kind_of(line.decision, line.mode, line.reason), self._reviews.get(line.uid)
        self._repeated += known is not None
        if known is None or (kind, line.ts, line.replica) < (known[0], known[1].ts, known[1].replica):
            self._reviews[line.uid] = kind, line

    def report(self) -> Report:
        """Return the report on all lines added so far."""
        owners: dict[Owner, list[AuditLine]] = {}
        for kind, line in self._reviews.values():
            if kind is Kind.REFUSED:
                owners.setdefault(Owner(line.namespace, *line.owner), []).append(line)
        parts = sorted((_part(*each) for each in owners.items()), key=lambda part: (-part.refused, part.owner))
        return Report(
            parts=tuple(parts),
            peaks=_peaks(over for part in parts for over in part.peaks),
            counted=Counter(kind for kind, _ in self._reviews.values()),
            faults=self._faults,
            read=self._read,
            old=self._old,
            repeated=self._repeated,
            dry_runs=self._dry_runs,
            lost=sum(self._lost.values()),
        )


def _part(owner: Owner, lines: list[AuditLine]) -> Part:
    return Part(
        owner=owner,
        refused=len(lines),
        reasons=dict(sorted(Counter(line.reason for line in lines).items())),
        asked_requests=sum(line.asked_requests_bytes or 0 for line in lines),
        asked_limits=sum(line.asked_limits_bytes or 0 for line in lines),
        first=min(line.ts for line in lines),
        last=max(line.ts for line in lines),
        peaks=_peaks(over for line in lines for over in overs(line)),
    )


def _peaks(every: Iterable[Over]) -> tuple[Over, ...]:
    """Return the highest value of each sum, and of several equal ones the first."""
    peaks: dict[str, Over] = {}
    for over in every:
        known = peaks.get(over.sum)
        if known is None or (-over.by, over.at) < (-known.by, known.at):
            peaks[over.sum] = over
    return tuple(peaks[name] for name in sorted(peaks))

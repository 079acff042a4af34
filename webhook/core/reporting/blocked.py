"""Blocked owners: whose pods were refused for a reason that passes, and who still lacks them.

    absent ──refused──► blocked ──read: nothing is missing, or it is gone──► absent
                           │ ▲
                           └─┘ refused again; read: pods are missing

A controller is read now and then, because nothing else says whether it still wants pods: soon while one would fit, and
seldom while none would. What is read too soon after a refusal may be from before it, because a controller reports its
pods after it has made them. A pod without a controller is not read: nobody creates it again, and it leaves after a
while; so does a controller of a kind that cannot be read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from webhook.core.events.reference import Reference
from webhook.core.reporting.fairness import leaving
from webhook.core.reporting.refusal import Refusal, is_bare
from webhook.core.values.amounts import Amounts

MOST: Final = 500  # owners of one replica; up to a quarter more for a while
EVERY: Final = 10.0  # seconds between two reads of a controller that no pod of its would fit for
SOON: Final = 2.0  # the same while one would fit
SETTLED: Final = 2.0  # what is read within so many seconds of a refusal does not end it
BARE: Final = 300.0  # seconds that a pod without a controller is shown
UNTRIED: Final = 1200.0  # an owner that cannot be read: Kubernetes' controllers try again within 1,000 s


class Blocked(Struct, frozen=True, gc=False):
    """One blocked owner. Amounts are of one pod, times are RFC 3339.

    `top` is the owner of `owner`, if it is known to have one. `scopes` are those that the pod would be charged to, and
    `scope` the one that left no room. `missing` is how many pods it lacks, by its last read. `stuck`: a rollout that
    removes no old pod before a new one comes.
    """

    owner: Reference
    top: Reference | None
    scopes: tuple[str, ...]
    asks: Amounts
    scope: str | None
    reason: str
    message: str
    count: int
    since: str
    last: str
    missing: int | None = None
    stuck: bool = False


@dataclass(slots=True)
class _Entry:
    blocked: Blocked
    refused_at: float
    read_at: float | None = None  # when a read was last begun
    known_at: float | None = None  # when one last succeeded


class BlockedOwners:
    """The blocked owners of one replica. Times are seconds of one clock. Not thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: dict[Reference, _Entry] = {}
        self.dropped = 0  # owners for which there was no room, though they may still be blocked

    def __len__(self) -> int:
        """Return how many owners there are."""
        return len(self._entries)

    def __contains__(self, owner: Reference) -> bool:
        """Say whether an owner is blocked."""
        return owner in self._entries

    def refused(self, refusal: Refusal, top: Reference | None, now: float) -> None:
        """Take in a refusal that `blocks`."""
        row = refusal.row
        said = row.scope, row.reason, row.message, row.count, row.since, row.ts
        self._put(Blocked(refusal.lacking, top, refusal.scopes, refusal.asks, *said), now)

    def adopt(self, blocked: Iterable[Blocked], now: float) -> None:
        """Take over the owners of a replica that has ended."""
        for each in blocked:
            self._put(each, now)

    def _put(self, blocked: Blocked, now: float) -> None:
        entry = self._entries.get(blocked.owner)
        if entry is not None:
            entry.blocked, entry.refused_at = both(entry.blocked, blocked), now
            return
        self._entries[blocked.owner] = _Entry(blocked, now)
        if len(self._entries) > self._most * 5 // 4:  # many at once: to decide which leave takes a while
            ages = {owner: (owner.namespace, each.refused_at) for owner, each in self._entries.items()}
            for owner in leaving(ages, self._most):
                del self._entries[owner]
                self.dropped += 1

    # -- reads of controllers ------------------------------------------------------------------------------------------

    def due(self, now: float, fits: Callable[[Blocked], bool]) -> list[Reference]:
        """Return the controllers to read now, first those that have not been read for longest."""
        waits = {
            owner: entry.read_at
            for owner, entry in self._entries.items()
            if not is_bare(owner) and _is_due(entry, now, fits)
        }
        return sorted(waits, key=lambda owner: waits[owner] or float("-inf"))

    def begin_read(self, owner: Reference, now: float) -> None:
        """Record that a controller is being read; whatever comes of it, the next read waits for its turn."""
        if owner in self._entries:
            self._entries[owner].read_at = now

    def read(self, owner: Reference, missing: int | None, *, stuck: bool, top: Reference | None = None) -> bool:
        """Record what a read that succeeded has shown; say whether that changed anything.

        `missing` is how many pods the controller lacks, None if what it says is out of date.
        """
        entry = self._entries.get(owner)
        if entry is None:
            return False
        begun = entry.read_at if entry.read_at is not None else entry.refused_at
        entry.known_at = begun
        if missing == 0 and begun >= entry.refused_at + SETTLED:
            del self._entries[owner]
            return True
        before = entry.blocked
        known = before.missing if missing is None else missing
        entry.blocked = replace(before, missing=known, stuck=stuck, top=top or before.top)
        return entry.blocked != before

    def gone(self, owner: Reference) -> bool:
        """Record that an owner does not exist any more, or never did; say whether it was blocked."""
        return self._entries.pop(owner, None) is not None

    def expire(self, now: float) -> bool:
        """Drop the owners of which nothing was heard for too long; say whether there was one."""
        old = [owner for owner, entry in self._entries.items() if now - _heard(entry) >= _patience(owner)]
        for owner in old:
            del self._entries[owner]
        return bool(old)

    def owners(self) -> tuple[Blocked, ...]:
        """Return the blocked owners, first those that have been so for longest."""
        return in_order(entry.blocked for entry in self._entries.values())


def _is_due(entry: _Entry, now: float, fits: Callable[[Blocked], bool]) -> bool:
    if entry.read_at is None:
        return True
    waited = now - entry.read_at
    return waited >= EVERY or (waited >= SOON and fits(entry.blocked))


def _heard(entry: _Entry) -> float:
    return entry.refused_at if entry.known_at is None else max(entry.refused_at, entry.known_at)


def _patience(owner: Reference) -> float:
    return BARE if is_bare(owner) else UNTRIED


def both(one: Blocked, other: Blocked) -> Blocked:
    """Return one entry for an owner from two: the one that was refused later, with all refusals counted.

    What a read has shown stays, if the later entry was not read.
    """
    newer, older = (other, one) if other.last >= one.last else (one, other)
    read = newer if newer.missing is not None else older
    return replace(
        newer,
        top=newer.top or older.top,
        since=min(one.since, other.since),
        count=one.count + other.count,
        missing=read.missing,
        stuck=read.stuck,
    )


def in_order(blocked: Iterable[Blocked]) -> tuple[Blocked, ...]:
    """Return blocked owners in the order in which they were first refused."""
    return tuple(sorted(blocked, key=lambda each: (each.since, each.owner)))

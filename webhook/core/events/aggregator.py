"""Aggregator: which occurrences become Kubernetes Events, and when; always bounded in rate and in memory.

    absent ──observe──► new ──take──► quiet ──observe──► grown ──take──► quiet …
                                        │                  from INTERVAL after the last `take`
    absent ◄────────────────────────────┘ INTERVAL is over and nothing happened

One entry is kept for each pair of object and reason. Occurrences while it is quiet are counted, and the next Event
carries the count and the newest text. A token bucket limits all Events together: new entries go first, and namespaces
take turns, so a flood in one namespace does not hold up another. An occurrence for which there is no room is dropped,
and `observe` returns False.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from webhook.core.events.reference import Reference

# Users of `kubectl describe` see figures at most this old; the ten minutes of client-go would hide changes.
INTERVAL: Final = 10.0  # seconds
RATE: Final = 5.0  # Events per second: the default rate limit of one client of the Kubernetes API
BURST: Final = 25  # Events
MOST: Final = 2_000  # entries
ROOM: Final = 250  # entries of one namespace
ATTEMPTS: Final = 3  # one per INTERVAL, so that an Event survives a restart of the API server

# The key contains the whole reference, because a pod may name the UID of any object as its owner. It cannot refer to an
# object of another namespace.
_Key = tuple[Reference, str]


class Occurrence(Struct, frozen=True, gc=False):
    """What happened to an object. `type` is Warning or Normal.

    `claimed`: only a review named the object, so it must be looked up before an Event is written.
    """

    regarding: Reference
    type: str
    reason: str
    action: str
    text: str
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An Event to write now: the newest of `count` occurrences between the moments `first` and `last`, in seconds."""

    occurrence: Occurrence
    count: int
    first: float
    last: float
    attempt: int


@dataclass(slots=True)
class _Entry:
    occurrence: Occurrence
    first: float
    last: float
    count: int = 1  # occurrences since the last `take`
    attempt: int = 1
    told_at: float | None = None

    def quiet(self, now: float) -> bool:
        return self.told_at is not None and now < self.told_at + INTERVAL


class EventAggregator:
    """The entries, and the rules by which they become Events. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._entries: dict[_Key, _Entry] = {}
        self._in_namespace: Counter[str] = Counter()
        self._served: dict[str, float] = {}
        self._tokens = float(BURST)
        self._filled_at = float("-inf")

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._entries)

    def observe(self, occurrence: Occurrence, now: float) -> bool:
        """Take in an occurrence; say whether it will become part of an Event (False: it was dropped)."""
        key = _key(occurrence)
        entry = self._entries.get(key)
        if entry is None:
            return self._add(key, _Entry(occurrence, now, now))
        entry.first = entry.first if entry.count else now
        entry.occurrence, entry.last, entry.count = occurrence, now, entry.count + 1
        return True

    def take(self, now: float) -> PendingEvent | None:
        """Return the Event to write now; None if none is due, or the rate limit is reached."""
        self._tokens = min(float(BURST), self._tokens + (now - self._filled_at) * RATE)
        self._filled_at = now
        if self._tokens < 1:
            return None
        self._forget(now)
        due = [entry for entry in self._entries.values() if entry.count and not entry.quiet(now)]
        if not due:
            return None
        entry = min(due, key=self._turn)
        self._tokens -= 1
        self._served[entry.occurrence.regarding.namespace] = now
        notice = PendingEvent(entry.occurrence, entry.count, entry.first, entry.last, entry.attempt)
        entry.told_at, entry.count, entry.attempt = now, 0, 1
        return notice

    def give_back(self, notice: PendingEvent) -> bool:
        """Take back an Event that could not be written; say whether it will be tried again."""
        key = _key(notice.occurrence)
        entry = self._entries.get(key)
        if notice.attempt >= ATTEMPTS:
            return False
        if entry is None:
            entry = _Entry(notice.occurrence, notice.first, notice.last, 0)
            if not self._add(key, entry):
                return False
        entry.last = entry.last if entry.count else notice.last
        entry.first, entry.count, entry.attempt = notice.first, entry.count + notice.count, notice.attempt + 1
        return True

    def _turn(self, entry: _Entry) -> tuple[bool, float, float]:
        served = self._served.get(entry.occurrence.regarding.namespace, float("-inf"))
        return entry.told_at is not None, served, entry.first

    def _add(self, key: _Key, entry: _Entry) -> bool:
        namespace = entry.occurrence.regarding.namespace
        if len(self._entries) >= MOST or self._in_namespace[namespace] >= ROOM:
            return False
        self._entries[key] = entry
        self._in_namespace[namespace] += 1
        return True

    def _forget(self, now: float) -> None:
        """Drop the entries that would be treated like unknown ones: nothing happened, and they are no longer quiet."""
        over = [key for key, entry in self._entries.items() if not entry.count and not entry.quiet(now)]
        for key in over:
            self._in_namespace[self._entries.pop(key).occurrence.regarding.namespace] -= 1
        self._in_namespace += Counter()  # this removes the namespaces whose count is 0
        for namespace in self._served.keys() - self._in_namespace.keys():
            del self._served[namespace]


def _key(occurrence: Occurrence) -> _Key:
    return occurrence.regarding, occurrence.reason

"""Notices: which occurrences are told to Kubernetes as Events, and when; bounded in rate and memory whatever happens.

    absent ──observe──► new ──take──► quiet ──observe──► grown ──take──► quiet …
                                        │                  from INTERVAL after the last `take`
    absent ◄────────────────────────────┘ INTERVAL is over and nothing happened

One notice is kept for an object and a reason. What happens while it is quiet is counted, and told together with the
newest text. A token bucket limits all notices together: new ones go first, and namespaces take turns, so that a flood
in one of them holds up no other. What finds no room is dropped, and `observe` says so.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from webhook.core.events.reference import Reference

# Whoever asks `kubectl describe` sees figures no older than this; client-go's ten minutes would hide what changes.
INTERVAL: Final = 10.0  # seconds
RATE: Final = 5.0  # notices a second, as many as one client of Kubernetes may call by default
BURST: Final = 25
MOST: Final = 2_000
ROOM: Final = 250  # for the notices of one namespace
ATTEMPTS: Final = 3  # at INTERVAL: the API server may be restarted meanwhile

# The whole reference: a pod may name anybody's uid, but nobody can speak of an object of another namespace.
_Key = tuple[Reference, str]


class Occurrence(Struct, frozen=True, gc=False):
    """What happened to an object. `type` is Warning or Normal.

    `claimed`: the object was named by a review alone; it must be looked up before an Event is written.
    """

    regarding: Reference
    type: str
    reason: str
    action: str
    text: str
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """What is to be told now: the newest of `count` occurrences between two moments, in seconds."""

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
    count: int = 1  # since it was told last
    attempt: int = 1
    told_at: float | None = None

    def quiet(self, now: float) -> bool:
        return self.told_at is not None and now < self.told_at + INTERVAL


class EventAggregator:
    """All changes of state are here; times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._entries: dict[_Key, _Entry] = {}
        self._in_namespace: Counter[str] = Counter()
        self._served: dict[str, float] = {}
        self._tokens = float(BURST)
        self._filled_at = float("-inf")

    def __len__(self) -> int:
        """How many notices are kept."""
        return len(self._entries)

    def observe(self, occurrence: Occurrence, now: float) -> bool:
        """Take an occurrence in; say whether it will be told."""
        key = _key(occurrence)
        entry = self._entries.get(key)
        if entry is None:
            return self._add(key, _Entry(occurrence, now, now))
        entry.first = entry.first if entry.count else now
        entry.occurrence, entry.last, entry.count = occurrence, now, entry.count + 1
        return True

    def take(self, now: float) -> PendingEvent | None:
        """Return what is to be told now, if anything is."""
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
        """Take back what could not be told; say whether it will be tried again."""
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
        """Drop what an unknown one would be treated like."""
        over = [key for key, entry in self._entries.items() if not entry.count and not entry.quiet(now)]
        for key in over:
            self._in_namespace[self._entries.pop(key).occurrence.regarding.namespace] -= 1
        self._in_namespace += Counter()  # without those that came to nothing
        for namespace in self._served.keys() - self._in_namespace.keys():
            del self._served[namespace]


def _key(occurrence: Occurrence) -> _Key:
    return occurrence.regarding, occurrence.reason

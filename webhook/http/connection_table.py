"""Connections of one listener, ranked by who makes room when there are too many.

    IDLE         asked for something, and never sent a review
    UNFINISHED   sent no review yet, and has not come to an end: of a handshake, a request, the reading of an answer
    KNOWN        has sent reviews, and is idle
    KNOWN_BUSY   has sent reviews, and has not come to an end of something
    ANSWERED     has a review in flight: never closed to make room

Within a rank the connection that has been in it for longest is closed first; of the unfinished, one from the address
that most of them come from. An API server is unfinished for milliseconds and known from then on, so idle peers are
closed before it, be they at the same address (a load balancer's, konnectivity's) or another. For the same reason the
limit for each address is only about connections that have never sent a review.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Generic, TypeVar

C = TypeVar("C")


class Rank(IntEnum):
    """Which connections are closed first; the lowest."""

    IDLE = 0
    UNFINISHED = 1
    KNOWN = 2
    KNOWN_BUSY = 3
    ANSWERED = 4


_UNPROVEN = (Rank.IDLE, Rank.UNFINISHED)
_IN_ORDER_OF_COMING = frozenset({Rank.UNFINISHED, Rank.KNOWN_BUSY, Rank.ANSWERED})  # a step within them renews nothing


class _Address(Generic[C]):
    """The connections of one address that have never sent a review, by rank, each in the order of coming into it."""

    def __init__(self) -> None:
        self.ranks: tuple[dict[C, None], dict[C, None]] = ({}, {})

    def __len__(self) -> int:
        return sum(map(len, self.ranks))

    def unfinished(self) -> int:
        """Return how many of them are."""
        return len(self.ranks[Rank.UNFINISHED])


class ConnectionTable(Generic[C]):
    """At most so many connections, of which each address may have so many that never sent a review. On the loop."""

    def __init__(self, limit: int, per_address: int) -> None:
        self.limit = limit
        self._per_address = per_address
        self._places: dict[C, tuple[Rank, str]] = {}
        self._ranks: tuple[dict[C, None], ...] = tuple({} for _ in Rank)
        self._addresses: dict[str, _Address[C]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[C]:
        return iter(list(self._places))

    def is_full(self) -> bool:
        """Say whether another one needs a place that somebody has."""
        return len(self._places) >= self.limit

    def rank(self, connection: C) -> Rank | None:
        """Return where it stands; None once it is gone."""
        place = self._places.get(connection)
        return None if place is None else place[0]

    def add(self, connection: C, address: str) -> None:
        """Count a new connection."""
        self._enter(connection, Rank.UNFINISHED, address)

    def place(self, connection: C, rank: Rank) -> None:
        """Take note of where it stands after a step that it took."""
        place = self._places.get(connection)
        if place is None:
            return
        before, address = place
        if before is rank and rank in _IN_ORDER_OF_COMING:
            return
        if rank is before is Rank.KNOWN:  # a review after the other
            known = self._ranks[rank]
            del known[connection]
            known[connection] = None
            return
        self._leave(connection, before, address)
        self._enter(connection, rank, address)

    def remove(self, connection: C) -> None:
        """Count it no longer."""
        place = self._places.pop(connection, None)
        if place is not None:
            self._leave(connection, *place)

    def gives_way(self, address: str) -> C | None:
        """Return the connection to close for a new one from there; None if none has to be, or (if full) none can be."""
        own = self._addresses.get(address)
        if own is not None and len(own) >= self._per_address:
            return _first(own.ranks[Rank.IDLE] or own.ranks[Rank.UNFINISHED])
        return self._first_of_all() if self.is_full() else None

    def _first_of_all(self) -> C | None:
        for rank in Rank:
            if rank is Rank.ANSWERED or not self._ranks[rank]:
                continue
            if rank is Rank.UNFINISHED:
                return _first(max(self._addresses.values(), key=_Address.unfinished).ranks[rank])
            return _first(self._ranks[rank])
        return None

    def _enter(self, connection: C, rank: Rank, address: str) -> None:
        self._places[connection] = rank, address
        self._ranks[rank][connection] = None
        if rank in _UNPROVEN:
            own = self._addresses.get(address)
            if own is None:
                own = self._addresses[address] = _Address()
            own.ranks[rank][connection] = None

    def _leave(self, connection: C, rank: Rank, address: str) -> None:
        del self._ranks[rank][connection]
        if rank in _UNPROVEN:
            own = self._addresses[address]
            del own.ranks[rank][connection]
            if not own:
                del self._addresses[address]


def _first(connections: Iterable[C]) -> C | None:
    return next(iter(connections), None)

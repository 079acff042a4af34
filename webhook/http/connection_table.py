"""The connections of one listener, by rank. When there are too many, a connection of the lowest rank is closed first.

    IDLE         has never sent a review, and is idle after a response; or is closing
    UNFINISHED   has never sent a review, and is in the middle of a handshake, a request or a response
    KNOWN        has sent reviews, and is idle
    KNOWN_BUSY   has sent reviews, and is in the middle of a request or a response
    ANSWERED     has a review in flight: never closed to make room

Within a rank, the connection that has been in it for the longest time is closed first. Among the unfinished ones, that
is a connection from the address that has the most of them. A connection of an API server is unfinished for
milliseconds and known from then on. Idle peers are therefore closed before it, whether they share its address (that of
a load balancer or of konnectivity) or not. For the same reason, the limit for each address counts only connections
that have never sent a review.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Generic, TypeVar

C = TypeVar("C")


class Rank(IntEnum):
    """The order in which connections are closed to make room: the lowest rank first."""

    IDLE = 0
    UNFINISHED = 1
    KNOWN = 2
    KNOWN_BUSY = 3
    ANSWERED = 4


_UNPROVEN = (Rank.IDLE, Rank.UNFINISHED)
_IN_ORDER_OF_COMING = frozenset({Rank.UNFINISHED, Rank.KNOWN_BUSY, Rank.ANSWERED})  # a step within one keeps the place


class _Address(Generic[C]):
    """The connections of one address that have never sent a review: by rank, then in the order of entering the rank."""

    def __init__(self) -> None:
        self.ranks: tuple[dict[C, None], dict[C, None]] = ({}, {})

    def __len__(self) -> int:
        return sum(map(len, self.ranks))

    def unfinished(self) -> int:
        """Return how many of them are unfinished."""
        return len(self.ranks[Rank.UNFINISHED])


class ConnectionTable(Generic[C]):
    """Ranks the connections of one listener and picks those to close; for the event loop's thread.

    `limit` is the most connections in all, `per_address` the most from one address that have never sent a review.
    """

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
        """Say whether there is no place for another connection unless one of these is closed."""
        return len(self._places) >= self.limit

    def rank(self, connection: C) -> Rank | None:
        """Return its rank; None once it is removed."""
        place = self._places.get(connection)
        return None if place is None else place[0]

    def add(self, connection: C, address: str) -> None:
        """Count a new connection."""
        self._enter(connection, Rank.UNFINISHED, address)

    def place(self, connection: C, rank: Rank) -> None:
        """Set the rank of a connection after a step that it took."""
        place = self._places.get(connection)
        if place is None:
            return
        before, address = place
        if before is rank and rank in _IN_ORDER_OF_COMING:
            return
        if rank is before is Rank.KNOWN:  # another review: it becomes the last to be closed of its rank
            known = self._ranks[rank]
            del known[connection]
            known[connection] = None
            return
        self._leave(connection, before, address)
        self._enter(connection, rank, address)

    def remove(self, connection: C) -> None:
        """Stop counting it."""
        place = self._places.pop(connection, None)
        if place is not None:
            self._leave(connection, *place)

    def gives_way(self, address: str) -> C | None:
        """Return the connection to close for a new one from that address.

        None: no connection needs to be closed or, if the table is full, none may be.
        """
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

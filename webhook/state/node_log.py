"""Logs what nodes change without any review: pools that overlap, and reserves that are used up."""

from threading import Lock

from webhook.state.guarded import Guarded
from webhook.state.pool_overlaps import PoolOverlaps
from webhook.state.reserves import ReserveLog


class NodeLog:
    """Logs changes in overlaps of pools and in used reserves; any thread may call it, without the state's lock."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._telling = Lock()  # so that lines come in the order of what they say; never taken under the state's lock
        self._overlaps, self._reserves = PoolOverlaps(), ReserveLog()

    def tell(self) -> None:
        """Log what has changed since the last call, whether an event or the time alone caused it.

        The lines are written without the state's lock, because a log may be slow.
        """
        with self._telling:
            with self._guarded.lock:
                accounting, capacity = self._guarded.ledger.accounting, self._guarded.ledger.capacity
                overlaps, out = capacity.overlaps(), capacity.out()
            self._overlaps.tell(overlaps)
            self._reserves.tell({scope: (accounting.reserve_nodes(scope), names) for scope, names in out.items()})

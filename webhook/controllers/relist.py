"""Lists everything again when etcd was or may have been restored; if it was, the log and an Event say so."""

import logging
from collections.abc import Callable, Iterable

from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.state.bookings import Bookings
from webhook.state.configuration import NAME as CONFIG
from webhook.state.restores import Restore

log = logging.getLogger(__name__)

REASON = "HistoryReplaced"


class RelistController:
    """Requests lists from the reflectors, and says with each request whether history `restarted`.

    Only the allotment controller's thread calls `look`; any thread may read `restarts`.
    """

    def __init__(self, bookings: Bookings, announce: Callable[[str], None] = lambda _: None) -> None:
        self._bookings = bookings
        self._announce = announce
        self._requests: list[Callable[..., None]] = []
        self._restarts = 0
        self._asked = float("-inf")  # when lists were last requested, on the replica's clock

    def join(self, requests: Iterable[Callable[..., None]]) -> None:
        """Add functions that request a list from a reflector (`Reflector.request_list`)."""
        self._requests.extend(requests)

    @property
    def restarts(self) -> int:
        """How many restores of etcd the last `look` had found."""
        return self._restarts

    def look(self, restarting: Callable[[], None] = lambda: None) -> None:
        """Request lists, once for each possible restore; if a restore is certain, call `restarting` first.

        If anything raises, the next call does everything again: a view that waits for a list that was never requested
        would wait forever.
        """
        known = self._bookings.restores()
        restarts, doubted = known.restarts, known.doubted_since
        replaced = restarts > self._restarts
        if not replaced and (doubted is None or doubted <= self._asked):
            return
        if replaced:
            restarting()
        asked = self._bookings.clock()
        for request in self._requests:
            request(restarted=replaced)
        self._restarts, self._asked = restarts, asked
        if replaced:
            self._tell(known)

    def _tell(self, known: Restore) -> None:
        text = (
            f"etcd was put back: {known.evidence}. What was granted before may still come, so nothing is "
            f"granted for about {known.release:.0f} s. Restart every kube-apiserver if that was not done"
        )
        log.error("%s", text)
        self._announce(text)


def restored(text: str, namespace: str, uid: str) -> Occurrence | None:
    """Return the Event with this text about Headroom's ConfigMap; None if there is no ConfigMap (`uid` is empty)."""
    if not uid:
        return None
    return Occurrence(Reference("v1", "ConfigMap", namespace, CONFIG, uid), "Warning", REASON, "Restore", text)

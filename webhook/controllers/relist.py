"""Lists everything again when etcd was or may have been restored; if it was, the log and an Event say so."""

import logging
from collections.abc import Callable, Iterable

from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import NAME as CONFIG

log = logging.getLogger(__name__)

REASON = "HistoryReplaced"


class RelistController:
    """Requests lists from the reflectors, and says with each request whether history `restarted`.

    Only the allotment controller's thread calls `look`; any thread may read `restarted`.
    """

    def __init__(self, account: ClusterState, announce: Callable[[str], None] = lambda _: None) -> None:
        self._account = account
        self._announce = announce
        self._requests: list[Callable[..., None]] = []
        self._restarts = 0
        self._asked = float("-inf")  # when lists were last requested, on the replica's clock

    def join(self, requests: Iterable[Callable[..., None]]) -> None:
        """Add functions that request a list from a reflector (`Reflector.request_list`)."""
        self._requests.extend(requests)

    @property
    def restarted(self) -> bool:
        """Say whether a restore of etcd was found since the last `look`."""
        return self._account.allotment.restarts > self._restarts

    def look(self, restarting: Callable[[], None] = lambda: None) -> None:
        """Request lists, once for each possible restore; if a restore is certain, call `restarting` first.

        If anything raises, the next call does everything again: a view that waits for a list that was never requested
        would wait forever.
        """
        restarts, doubted = self._account.allotment.restarts, self._account.doubted_since()
        replaced = restarts > self._restarts
        if not replaced and (doubted is None or doubted <= self._asked):
            return
        if replaced:
            restarting()
        asked = self._account.clock()
        for request in self._requests:
            request(restarted=replaced)
        self._restarts, self._asked = restarts, asked
        if replaced:
            self._tell()

    def _tell(self) -> None:
        seconds = self._account.allotment.timing.release
        text = (
            f"etcd was put back: {self._account.evidence}. What was granted before may still come, so nothing is "
            f"granted for about {seconds:.0f} s. Restart every kube-apiserver if that was not done"
        )
        log.error("%s", text)
        self._announce(text)


def restored(text: str, namespace: str, uid: str) -> Occurrence | None:
    """Return the Event with this text about Headroom's ConfigMap; None if there is no ConfigMap (`uid` is empty)."""
    if not uid:
        return None
    return Occurrence(Reference("v1", "ConfigMap", namespace, CONFIG, uid), "Warning", REASON, "Restore", text)

"""Rereading: everything is listed again when etcd was put back or may have been; the log and an Event say so."""

import logging
from collections.abc import Callable, Iterable

from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import NAME as CONFIG

log = logging.getLogger(__name__)

REASON = "HistoryReplaced"


class RelistController:
    """Asks the watches for lists, and says with each request whether history `restarted`.

    `look` belongs to the booking thread, `restarted` to any.
    """

    def __init__(self, account: ClusterState, announce: Callable[[str], None] = lambda _: None) -> None:
        self._account = account
        self._announce = announce
        self._requests: list[Callable[..., None]] = []
        self._restarts = 0
        self._asked = float("-inf")  # the doubt that was answered last

    def join(self, requests: Iterable[Callable[..., None]]) -> None:
        """Ask these from now on."""
        self._requests.extend(requests)

    @property
    def restarted(self) -> bool:
        """Say whether history was replaced since the last look."""
        return self._account.allotment.restarts > self._restarts

    def look(self, restarting: Callable[[], None] = lambda: None) -> None:
        """Ask for what is to be read again, once for each doubt; call `restarting` first where history was replaced.

        What fails is to be done again with the next look: who waits for a list that nobody asks for waits for ever.
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
    """Return the Event about the ConfigMap that says so; None where there is no such ConfigMap."""
    if not uid:
        return None
    return Occurrence(Reference("v1", "ConfigMap", namespace, CONFIG, uid), "Warning", REASON, "Restore", text)

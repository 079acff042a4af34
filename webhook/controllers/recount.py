"""Recounting: every now and then the account is worked out from its parts, and a difference is reported."""

import logging
import time
from collections.abc import Callable
from threading import Event

from webhook.core.ledger.recount import Drift, recount
from webhook.state.cluster_state import ClusterState

log = logging.getLogger(__name__)

_EVERY = 60.0  # seconds
_SHOWN = 5


class RecountController:
    """Recounts, and tells `record` what was found; `run` belongs to one thread."""

    def __init__(self, account: ClusterState, stop: Event, record: Callable[[tuple[Drift, ...]], None]) -> None:
        self._account = account
        self._stop = stop
        self._record = record

    def run(self) -> None:
        """Recount until stopped; never raises."""
        while not self._stop.wait(_EVERY):
            try:
                self.recount()
            except Exception:
                log.exception("the account could not be recounted")

    def recount(self) -> None:
        """Compare what was kept event by event with what its parts come to; a difference is a defect in Headroom."""
        with self._account.lock:
            parts = self._account.ledger.parts(self._account.clock())
        # Reviews go first: between slices of the work the interpreter is left to whoever wants it.
        drifts = recount(parts, pause=lambda: time.sleep(0))
        self._record(drifts)
        for drift in drifts[:_SHOWN]:
            log.error("the account has drifted, which is a defect: please report it with this line: %s", drift)

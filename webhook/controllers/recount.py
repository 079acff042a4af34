"""The recount: once a minute, the ledger's sums are computed again from its parts, and any difference is reported."""

import logging
import time
from collections.abc import Callable
from threading import Event

from webhook.core.ledger.drift import Drift
from webhook.core.ledger.recount import recount
from webhook.state.cluster_state import ClusterState

log = logging.getLogger(__name__)

_EVERY = 60.0  # seconds
_SHOWN = 5  # differences that one recount logs


class RecountController:
    """Recounts, and calls `record` each time with the differences found; `run` needs a thread of its own."""

    def __init__(self, state: ClusterState, stop: Event, record: Callable[[tuple[Drift, ...]], None]) -> None:
        self._state = state
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
        """Compare the sums kept event by event with sums computed again; a difference is a defect in Headroom."""
        # Reviews go first: between slices of the work, other threads may take the interpreter.
        drifts = recount(self._state.snapshot(), pause=lambda: time.sleep(0))
        self._record(drifts)
        for drift in drifts[:_SHOWN]:
            log.error("the account has drifted, which is a defect: please report it with this line: %s", drift)

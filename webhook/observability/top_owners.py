"""Top owners: what made the controller of a pod, looked up for audit lines after the decision, and never for long.

The audit log must not fall behind because the API server does, nor because somebody sends reviews with owners that they
made up. So there are few look-ups a second, each is short, and after one that failed there is none for a while. Whose
owner is not found by then has a line without it.
"""

import logging
from collections.abc import Callable
from typing import Final

from webhook.core.events.reference import Reference
from webhook.core.values.bucket import Bucket
from webhook.kube.stream import KubeError
from webhook.observability.owners import Owners

log = logging.getLogger(__name__)

WITHIN: Final = 0.5  # seconds for a look-up
_RATE, _BURST = 10.0, 50  # look-ups a second, of owners that are not remembered
_PAUSE = 10.0  # seconds without look-ups, after one that failed


class TopOwners:
    """Answers from what `owners` remembers, and asks the API server now and then; for one thread."""

    def __init__(self, owners: Owners, clock: Callable[[], float]) -> None:
        self._owners = owners
        self._clock = clock
        self._lookups = Bucket(_RATE, _BURST)
        self._again_at = float("-inf")

    def find(self, owner: Reference) -> Reference | None:
        """Return the controller of an owner, or else the owner; None where nobody knows. Never raises."""
        known = self._owners.known(owner)
        if known is not None:
            return known
        now = self._clock()
        if now < self._again_at or not self._lookups.take(now):
            return None
        try:
            return self._owners.top(owner)
        except KubeError as error:
            log.info("owners are not looked up for audit lines for %.0f s: %s", _PAUSE, error)
        except Exception:
            log.exception("owner %r could not be looked up", owner)
        self._again_at = self._clock() + _PAUSE
        return None

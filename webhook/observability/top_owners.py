"""Top owners: the owner of a pod's controller, looked up for audit lines after the decision, within strict limits.

The audit log must not fall behind because the API server is slow, or because a client sends reviews with made-up
owners. So there are few look-ups a second, each with a short time-out, and none for a while after one has failed. If
the owner is not found within these limits, the audit line does not have it.
"""

import logging
from collections.abc import Callable
from typing import Final

from webhook.core.events.reference import Reference
from webhook.core.values.bucket import Bucket
from webhook.kube.stream import KubeError
from webhook.observability.owners import Owners

log = logging.getLogger(__name__)

WITHIN: Final = 0.5  # seconds; the time-out of a look-up
_RATE, _BURST = 10.0, 50  # look-ups a second, of owners that are not remembered
_PAUSE = 10.0  # seconds without look-ups after a failed one


class TopOwners:
    """Answers from what `owners` remembers, and calls the API server within the limits. Only one thread may use it."""

    def __init__(self, owners: Owners, clock: Callable[[], float]) -> None:
        self._owners = owners
        self._clock = clock
        self._lookups = Bucket(_RATE, _BURST)
        self._again_at = float("-inf")

    def find(self, owner: Reference) -> Reference | None:
        """Return the controller of an owner, or the owner itself if it has none; None if not known. Never raises."""
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

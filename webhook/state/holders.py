"""Logs which namespace holds most room while pods are refused, and whose admitted pods were never created."""

import logging
from collections.abc import Callable, Sequence
from threading import Lock

from webhook.core.ledger.history import Standing
from webhook.core.ledger.subjects import Subjects, is_namespace
from webhook.core.sharing.credit import Worse
from webhook.core.values.amounts import Amounts
from webhook.core.values.scale import scales
from webhook.core.values.scopes import CLUSTER

log = logging.getLogger(__name__)

_SILENCE = 30.0  # seconds between two lines about the namespace that holds most
_SHOWN = 5


class UnseenHolders:
    """Writes these lines at a limited rate; any thread may call it. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._silent_until = float("-inf")

    def tell_worse(self, worse: Sequence[Worse]) -> None:
        """Log the owners and namespaces whose pods were never created, and how long their credit stays small."""
        now = self._clock()
        for subject, standing, example in sorted(worse, key=lambda each: not is_namespace(each.subject))[:_SHOWN]:
            log.warning(
                "pods of %s %r were let in and never came, such as %r (%s in a row): it has a small credit for %.0f s; "
                "another admission webhook or a ResourceQuota may refuse them after Headroom",
                "namespace" if is_namespace(subject) else "owner",
                subject,
                example,
                _times(standing),
                standing.until - now,
            )

    def is_due(self) -> bool:
        """Say whether another line about the namespace that holds most may be written; if so, start the next pause."""
        with self._lock:
            now = self._clock()
            if now < self._silent_until:
                return False
            self._silent_until = now + _SILENCE
            return True

    def tell_most(self, most: tuple[str, Amounts] | None) -> None:
        """Log the namespace that holds most room for pods that have not appeared; None: log nothing."""
        if most is not None:
            namespace, amounts = most
            unit = next(scales([amounts.memory_requests, amounts.memory_limits_filled]))
            log.warning(
                "pods are refused while room is held for others that were let in and have not appeared: most of it, "
                "%s of memory requests and %s of limits, for namespace %r",
                unit.text(unit.up(amounts.memory_requests)),
                unit.text(unit.up(amounts.memory_limits_filled)),
                namespace,
            )


def most_awaited(subjects: Subjects) -> tuple[str, Amounts] | None:
    """Return the namespace with the most open reservations in the cluster, and their sum; None if there is none.

    The caller holds the lock of `ClusterState`.
    """
    namespaces = [(subject, each.in_scope(CLUSTER)) for subject, each in subjects.all() if is_namespace(subject)]
    return max(namespaces, key=lambda each: each[1], default=None)


def _times(standing: Standing) -> str:
    return "once" if standing.level == 1 else f"{standing.level} times"

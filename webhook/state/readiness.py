"""Readiness: whether this replica can judge, can admit, and should be sent reviews."""

from collections.abc import Callable
from threading import RLock

from webhook.core.sharing.allotment import Allotment
from webhook.state.sync_status import SyncStatus


class Readiness:
    """What may be missing: a configuration, the rules of the API server, complete views, and an allotment.

    Any thread may call it. The caller of `problem` need not hold the lock of the state.
    """

    def __init__(self, clock: Callable[[], float], lock: RLock, allotment: Allotment) -> None:
        self._clock = clock
        self._lock = lock
        self._allotment = allotment
        self.pods, self.nodes = SyncStatus("pods"), SyncStatus("nodes")
        self.config_problem: str | None = "the ConfigMap headroom-config has not been read yet"
        self.version_problem: str | None = None  # why it is not known by which rules the API server counts pods

    def problem(self, now: float) -> str | None:
        """Say why there is no account to judge by; None when there is."""
        return self.config_problem or self.version_problem or self.pods.problem(now) or self.nodes.problem(now)

    def age(self, now: float) -> float:
        """Return the age of the older view, in seconds."""
        return max(self.pods.age(now), self.nodes.age(now))

    def unable(self) -> str | None:
        """Say why this replica cannot admit a pod that commits resources; None when it can."""
        with self._lock:
            now = self._clock()
            return self.problem(now) or self._allotment.closed(now) or self._shareless(now)

    def unready(self) -> str | None:
        """Say why the API server should send reviews to other replicas instead; None when this replica is ready.

        If the object that all replicas share was lost, no replica can grant. Then each replica stays ready, so that it
        can at least say so. The same holds while everything is listed again because etcd was restored.
        """
        with self._lock:
            now = self._clock()
            closed = self._allotment.closed(now)
            if closed and self._allotment.was_shared_before:
                return None if self.pods.again or self.nodes.again else self.problem(now)
            return self.problem(now) or closed or self._shareless(now)

    def _shareless(self, now: float) -> str | None:
        if self._allotment.valid(now):
            return None
        return "this replica holds no valid share of the headroom: its booking has not been written"

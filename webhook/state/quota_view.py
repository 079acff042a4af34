"""The view of ResourceQuotas: those of each namespace that restrict pods.

Only the watch's thread changes the view. Any thread may read it, without a lock: the quotas of a namespace are one
tuple that is replaced as a whole, and a dict's insertion or look-up is one step of the interpreter.

The view may be behind. If a quota's usage has just fallen, Headroom may refuse a pod that the API server would admit a
moment later; quota admission in the API server judges by a cache that is behind in the same way. If usage is higher
than the view shows, Headroom admits the pod and the quota refuses it. Grants of this replica that have not been seen
are not added to the usage: quota admission updates the usage before a pod is stored, so they would count twice.
"""

from collections.abc import Callable, Iterable

from webhook.core.quotas.check import Quota
from webhook.state.sync_status import SyncStatus

NO_QUOTAS: tuple[Quota, ...] = ()


class QuotaView:
    """The quotas of each namespace; none while the watch is broken, so that no pod is refused by an old view.

    The API server's quota admission refuses those pods in any case. So no bound and no readiness depends on this view.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_namespace: dict[str, tuple[Quota, ...]] = {}
        self.feed = SyncStatus("ResourceQuotas")

    def of(self, namespace: str) -> tuple[Quota, ...]:
        """Return the namespace's quotas that restrict pods, sorted by name. Without any, this is one look-up."""
        found = self._by_namespace.get(namespace)
        return NO_QUOTAS if found is None or not self.usable() else found

    def usable(self) -> bool:
        """Say whether the view is fresh enough to refuse pods by."""
        return self.feed.problem(self._clock()) is None

    def __len__(self) -> int:
        return sum(len(quotas) for quotas in list(self._by_namespace.values()))

    # -- news ----------------------------------------------------------------------------------------------------------

    def see(self, quota: Quota) -> None:
        """Record a quota that was added or has changed."""
        self.feed.tell_live(self._clock())
        _put(self._by_namespace, quota.namespace, [*self._others(quota.namespace, quota.name), quota])

    def gone(self, namespace: str, name: str) -> None:
        """Record that a quota was deleted, or that it cannot be read and therefore refuses nothing."""
        self.feed.tell_live(self._clock())
        _put(self._by_namespace, namespace, self._others(namespace, name))

    def relist(self, quotas: Iterable[Quota]) -> None:
        """Replace all quotas by those of a consistent list."""
        found: dict[str, list[Quota]] = {}
        for each in quotas:
            found.setdefault(each.namespace, []).append(each)
        by_namespace: dict[str, tuple[Quota, ...]] = {}
        for namespace, those in found.items():
            _put(by_namespace, namespace, those)
        self._by_namespace = by_namespace
        self.feed.tell_synced(self._clock())

    def _others(self, namespace: str, name: str) -> list[Quota]:
        return [each for each in self._by_namespace.get(namespace, NO_QUOTAS) if each.name != name]

    def tell_live(self) -> None:
        """Record that the watch is open."""
        self.feed.tell_live(self._clock())

    def tell_broken(self, fault: str) -> None:
        """Record that the watch is broken, and why."""
        self.feed.tell_broken(fault, self._clock())


def _put(by_namespace: dict[str, tuple[Quota, ...]], namespace: str, quotas: list[Quota]) -> None:
    """Set a namespace's quotas; only those that concern pods are kept."""
    kept = sorted((each for each in quotas if each.concerns_pods), key=lambda each: each.name)
    if kept:
        by_namespace[namespace] = tuple(kept)
    else:
        by_namespace.pop(namespace, None)

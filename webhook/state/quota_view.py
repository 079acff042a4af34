"""The quotas as they are seen: the ResourceQuotas of each namespace that restrict pods.

One thread, the watch's, brings news; any other asks, without a lock: what a namespace has is one tuple, swapped whole,
and to put one into a dict, or to look it up, is one step of the interpreter.

What is seen may be behind. If a quota's usage has just fallen, a pod is refused that the API server would let in a
moment later; it judges by a cache of its own that is behind in the same way. If usage is higher than is seen, a pod is
let in here and refused by the quota. What this replica has granted there and not seen yet is not added to the usage:
quota admission writes it there before a pod is stored, so it would count twice.
"""

from collections.abc import Callable, Iterable

from webhook.core.quotas.check import Quota
from webhook.state.sync_status import SyncStatus

NO_QUOTAS: tuple[Quota, ...] = ()


class QuotaView:
    """The quotas of each namespace, or none while the watch is broken: then nothing is refused by them.

    A quota's own admission says no all the same, so no bound depends on this view, and neither does readiness.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_namespace: dict[str, tuple[Quota, ...]] = {}
        self.feed = SyncStatus("ResourceQuotas")

    def of(self, namespace: str) -> tuple[Quota, ...]:
        """Return what restricts pods there, sorted by name; most namespaces have nothing, and that is one look-up."""
        found = self._by_namespace.get(namespace)
        return NO_QUOTAS if found is None or not self.usable() else found

    def usable(self) -> bool:
        """Say whether what is seen is good enough to refuse by."""
        return self.feed.problem(self._clock()) is None

    def __len__(self) -> int:
        return sum(len(quotas) for quotas in list(self._by_namespace.values()))

    # -- news ----------------------------------------------------------------------------------------------------------

    def see(self, quota: Quota) -> None:
        """Take in a quota that was added or has changed."""
        self.feed.tell_live(self._clock())
        _put(self._by_namespace, quota.namespace, [*self._others(quota.namespace, quota.name), quota])

    def gone(self, namespace: str, name: str) -> None:
        """Take in that a quota was deleted, or cannot be read and so refuses nothing."""
        self.feed.tell_live(self._clock())
        _put(self._by_namespace, namespace, self._others(namespace, name))

    def relist(self, quotas: Iterable[Quota]) -> None:
        """Take in all quotas from a consistent list."""
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
        """The watch is open again."""
        self.feed.tell_live(self._clock())

    def tell_broken(self, fault: str) -> None:
        """The watch is broken."""
        self.feed.tell_broken(fault, self._clock())


def _put(by_namespace: dict[str, tuple[Quota, ...]], namespace: str, quotas: list[Quota]) -> None:
    """Set what a namespace has, of which only what concerns pods is kept."""
    kept = sorted((each for each in quotas if each.concerns_pods), key=lambda each: each.name)
    if kept:
        by_namespace[namespace] = tuple(kept)
    else:
        by_namespace.pop(namespace, None)

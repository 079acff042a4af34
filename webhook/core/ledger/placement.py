"""Placement: which nodes there are, and the pool that a confinement leads to, given these nodes."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from webhook.core.ledger.nodesets import NodeSets
from webhook.core.ledger.remembered import Remembered
from webhook.core.pods.confinement import Labels, Ways, admits, implied_pool


class Change(NamedTuple):
    """A node that changed: its labels before and after; None if it was not known before, or is not known after."""

    name: str
    old: Labels | None
    new: Labels | None

    def concerned(self, confinements: Iterable[Ways]) -> list[Ways]:
        """Return the confinements that may lead to another pool now: those that name or admit this node.

        Each is tested against the node as it is and as it was.
        """
        old, new = None if self.old is None else dict(self.old), None if self.new is None else dict(self.new)
        either = [labels for labels in ([old] if old == new else [old, new]) if labels is not None]
        return [
            ways
            for ways in confinements
            if any(admits(ways, self.name, labels) for labels in either) or any(self.name in way.nodes for way in ways)
        ]


class _Place(Struct, frozen=True, gc=False):
    """What is known of a node."""

    labels: Labels
    pool: str | None
    exists: bool


class Placement:
    """The known nodes, including the deleted ones that are still remembered.

    A node that is cordoned, tainted or not Ready is taken as one that a pod may go to: it may be back at any moment,
    while the pod still waits. `of_labels` returns the pool that labels imply. Not thread-safe.
    """

    def __init__(self, of_labels: Callable[[Mapping[str, str]], str | None]) -> None:
        self._of_labels = of_labels
        self.clear()

    def clear(self) -> None:
        """Forget all nodes."""
        self._places: dict[str, _Place] = {}
        self._sets = NodeSets()
        self._pools: dict[str | None, int] = {}
        self._existing = 0
        self._found = Remembered[str | None]()

    # -- questions -----------------------------------------------------------------------------------------------------

    def pool_of(self, confined_to: Ways) -> str | None:
        """Return the pool that a pod needs room in, besides the cluster; None if there is none.

        It is the pool that contains all existing nodes that the pod may run on; if no such node exists, all remembered
        ones. If these nodes are not in one pool, or none is known, it is the pool that the confinement itself implies.
        """
        try:
            return self._found[confined_to]
        except KeyError:
            return self._found.keep(confined_to, self._find(confined_to))

    def _find(self, confined_to: Ways) -> str | None:
        admitting = self._sets.admitting(confined_to)
        admitting = (admitting & self._existing) or admitting
        if admitting:
            pool = self._places[self._sets.any_of(admitting)].pool
            if pool is not None and admitting & self._pools[pool] == admitting:
                return pool
        return implied_pool(confined_to, self._of_labels, self._pool_of_node)

    def _pool_of_node(self, name: str) -> str | None:
        place = self._places.get(name)
        return place.pool if place else None

    # -- changes -------------------------------------------------------------------------------------------------------

    def put(self, name: str, labels: Labels, pool: str | None, *, exists: bool) -> Change | None:
        """Add a node or a change of it; return the change if it may lead confinements to another pool, else None."""
        old, new = self._places.get(name), _Place(labels, pool, exists)
        if old == new:
            return None
        bit = self._sets.put(name, labels)
        if old is not None:
            self._pools[old.pool] &= ~bit
        self._pools[pool] = self._pools.get(pool, 0) | bit
        self._existing = self._existing | bit if exists else self._existing & ~bit
        self._places[name] = new
        self._found.clear()
        return Change(name, old.labels if old else None, labels)

    def drop(self, name: str) -> Change | None:
        """Forget a node; return the change, which may lead confinements to another pool, or None if not known."""
        place = self._places.pop(name, None)
        if place is None:
            return None
        others = ~self._sets.drop(name)
        self._pools[place.pool] &= others
        self._existing &= others
        self._found.clear()
        return Change(name, place.labels, None)

    def forget(self) -> None:
        """Take in that the configuration has other pools: what was found for the old ones is no longer valid."""
        self._found.clear()

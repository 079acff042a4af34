"""Placement: which nodes there are, and the pool that a confinement leads to as they are now.

For every label that a node has, its value and its name, the nodes are a set, kept as the bits of one whole number. So a
confinement is looked up by a few operations on such numbers, at any size of the cluster: some microseconds for 5,000
nodes.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import NamedTuple

from msgspec import Struct

from webhook.core.pods.confinement import NAME, Need, Way, Ways, admits, implied_pool, meets

Labels = tuple[tuple[str, str], ...]

_REMEMBERED = 4096  # confinements


class Change(NamedTuple):
    """A node that changed: its labels before and after; None where it is not known."""

    name: str
    old: Labels | None
    new: Labels | None

    def concerned(self, confinements: Iterable[Ways]) -> list[Ways]:
        """Return those that admit the node as it is or as it was: no other may lead elsewhere now."""
        old, new = None if self.old is None else dict(self.old), None if self.new is None else dict(self.new)
        either = [labels for labels in ([old] if old == new else [old, new]) if labels is not None]
        return [c for c in confinements if any(admits(c, self.name, labels) for labels in either)]


class _Place(Struct, frozen=True, gc=False):
    """A node: its bit's number, and what is known of it."""

    number: int
    labels: Labels
    pool: str | None
    exists: bool


class Placement:
    """The nodes that are known, those that were deleted and are remembered among them.

    A node that is cordoned, tainted or not Ready counts as one that a pod may come to: it may be back at any moment,
    while the pod still waits. `of_labels` returns the pool that labels imply. Not thread-safe.
    """

    def __init__(self, of_labels: Callable[[Mapping[str, str]], str | None]) -> None:
        self._of_labels = of_labels
        self.clear()

    def clear(self) -> None:
        """Forget all nodes."""
        self._places: dict[str, _Place] = {}
        self._names: list[str] = []  # by number
        self._unused: list[int] = []  # numbers
        self._values: dict[str, dict[str, int]] = {}  # by label key and value: the nodes that have it
        self._keys: dict[str, int] = {}  # by label key: the nodes that have the label
        self._pools: dict[str | None, int] = {}
        self._known = 0
        self._existing = 0
        self._found: dict[Ways, str | None] = {}

    # -- questions -----------------------------------------------------------------------------------------------------

    def pool_of(self, confined_to: Ways) -> str | None:
        """Return the pool that a pod needs room in, besides the cluster.

        It is the one in which all nodes are that the pod may run on, of those that exist, or else of those that are
        remembered. Where they are not in one pool, or none is known, it is the one that the pod's labels imply.
        """
        try:
            return self._found[confined_to]
        except KeyError:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[confined_to] = self._find(confined_to)
            return found

    def _find(self, confined_to: Ways) -> str | None:
        admitting = reduce(or_, map(self._admitting, confined_to)) if confined_to else self._known
        admitting = (admitting & self._existing) or admitting
        if admitting:
            lowest = (admitting & -admitting).bit_length() - 1
            pool = self._places[self._names[lowest]].pool
            if pool is not None and admitting & self._pools[pool] == admitting:
                return pool
        return implied_pool(confined_to, self._of_labels, self._pool_of_node)

    def _admitting(self, way: Way) -> int:
        nodes = self._known
        if way.nodes:
            nodes &= self._named(way.nodes)
        for key, value in way.labels:
            nodes &= self._values.get(key, {}).get(value, 0)
        for need in way.needs:
            nodes &= self._meeting(need)
        return nodes

    def _meeting(self, need: Need) -> int:
        values, having = self._values.get(need.key, {}), self._keys.get(need.key, 0)
        match need.operator:
            case "In" | "NotIn":
                some = self._named(need.values) if need.key == NAME else _union(values.get(v, 0) for v in need.values)
                return some if need.operator == "In" else self._known & ~some
            case "Exists":
                return having
            case "DoesNotExist":
                return self._known & ~having
            case _:
                return _union(nodes for value, nodes in values.items() if meets(need, value))

    def _named(self, names: Iterable[str]) -> int:
        return _union(1 << self._places[name].number for name in names if name in self._places)

    def _pool_of_node(self, name: str) -> str | None:
        place = self._places.get(name)
        return place.pool if place else None

    # -- changes -------------------------------------------------------------------------------------------------------

    def put(self, name: str, labels: Labels, pool: str | None, *, exists: bool) -> Change | None:
        """Take a node in; return what may change where a confinement leads."""
        old = self._places.get(name)
        if old is not None and (old.labels, old.pool, old.exists) == (labels, pool, exists):
            return None
        place = _Place(self._number(name) if old is None else old.number, labels, pool, exists)
        bit = 1 << place.number
        if old is not None and old.labels == labels:
            self._pools[old.pool] &= ~bit
        else:
            if old is not None:
                self._erase(old)
            self._draw(place)
        self._places[name] = place
        self._pools[pool] = self._pools.get(pool, 0) | bit
        self._existing = self._existing | bit if exists else self._existing & ~bit
        self._found.clear()
        return Change(name, old.labels if old else None, labels)

    def drop(self, name: str) -> Change | None:
        """Forget a node; return what may change where a confinement leads."""
        place = self._places.pop(name, None)
        if place is None:
            return None
        self._erase(place)
        self._names[place.number] = ""
        self._unused.append(place.number)
        self._found.clear()
        return Change(name, place.labels, None)

    def forget(self) -> None:
        """Take in that other pools are configured: what was found before says nothing any more."""
        self._found.clear()

    def _number(self, name: str) -> int:
        if self._unused:
            number = self._unused.pop()
            self._names[number] = name
            return number
        self._names.append(name)
        return len(self._names) - 1

    def _draw(self, place: _Place) -> None:
        bit = 1 << place.number
        self._known |= bit
        for key, value in place.labels:
            values = self._values.setdefault(key, {})
            values[value] = values.get(value, 0) | bit
            self._keys[key] = self._keys.get(key, 0) | bit

    def _erase(self, place: _Place) -> None:
        others = ~(1 << place.number)
        self._known &= others
        self._existing &= others
        self._pools[place.pool] &= others
        for key, value in place.labels:
            values = self._values[key]
            values[value] &= others
            if not values[value]:
                del values[value]
            self._keys[key] &= others
            if not self._keys[key]:
                del self._keys[key], self._values[key]


def _union(sets: Iterable[int]) -> int:
    return reduce(or_, sets, 0)

"""Places: which nodes an unbound pod may go to, and whether one of them could hold it at all.

A node can hold a pod if the pod's memory and cpu requests are both within what is allocatable there; what already runs
there does not matter. The nodes considered are those that count, and each node that the pod names, whether it counts or
not (a DaemonSet's pod is for its own node). While no node counts, the size of a node is not known, and every pod is
taken to fit.

The nodes that admit a pod and the nodes that are large enough are two sets (nodesets.py); both are cached until a node
changes.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.nodesets import NodeSets
from webhook.core.ledger.remembered import Remembered
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import Amounts

Front = tuple[Allocatable, ...]
"""Rooms of which none is within another in both memory and cpu; the largest memory first."""

NO_ALLOCATABLE = Allocatable()
_REMEMBERED = 4096  # sizes of pods


class Lacking(Struct, frozen=True, gc=False):
    """What a pod requests that no node can hold, and the most of each resource on a node that the pod may go to."""

    need: Allocatable
    largest: Allocatable


class Places:
    """The nodes that count, indexed for quick look-ups.

    `known` returns a node by its name, whether it counts or not; None if there is none.
    """

    def __init__(self, known: Callable[[str], NodeInfo | None]) -> None:
        self._known = known
        self._counted: dict[str, NodeInfo] = {}
        self._sets = NodeSets()
        self._rooms: dict[Allocatable, int] = {}  # by room: the nodes that have exactly that
        self._admitting = Remembered[int]()  # filled on demand
        self._fitting: dict[Allocatable, int] = {}  # by what is needed: the nodes that have it; filled on demand
        self._lacking: dict[Amounts, Lacking | None] = {}  # of pods that may go anywhere; filled on demand

    def put(self, name: str, info: NodeInfo | None) -> None:
        """Take in a node that counts, as it is now; `info` is None if the node does not count."""
        old = self._counted.pop(name, None)
        if info is not None:
            self._counted[name] = info
        if (old and (old.room, old.labels)) == (info and (info.room, info.labels)):
            return
        self._lacking.clear()
        if old is not None:
            self._rooms[old.room] &= ~self._sets.bit(name)
            if not self._rooms[old.room]:
                del self._rooms[old.room]
        if info is None:
            self._sets.drop(name)
        else:
            self._rooms[info.room] = self._rooms.get(info.room, 0) | self._sets.put(name, info.labels)
        self._admitting.clear()
        self._fitting.clear()

    def hold(self, confined_to: Ways, footprint: Amounts) -> bool:
        """Say whether any node that the pod may go to can hold it; a pod that requests nothing fits anywhere."""
        need = Allocatable(footprint.memory_requests, footprint.cpu_requests)
        if not self._counted or not (need.memory or need.cpu):
            return True
        fitting = self._large_enough(need)
        if not confined_to:
            return fitting != 0
        return (fitting & self._admit(confined_to)) != 0 or any(_fits(need, r) for r in self._named(confined_to))

    def lacking(self, confined_to: Ways, footprint: Amounts) -> Lacking | None:
        """Return what no node can hold of a pod; None if a node can hold it."""
        if not confined_to and footprint in self._lacking:
            return self._lacking[footprint]
        found = None if self.hold(confined_to, footprint) else self._lacking_there(confined_to, footprint)
        if not confined_to:
            if len(self._lacking) >= _REMEMBERED:
                self._lacking.clear()
            self._lacking[footprint] = found
        return found

    def _lacking_there(self, confined_to: Ways, footprint: Amounts) -> Lacking | None:
        admitting = self._admit(confined_to)
        there = [room for room, nodes in self._rooms.items() if nodes & admitting]
        return lacking_on((*there, *self._named(confined_to)), footprint)

    def _admit(self, confined_to: Ways) -> int:
        try:
            return self._admitting[confined_to]
        except KeyError:
            return self._admitting.keep(confined_to, self._sets.admitting(confined_to))

    def _large_enough(self, need: Allocatable) -> int:
        found = self._fitting.get(need)
        if found is None:
            if len(self._fitting) >= _REMEMBERED:
                self._fitting.clear()
            found = 0
            for room, nodes in self._rooms.items():
                if _fits(need, room):
                    found |= nodes
            self._fitting[need] = found
        return found

    def _named(self, confined_to: Ways) -> Iterator[Allocatable]:
        """Yield the room of each node that the confinement names and allows, whether the node counts or not."""
        for way in confined_to:
            for name in way.nodes:
                node = self._known(name)
                if node is not None and way.allows(name, dict(node.labels)):
                    yield node.room


def _fits(need: Allocatable, room: Allocatable) -> bool:
    return need.memory <= room.memory and need.cpu <= room.cpu


def front_of(rooms: Iterable[Allocatable]) -> Front:
    """Return the rooms that are not within another room in both memory and cpu."""
    front: list[Allocatable] = []
    for room in sorted(set(rooms), reverse=True):
        if not front or room.cpu > front[-1].cpu:
            front.append(room)
    return tuple(front)


def lacking_on(front: Front, footprint: Amounts) -> Lacking | None:
    """Return what none of these rooms can hold of a pod; None if one of them can hold it."""
    if _holds(front, footprint):
        return None
    largest = Allocatable(max((room.memory for room in front), default=0), max((room.cpu for room in front), default=0))
    return Lacking(Allocatable(footprint.memory_requests, footprint.cpu_requests), largest)


def _holds(front: Front, footprint: Amounts) -> bool:
    memory, cpu = footprint.memory_requests, footprint.cpu_requests
    for room in front:  # a plain loop, because it is fast: each review and each new pod runs it
        if memory <= room.memory and cpu <= room.cpu:
            return True
    return not (memory or cpu)

"""Places: which nodes an unbound pod may go to, and whether one of them could hold it at all.

A node can hold a pod if the pod's requests, of memory and cpu together, are within what is allocatable there; what runs
there already is no matter. Asked are the nodes that count, and a node that the pod names whether it counts or not (a
DaemonSet's pod is for its own node). While no node counts, nobody knows how large one would be.

A question is answered from the *front* of the nodes in question: those rooms that no other one exceeds in both. Fronts
are worked out when they are asked for, and kept until a node changes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from webhook.core.account.nodes import NodeFacts, Room
from webhook.core.pods.confinement import Way, Ways
from webhook.core.values.amounts import Amounts

Front = tuple[Room, ...]
"""Rooms of which none is as large as another in both memory and cpu; the largest memory first."""

NO_ROOM = Room()
_MOST_KEPT = 1024  # fronts; who may create pods chooses what confines them
_MOST_WAYS = 8  # of which each may lead to all nodes; a pod with more is taken to go anywhere

_Values = dict[str, list[NodeFacts]]
"""The nodes that have some label, by its value."""


class Lacking(Struct, frozen=True, gc=False):
    """What a pod requests that no node can hold, and the most that one of its nodes has of each resource."""

    need: Room
    largest: Room


class Places:
    """The nodes that count, in a form that is quick to ask; `known` finds any node by name, counted or not."""

    def __init__(self, known: Callable[[str], NodeFacts | None]) -> None:
        self._known = known
        self._counted: dict[str, NodeFacts] = {}
        self._keys: Counter[str] = Counter()  # how many nodes have a label of this key
        self._having: dict[str, _Values] = {}  # by key, as far as anybody asked
        self._fronts: dict[Ways, Front] = {}

    def put(self, name: str, facts: NodeFacts | None) -> None:
        """Let a node count as it is now; None: it does not count."""
        old = self._counted.pop(name, None)
        if facts is not None:
            self._counted[name] = facts
        if old is not None and facts is not None and (old.room, old.labels) == (facts.room, facts.labels):
            return
        self._keys.subtract(key for key, _ in old.labels) if old is not None else None
        self._keys.update(key for key, _ in facts.labels) if facts is not None else None
        self._having.clear()
        self._fronts.clear()

    def hold(self, confined_to: Ways, footprint: Amounts) -> bool:
        """Say whether any node that the pod may go to can hold it; one that requests nothing fits anywhere."""
        front = self._fronts.get(confined_to) or self._front(confined_to)
        return _holds(front, footprint) or not self._counted

    def lacking(self, confined_to: Ways, footprint: Amounts) -> Lacking | None:
        """Say what no node can hold of a pod; None where one can."""
        return None if self.hold(confined_to, footprint) else lacking_on(self._front(confined_to), footprint)

    def _front(self, confined_to: Ways) -> Front:
        if len(confined_to) > _MOST_WAYS:
            confined_to = ()
        if any(way.nodes for way in confined_to):  # there are as many of these as nodes, and each is looked up at once
            return front_of(node.room for node in self._nodes_for(confined_to))
        known = self._fronts.get(confined_to)
        if known is None:
            known = front_of(node.room for node in self._nodes_for(confined_to))
            if len(self._fronts) >= _MOST_KEPT:
                self._fronts.clear()
            self._fronts[confined_to] = known
        return known

    def _nodes_for(self, confined_to: Ways) -> Iterator[NodeFacts]:
        """Yield the nodes that a pod may go to, as far as is known of it."""
        if not confined_to:
            yield from self._counted.values()
        for way in confined_to:
            yield from (node for node in self._candidates(way) if way.allows(node.name, node.labels))

    def _candidates(self, way: Way) -> Iterable[NodeFacts]:
        """Return few nodes among which are all that the way leads to."""
        if way.nodes:
            return [node for node in map(self._known, way.nodes) if node is not None]
        if not way.labels:
            return self._counted.values()
        key, value = min(way.labels, key=lambda label: self._keys[label[0]])
        return self._by(key).get(value, ()) if self._keys[key] else ()

    def _by(self, key: str) -> _Values:
        found = self._having.get(key)
        if found is None:
            found = self._having[key] = {}
            for node in self._counted.values():
                for each, value in node.labels:
                    if each == key:
                        found.setdefault(value, []).append(node)
        return found


def front_of(rooms: Iterable[Room]) -> Front:
    """Return the rooms that no other one exceeds in both."""
    front: list[Room] = []
    for room in sorted(set(rooms), reverse=True):
        if not front or room.cpu > front[-1].cpu:
            front.append(room)
    return tuple(front)


def lacking_on(front: Front, footprint: Amounts) -> Lacking | None:
    """Say what none of these rooms can hold of a pod; None where one can."""
    if _holds(front, footprint):
        return None
    largest = Room(max((room.memory for room in front), default=0), max((room.cpu for room in front), default=0))
    return Lacking(Room(footprint.memory_requests, footprint.cpu_requests), largest)


def _holds(front: Front, footprint: Amounts) -> bool:
    memory, cpu = footprint.memory_requests, footprint.cpu_requests
    for room in front:  # a loop, since each review and each new pod comes by here
        if memory <= room.memory and cpu <= room.cpu:
            return True
    return not (memory or cpu)

"""Places: which nodes an unbound pod may go to, and whether one of them could hold it at all.

A node can hold a pod if the pod's requests, of memory and cpu together, are within what is allocatable there; what runs
there already is no matter. Asked are the nodes that count, and a node that the pod names whether it counts or not (a
DaemonSet's pod is for its own node). While no node counts, nobody knows how large one would be.

A question is answered from the *front* of the nodes in question: those rooms that no other one exceeds in both. For
each way of confining pods the rooms of its nodes are counted when somebody first asks, and kept up as nodes change.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from webhook.core.account.nodes import NodeFacts, Room
from webhook.core.pods.confinement import Way, Ways, admits
from webhook.core.values.amounts import Amounts

Front = tuple[Room, ...]
"""Rooms of which none is as large as another in both memory and cpu; the largest memory first."""

NO_ROOM = Room()
_MOST_KEPT = 128  # ways of confining pods; who may create pods chooses them, and each change of a node looks at all
_MOST_WAYS = 8  # of which each may lead to all nodes; a pod with more is taken to go anywhere
_MOST_VALUES = 32  # in all requirements of a pod, which are compared with every node; so is a pod with more

_Values = dict[str, dict[str, NodeFacts]]
"""The nodes that have some label, by its value and then by name."""


class Lacking(Struct, frozen=True, gc=False):
    """What a pod requests that no node can hold, and the most that one of its nodes has of each resource."""

    need: Room
    largest: Room


class _Rooms:
    """The rooms of the nodes that pods confined alike may use."""

    __slots__ = ("_counted", "_front")

    def __init__(self, rooms: Iterable[Room]) -> None:
        self._counted = Counter(rooms)
        self._front: Front | None = None

    @property
    def front(self) -> Front:
        if self._front is None:
            self._front = front_of(self._counted)
        return self._front

    def add(self, room: Room) -> None:
        self._counted[room] += 1
        if self._counted[room] == 1:
            self._front = None

    def remove(self, room: Room) -> None:
        self._counted[room] -= 1
        if not self._counted[room]:
            del self._counted[room]
            self._front = None


class Places:
    """The nodes that count, in a form that is quick to ask; `known` finds any node by name, counted or not."""

    def __init__(self, known: Callable[[str], NodeFacts | None]) -> None:
        self._known = known
        self._counted: dict[str, NodeFacts] = {}
        self._keys: Counter[str] = Counter()  # how many nodes have a label of this key
        self._having: dict[str, _Values] = {}  # by key, as far as anybody asked
        self._anywhere = _Rooms(())
        self._confined: dict[Ways, _Rooms] = {}  # as far as anybody asked

    def put(self, name: str, facts: NodeFacts | None) -> None:
        """Let a node count as it is now; None: it does not count."""
        old = self._counted.pop(name, None)
        if facts is not None:
            self._counted[name] = facts
        if (old and (old.room, old.labels)) == (facts and (facts.room, facts.labels)):
            return
        if old is not None:
            self._take_out(old)
        if facts is not None:
            self._take_in(facts)

    def hold(self, confined_to: Ways, footprint: Amounts) -> bool:
        """Say whether any node that the pod may go to can hold it; one that requests nothing fits anywhere."""
        front = self._front(confined_to) if confined_to else self._anywhere.front
        return _holds(front, footprint) or not self._counted

    def lacking(self, confined_to: Ways, footprint: Amounts) -> Lacking | None:
        """Say what no node can hold of a pod; None where one can."""
        return None if self.hold(confined_to, footprint) else lacking_on(self._front(confined_to), footprint)

    def _take_out(self, node: NodeFacts) -> None:
        self._anywhere.remove(node.room)
        for rooms in self._that_allow(node):
            rooms.remove(node.room)
        for key, value in node.labels:
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
            if key in self._having:
                del self._having[key][value][node.name]

    def _take_in(self, node: NodeFacts) -> None:
        self._anywhere.add(node.room)
        for rooms in self._that_allow(node):
            rooms.add(node.room)
        for key, value in node.labels:
            self._keys[key] += 1
            if key in self._having:
                self._having[key].setdefault(value, {})[node.name] = node

    def _that_allow(self, node: NodeFacts) -> Iterator[_Rooms]:
        labels = dict(node.labels)
        for ways, rooms in self._confined.items():
            if admits(ways, node.name, labels):
                yield rooms

    def _front(self, confined_to: Ways) -> Front:
        known = self._confined.get(confined_to)
        if known is None:
            if not confined_to or _is_large(confined_to):
                return self._anywhere.front
            if any(way.nodes for way in confined_to):  # as many of these as nodes, and each is looked up at once
                return front_of(node.room for node in self._nodes_for(confined_to))
            if len(self._confined) >= _MOST_KEPT:
                del self._confined[next(iter(self._confined))]
            known = self._confined[confined_to] = _Rooms(node.room for node in self._nodes_for(confined_to))
        return known.front

    def _nodes_for(self, confined_to: Ways) -> Iterable[NodeFacts]:
        """Return the nodes that a pod may go to; each once."""
        found: dict[str, NodeFacts] = {}
        for way in confined_to:
            found |= {node.name: node for node in self._candidates(way) if way.allows(node.name, dict(node.labels))}
        return found.values()

    def _candidates(self, way: Way) -> Iterable[NodeFacts]:
        """Return few nodes among which are all that the way leads to."""
        if way.nodes:
            return [node for node in map(self._known, way.nodes) if node is not None]
        if not all(key in self._keys for key, _ in way.labels):
            return ()
        having = [self._by(key).get(value, {}) for key, value in way.labels]
        return min(having, key=len, default=self._counted).values()

    def _by(self, key: str) -> _Values:
        found = self._having.get(key)
        if found is None:
            found = self._having[key] = {}
            for node in self._counted.values():
                for each, value in node.labels:
                    if each == key:
                        found.setdefault(value, {})[node.name] = node
        return found


def _is_large(confined_to: Ways) -> bool:
    values = sum(1 + len(need.values) for way in confined_to for need in way.needs)
    return len(confined_to) > _MOST_WAYS or values > _MOST_VALUES


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

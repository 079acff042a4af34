"""Tallies: what the live pods come to by node and by workload, kept event by event for reports.

Nothing that is judged depends on them. A report needs all of them at one moment, while events go on: so what a snapshot
was handed out with is never changed again. The first event after a snapshot that concerns a group (the pods of one
node, or of one workload) replaces it by a copy, and changes that. So a snapshot costs one shallow copy of two
dictionaries, whose size is the number of nodes and of namespaces. A large group is kept in parts, of which an event
copies one: what events cost more while somebody looks does not grow with the size of a workload.

An event only notes that its pod has changed. The notes are taken into the tallies together, the oldest once there are
`_NOTES` of them, all when a snapshot is asked for: a pod that has come, been bound and perhaps gone since then is
counted once or not at all, and pods that are counted one after the other take less processor time than pods counted
between other work.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import islice
from typing import Final, NamedTuple

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.traits import Workload
from webhook.core.ledger.unreviewed import EXCLUDED, EXCLUDED_NAMESPACES, STATIC, why_unreviewed
from webhook.core.values.amounts import NOTHING, Amounts

_LARGE: Final = 256  # pods; a larger group is kept in parts
_PARTS: Final = 64
_ALL: Final = (1 << _PARTS) - 1
_NOTES: Final = 1024  # pods that come, are bound and go within so many changes are not counted at all
AT_ONCE: Final = 32  # notes; at most a millisecond of work, which is done under the state's lock


class Count:
    """Counts of some pods, by what is remarkable about them.

    `unbounded` counts containers without a memory limit. `static`, `excluded` and `before` count the pods that nobody
    reviewed, by why (unreviewed.py).
    """

    __slots__ = ("before", "best_effort", "excluded", "static", "unbounded")

    def __init__(self) -> None:
        self.unbounded = self.best_effort = self.static = self.excluded = self.before = 0

    def count(self, pod: Entry, why: str | None, sign: int = 1) -> None:
        """Count a pod, or, with -1, stop counting it. `why` says why nobody reviewed it."""
        if pod.traits.unbounded:
            self.unbounded += sign * pod.traits.unbounded
        if is_best_effort(pod.footprint):
            self.best_effort += sign
        if why is not None:
            if why is STATIC:
                self.static += sign
            elif why is EXCLUDED:
                self.excluded += sign
            else:
                self.before += sign

    def add(self, other: "Count") -> None:
        """Add another count."""
        self.unbounded += other.unbounded
        self.best_effort += other.best_effort
        self.static += other.static
        self.excluded += other.excluded
        self.before += other.before

    def figures(self) -> tuple[int, ...]:
        """Return all counts, for a comparison."""
        return self.unbounded, self.best_effort, self.static, self.excluded, self.before


Extent = tuple[Amounts, Amounts]
"""The least and the most of each amount that any of some pods commits."""


class Group(Count):
    """Some pods by name, how many of them are not bound, what they commit (of a node's: not kept), and their counts.

    `parts` is one dictionary or, of a large group, `_PARTS` of them by the hash of the name. `stamp` is the number of
    snapshots that had been made when this object was; a part may be changed if its bit in `own` is set.
    """

    __slots__ = ("_least", "_most", "amounts", "own", "parts", "stamp", "unbound")

    def __init__(self, stamp: int = 0) -> None:
        super().__init__()
        self.stamp = stamp
        self.amounts = NOTHING
        self.unbound = 0
        self.parts: list[dict[str, Entry]] = [{}]
        self.own = _ALL
        self._least: Amounts | None = None
        self._most: Amounts | None = None

    @classmethod
    def of(cls, pods: dict[str, Entry]) -> "Group":
        """Return a group of some pods that nothing is counted of; it is never changed."""
        made = cls()
        made.parts = [pods]
        return made

    def __len__(self) -> int:
        return len(self.parts[0]) if len(self.parts) == 1 else sum(map(len, self.parts))

    def __bool__(self) -> bool:
        return any(self.parts)  # asked after each pod that leaves, so nothing is summed up

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield the pods with their names, in no order."""
        for part in self.parts:
            yield from part.items()

    def get(self, name: str) -> Entry | None:
        """Return the pod of a name, None if it is not in the group."""
        return self.parts[hash(name) % len(self.parts)].get(name)

    def extent(self) -> Extent:
        """Return the extent of what its pods commit; ask it of a snapshot's group that has pods, where it is kept."""
        if self._least is None or self._most is None:
            kinds = {pod.footprint for part in self.parts for pod in part.values()}
            self._least, self._most = _extent(kinds, kinds)
        return self._least, self._most

    def copied(self, stamp: int) -> "Group":
        """Return a copy that may be changed."""
        made = Group(stamp)
        made.add(self)
        made.amounts, made.unbound = self.amounts, self.unbound
        if len(self.parts) == 1:
            made.parts = [self.parts[0].copy()]
        else:
            made.parts, made.own = self.parts.copy(), 0
        return made

    def part_of(self, name: str) -> dict[str, Entry]:
        """Return the part that a name belongs to, for a change; the group itself must be one that may be changed."""
        parts = self.parts
        if len(parts) == 1:
            part = parts[0]
            return part if len(part) < _LARGE else self._split(name)
        number = hash(name) % _PARTS
        if not self.own >> number & 1:
            parts[number] = parts[number].copy()
            self.own |= 1 << number
        return parts[number]

    def _split(self, name: str) -> dict[str, Entry]:
        parts: list[dict[str, Entry]] = [{} for _ in range(_PARTS)]
        for each, entry in self.parts[0].items():
            parts[hash(each) % _PARTS][each] = entry
        self.parts, self.own = parts, _ALL
        return parts[hash(name) % _PARTS]


class Total(Count):
    """The sums over some groups: how many pods, how many of them are not bound, what they commit, and their counts."""

    __slots__ = ("amounts", "pods", "unbound")

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        super().__init__()
        self.amounts = NOTHING
        self.pods = self.unbound = 0
        for group in groups:
            self.take(group, group.amounts)

    def take(self, group: Group, amounts: Amounts) -> None:
        """Add a group, which commits these amounts."""
        self.amounts = self.amounts.plus(amounts)
        self.pods += len(group)
        self.unbound += group.unbound
        self.add(group)

    def join(self, other: "Total") -> None:
        """Add another total."""
        self.amounts = self.amounts.plus(other.amounts)
        self.pods += other.pods
        self.unbound += other.unbound
        self.add(other)

    def take_pod(self, pod: Entry, why: str | None) -> None:
        """Add one pod; `why` says why nobody reviewed it."""
        self.amounts = self.amounts.plus(pod.footprint)
        self.pods += 1
        self.unbound += not pod.node
        self.count(pod, why)


class Namespace:
    """The workloads of one namespace that have live pods; `stamp` as in `Group`.

    What its methods return is kept: ask them of a snapshot's namespace, which does not change any more.
    """

    __slots__ = ("_count", "_extent", "stamp", "workloads")

    def __init__(self, stamp: int, workloads: dict[Workload, Group]) -> None:
        self.stamp = stamp
        self.workloads = workloads
        self._count: int | None = None
        self._extent: Extent | None = None

    def pods(self) -> int:
        """Return how many pods there are."""
        if self._count is None:
            self._count = sum(map(len, self.workloads.values()))
        return self._count

    def extent(self) -> Extent:
        """Return the extent of what its pods commit; there must be some."""
        if self._extent is None:
            extents = [group.extent() for group in self.workloads.values()]
            self._extent = _extent({least for least, _ in extents}, {most for _, most in extents})
        return self._extent


class TallySnapshot(NamedTuple):
    """The tallies at one moment; `sizes` has how many pods request how much memory. Nothing in it changes any more.

    Pods that are not bound are the group of the node "". What the pods of a node commit is not here, but in the ledger.
    """

    nodes: Mapping[str, Group]
    namespaces: Mapping[str, Namespace]
    sizes: Mapping[int, int]
    birth: str  # as in `Tallies`


class Tallies:
    """What the live pods come to; `live` has them by name. Not thread-safe: the caller holds the lock of the ledger."""

    def __init__(self, live: Mapping[str, Entry]) -> None:
        self._live = live
        self._noted: dict[str, Entry | None] = {}  # by name: what the tallies have under it, which may have changed
        self.birth = ""  # when Headroom's account began, in RFC 3339; empty: not known
        self._snapshots = 0
        self._nodes: dict[str, Group] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._sizes: dict[int, int] = {}

    def snapshot(self) -> TallySnapshot:
        """Return the tallies as they are now.

        Its cost depends on the number of nodes and namespaces, and on that of the notes, which `take_in` may take
        before.
        """
        self.take_in(len(self._noted))
        self._snapshots += 1
        return TallySnapshot(self._nodes.copy(), self._namespaces.copy(), self._sizes.copy(), self.birth)

    def note(self, name: str, old: Entry | None) -> None:
        """Take in that another pod lives under a name now, or none, in place of `old` (None: of none)."""
        self._noted.setdefault(name, old)
        if len(self._noted) >= _NOTES:
            self.take_in(AT_ONCE)

    def born(self, birth: str) -> None:
        """Take in when Headroom's account began: every pod is counted again."""
        self.take_in(len(self._noted))
        for name, entry in self._live.items():
            self._leave(name, entry)
        self.birth = birth
        for name, entry in self._live.items():
            self._enter(name, entry)

    def pods_on(self, nodes: Iterable[str]) -> int:
        """Return how many pods are bound to some nodes."""
        wanted = set(nodes)
        found = sum(len(self._nodes[node]) for node in wanted if node in self._nodes)
        for name, old in self._noted.items():
            new = self._live.get(name)
            found += (new is not None and new.node in wanted) - (old is not None and old.node in wanted)
        return found

    def take_in(self, most: int = AT_ONCE) -> bool:
        """Count the pods that live now in place of those that were counted, `most` of them; say whether some are left.

        Those that were noted first are taken in first.
        """
        noted = self._noted
        for name in [*islice(noted, most)]:
            old, new = noted.pop(name), self._live.get(name)
            if old is new:
                continue
            if old is not None and new is not None and _alike(old, new):
                self._move(name, old, new)
                continue
            if old is not None:
                self._leave(name, old)
            if new is not None:
                self._enter(name, new)
        return bool(noted)

    # -- one pod -------------------------------------------------------------------------------------------------------

    def _enter(self, name: str, new: Entry) -> None:
        where, footprint, at = name.partition("/")[0], new.footprint, new.node
        workload, node = self._workload(where, new), self._node(at)
        workload.part_of(name)[name] = node.part_of(name)[name] = new
        workload.amounts = workload.amounts.moved(NOTHING, footprint)
        if not at:
            workload.unbound += 1
            node.unbound += 1
        size = footprint[0]
        if size:
            self._sizes[size] = self._sizes.get(size, 0) + 1
        if self._is_remarkable(where, new):
            why = why_unreviewed(where, new, self.birth)
            workload.count(new, why)
            node.count(new, why)

    def _leave(self, name: str, old: Entry) -> None:
        where, footprint, at = name.partition("/")[0], old.footprint, old.node
        workload, node = self._workload(where, old), self._node(at)
        del workload.part_of(name)[name], node.part_of(name)[name]
        workload.amounts = workload.amounts.moved(footprint, NOTHING)
        if not at:
            workload.unbound -= 1
            node.unbound -= 1
        size = footprint[0]
        if size:
            left = self._sizes[size] - 1
            if left:
                self._sizes[size] = left
            else:
                del self._sizes[size]
        if self._is_remarkable(where, old):
            why = why_unreviewed(where, old, self.birth)
            workload.count(old, why, -1)
            node.count(old, why, -1)
        if not node:
            del self._nodes[at]
        if not workload:
            self._drop(where, old.traits.workload)

    def _drop(self, where: str, key: Workload) -> None:
        workloads = self._namespaces[where].workloads
        del workloads[key]
        if not workloads:
            del self._namespaces[where]

    def _move(self, name: str, old: Entry, new: Entry) -> None:
        """Replace a pod by itself, on another node or with another UID: its workload and what it commits stay."""
        where = name.partition("/")[0]
        workload, was_on, is_on = self._workload(where, new), self._node(old.node), self._node(new.node)
        workload.part_of(name)[name] = new
        if was_on is is_on:
            is_on.part_of(name)[name] = new
            return
        del was_on.part_of(name)[name]
        is_on.part_of(name)[name] = new
        if not old.node:
            workload.unbound -= 1
            was_on.unbound -= 1
        if not new.node:
            workload.unbound += 1
            is_on.unbound += 1
        if self._is_remarkable(where, new):
            why = why_unreviewed(where, new, self.birth)
            was_on.count(new, why, -1)
            is_on.count(new, why)
        if not was_on:
            del self._nodes[old.node]

    def _is_remarkable(self, namespace: str, pod: Entry) -> bool:
        """Say whether any of the counts counts the pod; of most pods none does."""
        return (
            pod.traits.unbounded > 0
            or pod.traits.static
            or not pod.footprint[0]
            or pod.created < self.birth
            or namespace in EXCLUDED_NAMESPACES
        )

    # -- groups that may be changed ------------------------------------------------------------------------------------

    def _node(self, name: str) -> Group:
        group = self._nodes.get(name)
        if group is None or group.stamp != self._snapshots:
            group = Group(self._snapshots) if group is None else group.copied(self._snapshots)
            self._nodes[name] = group
        return group

    def _workload(self, where: str, pod: Entry) -> Group:
        stamp, namespace = self._snapshots, self._namespaces.get(where)
        if namespace is None or namespace.stamp != stamp:
            namespace = Namespace(stamp, {} if namespace is None else namespace.workloads.copy())
            self._namespaces[where] = namespace
        key = pod.traits.workload
        group = namespace.workloads.get(key)
        if group is None or group.stamp != stamp:
            group = Group(stamp) if group is None else group.copied(stamp)
            namespace.workloads[key] = group
        return group


def _extent(least: set[Amounts], most: set[Amounts]) -> Extent:
    return reduce(Amounts.upto, least), reduce(Amounts.or_more, most)


def _alike(old: Entry, new: Entry) -> bool:
    return old.traits is new.traits and old.footprint is new.footprint and old.created == new.created


def is_best_effort(footprint: Amounts) -> bool:
    """Say whether a pod commits nothing: it requests nothing, and no limit is declared.

    Kubernetes' QoS class BestEffort is the same, but for the overhead of a RuntimeClass, which a pod commits.
    """
    return not (footprint[0] or footprint[1] or footprint[4] or footprint[5])

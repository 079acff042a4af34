"""Tallies: what the live pods come to by node, by namespace and by workload, kept event by event for reports.

Nothing that is judged depends on them. A report needs all of them at one moment, while events go on: so a *group* (the
pods of one node, or of one workload) is never changed once a snapshot has been handed out with it. The first event
after a snapshot that concerns a group replaces it by a copy, and changes that. So a snapshot costs one shallow copy of
two dictionaries, whose size is the number of nodes and of namespaces, and an event costs at most a few copies of small
groups for each snapshot.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.unreviewed import EXCLUDED, STATIC, why_unreviewed
from webhook.core.values.amounts import NOTHING, Amounts

Workload = tuple[str, str]
"""Kind and name of a workload in its namespace; the name is empty for all pods that are their own workload."""


class Count:
    """Sums over some pods.

    `unbounded` counts containers without a memory limit. `static`, `excluded` and `before` count the pods that nobody
    reviewed, by why (unreviewed.py).
    """

    __slots__ = ("amounts", "before", "best_effort", "excluded", "pods", "stamp", "static", "unbound", "unbounded")

    def __init__(self, stamp: int = 0) -> None:
        self.stamp = stamp  # how many snapshots had been made when this object was
        self.amounts = NOTHING
        self.pods = self.unbound = self.unbounded = self.best_effort = self.static = self.excluded = self.before = 0

    def count(self, pod: Entry, why: str | None, sign: int = 1) -> None:
        """Count a pod, or, with -1, stop counting it; its amounts are not added. `why` says why nobody reviewed it."""
        self.pods += sign
        if not pod.node:
            self.unbound += sign
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
        """Add everything but the amounts."""
        self.pods += other.pods
        self.unbound += other.unbound
        self.unbounded += other.unbounded
        self.best_effort += other.best_effort
        self.static += other.static
        self.excluded += other.excluded
        self.before += other.before

    def figures(self) -> tuple[int, ...]:
        """Return everything but the amounts, for a comparison."""
        marks = self.static, self.excluded, self.before
        return self.pods, self.unbound, self.unbounded, self.best_effort, *marks

    def _begin(self, other: "Count") -> None:
        self.amounts = other.amounts
        self.add(other)


class Group(Count):
    """Some pods by name, and their sums."""

    __slots__ = ("entries",)

    def __init__(self, stamp: int) -> None:
        super().__init__(stamp)
        self.entries: dict[str, Entry] = {}

    def copied(self, stamp: int) -> "Group":
        """Return a copy that may be changed."""
        made = Group(stamp)
        made._begin(self)
        made.entries = self.entries.copy()
        return made


class Namespace(Count):
    """The pods of one namespace by workload, and their sums."""

    __slots__ = ("workloads",)

    def __init__(self, stamp: int) -> None:
        super().__init__(stamp)
        self.workloads: dict[Workload, Group] = {}

    def copied(self, stamp: int) -> "Namespace":
        """Return a copy that may be changed; its groups are shared still."""
        made = Namespace(stamp)
        made._begin(self)
        made.workloads = self.workloads.copy()
        return made


class TallySnapshot(NamedTuple):
    """The tallies at one moment; `sizes` has how many pods request how much memory. Nothing in it changes any more.

    Pods that are not bound are the group of the node "". What the pods of a node commit is not here, but in the ledger.
    """

    nodes: Mapping[str, Group]
    namespaces: Mapping[str, Namespace]
    sizes: Mapping[int, int]
    birth: int  # as in `Tallies`


class Tallies:
    """What the live pods come to. Not thread-safe: the caller holds the lock of the ledger."""

    def __init__(self) -> None:
        self.birth = 0  # seconds since 1970: pods from before were reviewed by nobody; 0: not known
        self._snapshots = 0
        self._nodes: dict[str, Group] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._sizes: Counter[int] = Counter()

    def snapshot(self) -> TallySnapshot:
        """Return the tallies as they are now; its cost depends on the number of nodes and namespaces alone."""
        self._snapshots += 1
        return TallySnapshot(self._nodes.copy(), self._namespaces.copy(), dict(self._sizes), self.birth)

    def replace(self, name: str, old: Entry | None, new: Entry | None) -> None:
        """Count one pod in place of another of the same name; None: there is none."""
        if old is not None and new is not None and _alike(old, new):
            self._swap(name, old, new)
            return
        if old is not None:
            self._take_out(name, old)
        if new is not None:
            self._put_in(name, new)

    def born(self, birth: int, pods: Iterable[tuple[str, Entry]]) -> None:
        """Take in when Headroom's account began; `pods` are all live ones, which are counted again if that is news."""
        if birth == self.birth:
            return
        pods = list(pods)
        for name, entry in pods:
            self._take_out(name, entry)
        self.birth = birth
        for name, entry in pods:
            self._put_in(name, entry)

    def pods_on(self, node: str) -> int:
        """Return how many pods are bound to a node."""
        group = self._nodes.get(node)
        return 0 if group is None else group.pods

    def _swap(self, name: str, old: Entry, new: Entry) -> None:
        """Replace a pod by itself on another node, or with another footprint: its workload stays."""
        where = _namespace_of(name)
        namespace, why = self._namespace(where), why_unreviewed(where, old, self.birth)
        workload = self._workload(namespace, old)
        workload.entries[name] = new
        if old.footprint is not new.footprint:
            namespace.amounts = namespace.amounts.moved(old.footprint, new.footprint)
            workload.amounts = workload.amounts.moved(old.footprint, new.footprint)
            self._resize(old.footprint, new.footprint)
        if bool(old.node) != bool(new.node):
            step = 1 if old.node else -1
            namespace.unbound += step
            workload.unbound += step
        self._off_node(name, old, why)
        self._onto_node(name, new, why)

    def _put_in(self, name: str, new: Entry) -> None:
        where = _namespace_of(name)
        namespace, why = self._namespace(where), why_unreviewed(where, new, self.birth)
        workload = self._workload(namespace, new)
        workload.entries[name] = new
        for each in (namespace, workload):
            each.count(new, why)
            each.amounts = each.amounts.moved(NOTHING, new.footprint)
        self._resize(NOTHING, new.footprint)
        self._onto_node(name, new, why)

    def _take_out(self, name: str, old: Entry) -> None:
        where = _namespace_of(name)
        namespace, why = self._namespace(where), why_unreviewed(where, old, self.birth)
        workload = self._workload(namespace, old)
        del workload.entries[name]
        for each in (namespace, workload):
            each.count(old, why, -1)
            each.amounts = each.amounts.moved(old.footprint, NOTHING)
        if not workload.pods:
            del namespace.workloads[workload_of(old)]
            if not namespace.pods:
                del self._namespaces[where]
        self._resize(old.footprint, NOTHING)
        self._off_node(name, old, why)

    def _onto_node(self, name: str, new: Entry, why: str | None) -> None:
        group = self._node(new.node)
        group.entries[name] = new
        group.count(new, why)

    def _off_node(self, name: str, old: Entry, why: str | None) -> None:
        group = self._node(old.node)
        del group.entries[name]
        if not group.entries:
            del self._nodes[old.node]
            return
        group.count(old, why, -1)

    def _resize(self, old: Amounts, new: Amounts) -> None:
        before, after = old.memory_requests, new.memory_requests
        if before != after:
            if before:
                self._sizes[before] -= 1
                if not self._sizes[before]:
                    del self._sizes[before]
            if after:
                self._sizes[after] += 1

    # -- groups that may be changed ------------------------------------------------------------------------------------

    def _node(self, name: str) -> Group:
        group = self._nodes.get(name)
        if group is None or group.stamp != self._snapshots:
            group = Group(self._snapshots) if group is None else group.copied(self._snapshots)
            self._nodes[name] = group
        return group

    def _namespace(self, name: str) -> Namespace:
        found = self._namespaces.get(name)
        if found is None or found.stamp != self._snapshots:
            found = Namespace(self._snapshots) if found is None else found.copied(self._snapshots)
            self._namespaces[name] = found
        return found

    def _workload(self, namespace: Namespace, pod: Entry) -> Group:
        key = workload_of(pod)
        group = namespace.workloads.get(key)
        if group is None or group.stamp != self._snapshots:
            group = Group(self._snapshots) if group is None else group.copied(self._snapshots)
            namespace.workloads[key] = group
        return group


def workload_of(pod: Entry) -> Workload:
    """Return the key of a pod's workload."""
    return pod.traits.kind, pod.traits.name


def is_best_effort(footprint: Amounts) -> bool:
    """Say whether a pod commits nothing: it requests nothing, and no limit is declared.

    Kubernetes' QoS class BestEffort is the same, but for the overhead of a RuntimeClass, which a pod commits.
    """
    return not (footprint[0] or footprint[1] or footprint[4] or footprint[5])


def _namespace_of(name: str) -> str:
    return name.partition("/")[0]


def _alike(old: Entry, new: Entry) -> bool:
    return (
        old.traits is new.traits
        and old.created == new.created
        and (old.footprint is new.footprint or is_best_effort(old.footprint) == is_best_effort(new.footprint))
    )

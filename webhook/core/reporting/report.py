"""The report: one account, as every surface shows it: REST, page, command line, metrics, what-if. Nothing else sums up.

A report is made from an `AccountSnapshot` in no time; each table is worked out when it is first asked for, and kept.
The sums are those that the ledger keeps event by event, so no table walks over all pods. Only a page of pods makes rows
for the pods on it (pod_table.py).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.tallies import Group, Namespace, Total, is_best_effort
from webhook.core.ledger.traits import BARE, Workload
from webhook.core.ledger.unreviewed import BEFORE, EXCLUDED, GROWN, STATIC, why_unreviewed
from webhook.core.pods.confinement import Ways
from webhook.core.reporting import uncounted
from webhook.core.reporting.pod_table import Part, PodTable
from webhook.core.reporting.rows import Commitment, GroupRow, NodeRow, NodeUse, PodRow, ScopeRow, Use
from webhook.core.reporting.scope_rows import Scopes
from webhook.core.values.amounts import NOTHING, Amounts


class Circumstances(NamedTuple):
    """What is said of a report beside the account: when it was taken, how old the views are, and what is wrong.

    `as_of` is in RFC 3339, `age` in seconds; `problem` is None if the account can be trusted. `elsewhere` has by scope
    what other replicas granted for pods that are not there yet.
    """

    as_of: str = ""
    age: float = 0.0
    problem: str | None = None
    config_hash: str = ""
    elsewhere: Mapping[str, Amounts] = MappingProxyType({})


NOTHING_SAID: Final = Circumstances()


class Memo:
    """What was worked out for the last report and may still be right in the next one: hand it from one to the next.

    Each part is replaced as a whole, and says from which objects it was worked out; those never change.
    """

    def __init__(self) -> None:
        self.nodes: Mapping[str, tuple[Node, Group | None, bool, NodeRow]] = {}
        self.namespaces: Mapping[str, tuple[Namespace, Total]] = {}


class Report:
    """One account, with every table that can be shown of it.

    It never changes. Any thread may use it without a lock; two that ask for the same table at once may both make it.
    """

    def __init__(
        self, account: AccountSnapshot, circumstances: Circumstances = NOTHING_SAID, memo: Memo | None = None
    ) -> None:
        self.account = account
        self.circumstances = circumstances
        self._memo = memo or Memo()

    @property
    def revision(self) -> int:
        """The revision up to which the watch had shown pods."""
        return self.account.revision

    # -- tables --------------------------------------------------------------------------------------------------------

    def commitment(self) -> Commitment:
        """Return the whole account: the cluster, then each pool in the configuration's order."""
        return self._commitment

    def pools(self) -> tuple[ScopeRow, ...]:
        """Return the pools in the configuration's order."""
        return self._commitment.scopes[1:]

    def nodes(self) -> tuple[NodeRow, ...]:
        """Return every known node, by name."""
        return self._nodes

    def namespaces(self) -> tuple[GroupRow, ...]:
        """Return every namespace that has live pods, by name."""
        return self._namespaces

    def workloads(self, namespace: str | None = None) -> tuple[GroupRow, ...]:
        """Return every workload that has live pods, of one namespace or of all; by namespace, kind and name."""
        if namespace is None:
            return self._workloads
        return tuple(self._workloads_in([namespace]))

    def by_label(self, label: str) -> tuple[GroupRow, ...]:
        """Return what the nodes with each value of a label hold, by value; that of no node and no label comes first."""
        values = {name: dict(node.info.labels).get(label, "") for name, node in self.account.nodes.items()}
        groups: dict[str, list[str]] = {}
        for node in self.account.tallies.nodes:
            groups.setdefault(values.get(node, ""), []).append(node)
        for value in values.values():
            groups.setdefault(value, [])
        return tuple(self._labelled(label, value, groups[value]) for value in sorted(groups))

    def pods(self, namespace: str | None = None, node: str | None = None, workload: Workload | None = None) -> PodTable:
        """Return the live pods, of one namespace, one node or one workload (kind, name), which needs its namespace.

        The node "" has the pods that are not bound.
        """
        return PodTable(list(self._parts(namespace, node, workload)), self.pod_row)

    # -- one scope after the other -------------------------------------------------------------------------------------

    @cached_property
    def _commitment(self) -> Commitment:
        account, said, config = self.account, self.circumstances, self.account.accounting.config
        return Commitment(
            revision=account.revision,
            as_of=said.as_of,
            age=said.age,
            problem=said.problem,
            mode=config.mode.value,
            config_hash=said.config_hash,
            warn_at=config.warn_at.ratio,
            kubernetes_rules=tuple(each.version for each in account.accounting.rules),
            scopes=tuple(Scopes(account, self._apart, said.elsewhere, self._whole).rows()),
        )

    # -- one node after the other --------------------------------------------------------------------------------------

    @cached_property
    def _nodes(self) -> tuple[NodeRow, ...]:
        account, known = self.account, self._memo.nodes
        kept: dict[str, tuple[Node, Group | None, bool, NodeRow]] = {}
        for name, node in sorted(account.nodes.items()):
            group, counted = account.tallies.nodes.get(name), name not in account.excused
            last = known.get(name)
            if last is None or last[0] is not node or last[1] is not group or not (counted and last[2]):
                last = node, group, counted, self._node(name, node)
            kept[name] = last
        self._memo.nodes = kept
        return tuple(row for _, _, _, row in kept.values())

    def _node(self, name: str, node: Node) -> NodeRow:
        account, info = self.account, node.info
        held, group = account.held.get(name, NOTHING), account.tallies.nodes.get(name)
        capacity = info.capacity
        return NodeRow(
            name=name,
            pool=node.pool,
            counted=name not in account.excused,
            why_not=self._why_not(name, node),
            labels=dict(info.labels),
            pods=len(group) if group else 0,
            pods_max=info.most_pods,
            unbounded_containers=group.unbounded if group else 0,
            best_effort_pods=group.best_effort if group else 0,
            memory=_node_use(capacity and capacity.memory, info.room.memory, held.memory_requests, held.memory_limits),
            cpu=_node_use(capacity and capacity.cpu, info.room.cpu, held.cpu_requests, held.cpu_limits),
        )

    def _why_not(self, name: str, node: Node) -> str | None:
        if name not in self.account.excused:
            return None
        return node.why_not(self.account.accounting.nodes, self.account.now) or "not ready"

    # -- one group after the other -------------------------------------------------------------------------------------

    @cached_property
    def _namespaces(self) -> tuple[GroupRow, ...]:
        return tuple(self._namespace(name, total) for name, total in sorted(self._totals.items()))

    def _namespace(self, name: str, total: Total) -> GroupRow:
        left_out, grown = self._uncounted.get(name, {}), self._grown.get(name, {})
        return self._group(("Namespace", None, name), total, sum(left_out.values()), sum(grown.values()))

    @cached_property
    def _totals(self) -> dict[str, Total]:
        """The total of each namespace; that of a namespace in which nothing has happened is still the last report's."""
        known, found = self._memo.namespaces, self.account.tallies.namespaces
        kept: dict[str, tuple[Namespace, Total]] = {}
        for name, namespace in found.items():
            last = known.get(name)
            if last is None or last[0] is not namespace:
                last = namespace, Total(namespace.workloads.values())
            kept[name] = last
        self._memo.namespaces = kept
        return {name: total for name, (_, total) in kept.items()}

    @cached_property
    def _whole(self) -> Total:
        """The total of all live pods."""
        total = Total()
        for each in self._totals.values():
            total.join(each)
        return total

    @cached_property
    def _workloads(self) -> tuple[GroupRow, ...]:
        return tuple(self._workloads_in(sorted(self.account.tallies.namespaces)))

    def _workloads_in(self, namespaces: Iterable[str]) -> Iterator[GroupRow]:
        for namespace in namespaces:
            found = self.account.tallies.namespaces.get(namespace)
            for key, group in sorted(found.workloads.items()) if found else ():
                if key == BARE:
                    yield from self._bare(namespace, group)
                else:
                    yield self._workload(namespace, key, group)

    def _workload(self, namespace: str, key: Workload, group: Group) -> GroupRow:
        left_out, grown = self._uncounted.get(namespace, {}), self._grown.get(namespace, {})
        named = (key[0], namespace, key[1])
        return self._group(named, Total([group]), left_out.get(key, 0), grown.get(key, 0))

    def _bare(self, namespace: str, group: Group) -> Iterator[GroupRow]:
        """Yield a row for each pod that has no controller: it is its own workload."""
        for name, pod in sorted(group.items()):
            total = Total()
            total.take_pod(pod, why_unreviewed(namespace, pod, self.account.tallies.birth))
            grown = int(self._why_unreviewed(namespace, name, pod) is GROWN)
            named = (BARE[0], namespace, _split(name)[1])
            yield self._group(named, total, self._uncounted_bare.get(name, 0), grown)

    def _labelled(self, label: str, value: str, nodes: Iterable[str]) -> GroupRow:
        total, left_out, grown = Total(), 0, 0
        for node in nodes:
            total.take(
                self.account.tallies.nodes[node], self.account.held.get(node, NOTHING) if node else self._waiting
            )
            left_out += self._taken.get(node, 0)
            grown += self._grown_on.get(node, 0)
        return self._group((label, None, value), total, left_out, grown)

    def _group(self, named: tuple[str, str | None, str], total: Total, left_out: int, grown: int) -> GroupRow:
        kind, namespace, name = named
        whole = self.account.scopes[0].balance.committed.memory_requests
        memory, cpu = _uses(total.amounts)
        why = {STATIC: total.static, EXCLUDED: total.excluded, BEFORE: total.before, GROWN: grown}
        return GroupRow(
            kind=kind,
            namespace=namespace,
            name=name,
            pods=total.pods,
            pending_pods=total.unbound,
            unbounded_containers=total.unbounded,
            best_effort_pods=total.best_effort,
            memory=memory,
            cpu=cpu,
            memory_share=(memory.requests - left_out) / whole if whole else None,
            uncounted=left_out,
            unreviewed={reason: number for reason, number in why.items() if number},
        )

    # -- what does not count -------------------------------------------------------------------------------------------

    @cached_property
    def _apart(self) -> dict[str, Unbound]:
        return uncounted.apart(self.account)

    @cached_property
    def _taken(self) -> dict[str, int]:
        """What each node takes out of the cluster's memory requests; of the node "", what stands apart."""
        taken = uncounted.of_nodes(self.account)
        return {**taken, "": sum(pod.footprint.memory_requests for pod in self._apart.values())}

    @cached_property
    def _uncounted_pods(self) -> list[tuple[str, Entry, int]]:
        """The pods of which memory requests do not count, with how much of each."""
        account = self.account
        found: list[tuple[str, Entry, int]] = []
        found += ((name, pod, pod.footprint.memory_requests) for name, pod in self._apart.items())
        for node, taken in self._taken.items():
            if node and taken:
                held, pods = account.held[node].memory_requests, account.tallies.nodes[node]
                found += uncounted.of_pods(taken, held, pods)
        return found

    @cached_property
    def _uncounted(self) -> dict[str, dict[Workload, int]]:
        """By namespace and workload, what of the memory requests does not count."""
        return _by_workload(self._uncounted_pods)

    @cached_property
    def _uncounted_bare(self) -> dict[str, int]:
        return {name: part for name, pod, part in self._uncounted_pods if pod.traits.workload == BARE}

    @cached_property
    def _waiting(self) -> Amounts:
        """What the pods come to that are not bound."""
        total = NOTHING
        for each in self.account.unbound:
            total = total.plus(each.footprint.times(each.pods))
        return total

    # -- pods that grew ------------------------------------------------------------------------------------------------

    def _why_unreviewed(self, namespace: str, name: str, pod: Entry) -> str | None:
        why = why_unreviewed(namespace, pod, self.account.tallies.birth)
        return GROWN if why is None and name in self.account.grown else why

    @cached_property
    def _grown_pods(self) -> list[tuple[str, Entry, int]]:
        grown = self.account.grown.items()
        return [(name, pod, 1) for name, pod in grown if self._why_unreviewed(_split(name)[0], name, pod) is GROWN]

    @cached_property
    def _grown(self) -> dict[str, dict[Workload, int]]:
        """By namespace and workload, how many pods grew, and nobody was asked about it."""
        return _by_workload(self._grown_pods)

    @cached_property
    def _grown_on(self) -> Counter[str]:
        return Counter(pod.node for _, pod, _ in self._grown_pods)

    # -- pods ----------------------------------------------------------------------------------------------------------

    def pod_row(self, name: str, pod: Entry) -> PodRow:
        """Return the row of a pod; `name` is "namespace/name"."""
        namespace, short = _split(name)
        memory, cpu = _uses(pod.footprint)
        return PodRow(
            namespace=namespace,
            name=short,
            uid=pod.uid,
            node=pod.node or None,
            pool=self._pool_of(pod),
            workload_kind=pod.traits.workload[0],
            workload_name=pod.traits.workload[1] or short,
            counted=pod.node not in self._out if pod.node else name not in self._apart,
            unbounded_containers=pod.traits.unbounded,
            best_effort=is_best_effort(pod.footprint),
            unreviewed=self._why_unreviewed(namespace, name, pod),
            memory=memory,
            cpu=cpu,
        )

    def _pool_of(self, pod: Entry) -> str | None:
        if isinstance(pod, Unbound):
            return self._pools.get(pod.confined_to)
        node = self.account.nodes.get(pod.node)
        return node.pool if node else None

    @cached_property
    def _pools(self) -> dict[Ways, str | None]:
        return {each.confined_to: each.pool for each in self.account.unbound}

    @cached_property
    def _out(self) -> frozenset[str]:
        """The nodes whose pods are not in the cluster's sums."""
        account = self.account
        return frozenset(account.excused if account.leaving_is_out else account.excused.keys() - account.leaving)

    def _parts(self, namespace: str | None, node: str | None, workload: Workload | None) -> Iterator[Part]:
        tallies = self.account.tallies
        if node is not None:
            group = tallies.nodes.get(node)
            yield from _by_namespace(group.items() if group else (), namespace, workload)
            return
        for name in sorted(tallies.namespaces) if namespace is None else [namespace]:
            found = tallies.namespaces.get(name)
            if found is None:
                continue
            if workload is None:
                yield [part for group in found.workloads.values() for part in group.parts]
            else:
                yield _of_workload(name, workload, found)


def _by_namespace(
    pods: Iterable[tuple[str, Entry]], namespace: str | None, workload: Workload | None
) -> Iterator[Part]:
    """Sort the pods of one node by namespace, and leave out those that were not asked for."""
    parts: dict[str, dict[str, Entry]] = {}
    for name, pod in pods:
        where, short = _split(name)
        kind, own = pod.traits.workload
        if namespace in (None, where) and workload in (None, (kind, own or short)):
            parts.setdefault(where, {})[name] = pod
    yield from ([parts[where]] for where in sorted(parts))


def _of_workload(where: str, workload: Workload, namespace: Namespace) -> Part:
    """Return the pods of a workload; a pod without a controller is a workload of its own name."""
    group = namespace.workloads.get(workload)
    if group is not None:
        return group.parts
    bare, name = namespace.workloads.get(BARE), f"{where}/{workload[1]}"
    pod = bare.get(name) if bare is not None and workload[0] == BARE[0] else None
    return [] if pod is None else [{name: pod}]


def _by_workload(numbers: Iterable[tuple[str, Entry, int]]) -> dict[str, dict[Workload, int]]:
    found: dict[str, dict[Workload, int]] = {}
    for name, pod, number in numbers:
        by_workload, key = found.setdefault(_split(name)[0], {}), pod.traits.workload
        by_workload[key] = by_workload.get(key, 0) + number
    return found


def _split(name: str) -> tuple[str, str]:
    namespace, _, short = name.partition("/")
    return namespace, short


def _uses(amounts: Amounts) -> tuple[Use, Use]:
    return (
        Use(requests=amounts.memory_requests, limits=amounts.memory_limits, unbounded=amounts.memory_unbounded),
        Use(requests=amounts.cpu_requests, limits=amounts.cpu_limits, unbounded=amounts.cpu_unbounded),
    )


def _node_use(capacity: int | None, allocatable: int, requests: int, limits: int) -> NodeUse:
    return NodeUse(
        capacity=capacity,
        allocatable=allocatable,
        requests=requests,
        limits=limits,
        requests_ratio=requests / allocatable if allocatable else None,
        limits_ratio=limits / allocatable if allocatable else None,
    )

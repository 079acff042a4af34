"""Rows of pods, and which pods belong to a namespace, a node or a workload."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.tallies import Group, Namespace, is_best_effort
from webhook.core.ledger.traits import BARE, Workload
from webhook.core.pods.confinement import Ways
from webhook.core.reporting.group_rows import uses
from webhook.core.reporting.pod_order import Part
from webhook.core.reporting.pod_standing import PodStanding, split_name
from webhook.core.reporting.rows import PodRow


class PodRows:
    """The pods of one account; a row is made only where somebody looks."""

    def __init__(self, account: AccountSnapshot, standing: PodStanding) -> None:
        self._account = account
        self._standing = standing

    def row(self, name: str, pod: Entry) -> PodRow:
        """Return the row of a pod; `name` is "namespace/name"."""
        namespace, short = split_name(name)
        memory, cpu = uses(pod.footprint)
        return PodRow(
            namespace=namespace,
            name=short,
            uid=pod.uid,
            node=pod.node or None,
            pool=self._pool_of(pod),
            workload_kind=pod.traits.workload[0],
            workload_name=pod.traits.workload[1] or short,
            counted=pod.node not in self._standing.out if pod.node else name not in self._standing.apart,
            unbounded_containers=pod.traits.unbounded,
            best_effort=is_best_effort(pod.footprint),
            unreviewed=self._standing.why_unreviewed(namespace, name, pod),
            memory=memory,
            cpu=cpu,
        )

    def _pool_of(self, pod: Entry) -> str | None:
        if isinstance(pod, Unbound):
            return self._pools.get(pod.confined_to)
        node = self._account.nodes.get(pod.node)
        return node.pool if node else None

    @cached_property
    def _pools(self) -> dict[Ways, str | None]:
        return {each.confined_to: each.pool for each in self._account.unbound}

    def parts(self, namespace: str | None, node: str | None, workload: Workload | None) -> Iterator[Part]:
        """Yield the pods namespace by namespace, of one namespace, one node or one workload if those are given."""
        tallies = self._account.tallies
        if node is not None:
            group = tallies.nodes.get(node)
            yield from _by_namespace(group.items() if group else (), namespace, workload)
            return
        for name in sorted(tallies.namespaces) if namespace is None else [namespace]:
            found = tallies.namespaces.get(name)
            if found is None:
                continue
            chosen = found if workload is None else _of_workload(name, workload, found)
            if chosen is not None:
                yield name, chosen


def _by_namespace(
    pods: Iterable[tuple[str, Entry]], namespace: str | None, workload: Workload | None
) -> Iterator[Part]:
    """Sort the pods of one node by namespace, and leave out those that were not asked for."""
    parts: dict[str, dict[str, Entry]] = {}
    for name, pod in pods:
        where, short = split_name(name)
        kind, own = pod.traits.workload
        if namespace in (None, where) and workload in (None, (kind, own or short)):
            parts.setdefault(where, {})[name] = pod
    yield from ((where, _only(Group.of(parts[where]))) for where in sorted(parts))


def _of_workload(where: str, workload: Workload, namespace: Namespace) -> Namespace | None:
    """Return the pods of a workload; a pod without a controller is a workload of its own name."""
    group = namespace.workloads.get(workload)
    if group is not None:
        return _only(group)
    bare, name = namespace.workloads.get(BARE), f"{where}/{workload[1]}"
    pod = bare.get(name) if bare is not None and workload[0] == BARE[0] else None
    return None if pod is None else _only(Group.of({name: pod}))


def _only(group: Group) -> Namespace:
    return Namespace(0, {BARE: group})

"""Rows of groups of pods: namespaces, workloads, and the nodes with each value of a label."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.tallies import Group, Namespace, Total
from webhook.core.ledger.traits import BARE, Workload
from webhook.core.ledger.unreviewed import BEFORE, EXCLUDED, GROWN, STATIC, why_unreviewed
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.pod_standing import PodStanding, split_name
from webhook.core.reporting.rows import GroupRow, Use
from webhook.core.values.amounts import NOTHING, Amounts


class GroupRows:
    """The groups of one account; each table is made when it is first asked for, and kept."""

    def __init__(self, account: AccountSnapshot, standing: PodStanding, memo: Memo) -> None:
        self._account = account
        self._standing = standing
        self._memo = memo

    @cached_property
    def namespaces(self) -> tuple[GroupRow, ...]:
        """Every namespace that has live pods, by name."""
        return tuple(self._namespace(name, total) for name, total in sorted(self._totals.items()))

    def _namespace(self, name: str, total: Total) -> GroupRow:
        left_out, grown = self._standing.uncounted.get(name, {}), self._standing.grown.get(name, {})
        return self._group(("Namespace", None, name), total, sum(left_out.values()), sum(grown.values()))

    @cached_property
    def _totals(self) -> dict[str, Total]:
        """The total of each namespace; that of a namespace in which nothing has happened is still the last report's."""
        known, found = self._memo.namespaces, self._account.tallies.namespaces
        kept: dict[str, tuple[Namespace, Total]] = {}
        for name, namespace in found.items():
            last = known.get(name)
            if last is None or last[0] is not namespace:
                last = namespace, Total(namespace.workloads.values())
            kept[name] = last
        self._memo.namespaces = kept
        return {name: total for name, (_, total) in kept.items()}

    @cached_property
    def whole(self) -> Total:
        """The total of all live pods."""
        total = Total()
        for each in self._totals.values():
            total.join(each)
        return total

    @cached_property
    def workloads(self) -> tuple[GroupRow, ...]:
        """Every workload that has live pods, by namespace, kind and name."""
        return tuple(self.workloads_in(sorted(self._account.tallies.namespaces)))

    def workloads_in(self, namespaces: Iterable[str]) -> Iterator[GroupRow]:
        """Yield the workloads of some namespaces, by kind and name."""
        for namespace in namespaces:
            found = self._account.tallies.namespaces.get(namespace)
            for key, group in sorted(found.workloads.items()) if found else ():
                if key == BARE:
                    yield from self._bare(namespace, group)
                else:
                    yield self._workload(namespace, key, group)

    def _workload(self, namespace: str, key: Workload, group: Group) -> GroupRow:
        left_out, grown = self._standing.uncounted.get(namespace, {}), self._standing.grown.get(namespace, {})
        named = (key[0], namespace, key[1])
        return self._group(named, Total([group]), left_out.get(key, 0), grown.get(key, 0))

    def _bare(self, namespace: str, group: Group) -> Iterator[GroupRow]:
        """Yield a row for each pod that has no controller: it is its own workload."""
        for name, pod in sorted(group.items()):
            total = Total()
            total.take_pod(pod, why_unreviewed(namespace, pod, self._account.tallies.birth))
            grown = int(self._standing.why_unreviewed(namespace, name, pod) is GROWN)
            named = (BARE[0], namespace, split_name(name)[1])
            yield self._group(named, total, self._standing.uncounted_bare.get(name, 0), grown)

    def _labelled(self, label: str, value: str, nodes: Iterable[str]) -> GroupRow:
        total, left_out, grown = Total(), 0, 0
        for node in nodes:
            total.take(
                self._account.tallies.nodes[node], self._account.held.get(node, NOTHING) if node else self._waiting
            )
            left_out += self._standing.taken.get(node, 0)
            grown += self._standing.grown_on.get(node, 0)
        return self._group((label, None, value), total, left_out, grown)

    def _group(self, named: tuple[str, str | None, str], total: Total, left_out: int, grown: int) -> GroupRow:
        kind, namespace, name = named
        whole = self._account.scopes[0].balance.committed.memory_requests
        memory, cpu = uses(total.amounts)
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

    @cached_property
    def _waiting(self) -> Amounts:
        """What the pods come to that are not bound."""
        total = NOTHING
        for each in self._account.unbound:
            total = total.plus(each.footprint.times(each.pods))
        return total

    def by_label(self, label: str) -> tuple[GroupRow, ...]:
        """Return what the nodes with each value of a label hold, by value; that of no node and no label comes first."""
        values = {name: dict(node.info.labels).get(label, "") for name, node in self._account.nodes.items()}
        groups: dict[str, list[str]] = {}
        for node in self._account.tallies.nodes:
            groups.setdefault(values.get(node, ""), []).append(node)
        for value in values.values():
            groups.setdefault(value, [])
        return tuple(self._labelled(label, value, groups[value]) for value in sorted(groups))


def uses(amounts: Amounts) -> tuple[Use, Use]:
    """Return what amounts come to of memory and of cpu."""
    return (
        Use(requests=amounts.memory_requests, limits=amounts.memory_limits, unbounded=amounts.memory_unbounded),
        Use(requests=amounts.cpu_requests, limits=amounts.cpu_limits, unbounded=amounts.cpu_unbounded),
    )

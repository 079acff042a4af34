"""Scope rows: the cluster and each pool, from the balances of the ledger and the tallies of its nodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from webhook.core.ledger.account import AccountSnapshot, ScopeSnapshot
from webhook.core.ledger.entry import Unbound
from webhook.core.ledger.nodes import Allocatable, Node
from webhook.core.ledger.rules import limits_field
from webhook.core.ledger.tallies import Total
from webhook.core.reporting.rows import Fragmentation, Line, ResourceLines, ScopeRow
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER


class Scopes:
    """Makes the rows of one account.

    `apart` has the pods that stand apart, by name; `elsewhere` has by scope what other replicas granted; `whole` is the
    total of all live pods.
    """

    def __init__(
        self,
        account: AccountSnapshot,
        apart: Mapping[str, Unbound],
        elsewhere: Mapping[str, Amounts],
        whole: Total,
    ) -> None:
        self._account = account
        self._whole = whole
        self._elsewhere = elsewhere
        self._apart = apart
        self._limits = limits_field(account.accounting.config.missing_limits)
        self._pools = {each.confined_to: each.pool for each in account.unbound}
        self._counts = self._counted()
        self._median = median(account.tallies.sizes)

    def rows(self) -> Iterator[ScopeRow]:
        """Yield the row of the cluster, then that of each pool."""
        for each in self._account.scopes:
            yield self._row(each)

    def _counted(self) -> dict[str, Total]:
        """Count the pods of each pool; those of the cluster are all pods."""
        account = self._account
        counts = {each.balance.scope: Total() for each in account.scopes}
        counts[CLUSTER] = self._whole
        if len(counts) == 1:
            return counts
        for name, node in account.nodes.items():
            if node.pool in counts and name in account.tallies.nodes:
                counts[node.pool].take(account.tallies.nodes[name], NOTHING)
        waiting = account.tallies.nodes.get("")
        for _, pod in waiting.items() if waiting else ():
            pool = self._pools.get(pod.confined_to)
            if pool in counts:
                counts[pool].take_pod(pod, None)
        return counts

    def _row(self, each: ScopeSnapshot) -> ScopeRow:
        account, scope, counts = self._account, each.balance.scope, self._counts[each.balance.scope]
        nodes = [n for n in account.nodes.values() if n.deleted_at is None and scope in (CLUSTER, n.pool)]
        counted = [node for node in nodes if node.info.name not in account.excused]
        pending = self._pending(each)
        return ScopeRow(
            scope=scope,
            mode=account.accounting.config.mode.value,
            nodes=len(nodes),
            nodes_counted=len(counted),
            reserve_nodes=account.accounting.reserve_nodes(scope),
            reserve_used=each.out,
            pods=counts.pods,
            pods_max=_sum(node.info.most_pods for node in counted),
            unbounded_containers=counts.unbounded,
            best_effort_pods=counts.best_effort,
            apart=sum(scope in (CLUSTER, self._pools.get(pod.confined_to)) for pod in self._apart.values()),
            memory=self._resource(each, "memory", pending, counted),
            cpu=self._resource(each, "cpu", pending, counted),
            fragmentation=self._fragmentation(counted),
        )

    def _pending(self, each: ScopeSnapshot) -> Amounts:
        """Add up what counts of unbound pods, as `Ledger.pending` does."""
        total = each.balance.stuck.unplaceable
        for waiting in self._account.unbound:
            if waiting.holdable and each.balance.scope in (CLUSTER, waiting.pool):
                total = total.plus(waiting.footprint.times(waiting.pods))
        return total

    def _resource(self, each: ScopeSnapshot, resource: str, pending: Amounts, counted: Sequence[Node]) -> ResourceLines:
        room = each.balance.scope_limits.room
        return ResourceLines(
            capacity=_sum(_part(node.info.capacity, resource) for node in counted),
            allocatable=room.memory if resource == "memory" else room.cpu,
            requests=self._line(each, f"{resource}_requests", pending),
            limits=self._line(each, f"{resource}_{self._limits}", pending),
        )

    def _line(self, each: ScopeSnapshot, field: str, pending: Amounts) -> Line:
        balance, index = each.balance, Amounts._fields.index(field)
        share = self._account.accounting.share(balance.scope, index)
        elsewhere, headroom = self._elsewhere.get(balance.scope, NOTHING)[index], balance.headroom(index)
        return Line(
            committed=balance.committed[index],
            granted=balance.unseen[index] + elsewhere,
            pending=pending[index],
            unplaceable=balance.stuck.unplaceable[index],
            reserve=balance.scope_limits.reserve[index] if balance.scope_limits.reserve else 0,
            threshold=None if share is None else share.ratio,
            bound=balance.scope_limits.bound[index] if balance.scope_limits.bound else None,
            bound_without_largest=each.without_largest[index],
            free=None if headroom is None else headroom - elsewhere,
        )

    def _fragmentation(self, counted: Iterable[Node]) -> Fragmentation:
        held = self._account.held
        free = [max(0, node.info.room.memory - held.get(node.info.name, NOTHING).memory_requests) for node in counted]
        total, size = sum(free), self._median
        small = None if size is None or not total else sum(each for each in free if each < size) / total
        return Fragmentation(largest_free=max(free, default=0), median_request=size, share_too_small=small)


def median(sizes: Mapping[int, int]) -> int | None:
    """Return the median of sizes, given how often each occurs: the lower one of the two in the middle; None of none."""
    half = (sum(sizes.values()) + 1) // 2
    for size in sorted(sizes):
        half -= sizes[size]
        if half <= 0:
            return size
    return None


def _part(room: Allocatable | None, resource: str) -> int | None:
    if room is None:
        return None
    return room.memory if resource == "memory" else room.cpu


def _sum(parts: Iterable[int | None]) -> int | None:
    """Return the sum; None if a part is not known."""
    total = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total

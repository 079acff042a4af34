"""Scope rows: the cluster and each pool, from the balances of the ledger and the tallies of its nodes."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from webhook.core.ledger.account import AccountSnapshot, ScopeSnapshot
from webhook.core.ledger.entry import Unbound
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.rules import limits_field
from webhook.core.ledger.tallies import Total
from webhook.core.reporting.memo import Members, Memo, ScopeMemo
from webhook.core.reporting.rows import Fragmentation, Line, NodeRow, ResourceLines, ScopeRow
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER


class Scopes:
    """Makes the rows of one account.

    `apart` has the pods that stand apart, by name; `elsewhere` has by scope what other replicas granted; `whole` is the
    total of all live pods, `nodes` are the rows of all nodes.
    """

    def __init__(
        self,
        account: AccountSnapshot,
        apart: Mapping[str, Unbound],
        elsewhere: Mapping[str, Amounts],
        whole: Total,
        nodes: tuple[NodeRow, ...],
        memo: Memo,
    ) -> None:
        self._account = account
        self._whole = whole
        self._elsewhere = elsewhere
        self._apart = apart
        self._limits = limits_field(account.accounting.config.missing_limits)
        self._pools = {each.confined_to: each.pool for each in account.unbound}
        self._counts = self._counted()
        self._median = median(account.tallies.sizes)
        memo.scopes = self._known = _known(account, nodes, memo)

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
        members = self._known.members[scope]
        pending = self._pending(each)
        return ScopeRow(
            scope=scope,
            mode=account.accounting.config.mode.value,
            nodes=members.nodes,
            nodes_counted=len(members.names),
            reserve_nodes=account.accounting.reserve_nodes(scope),
            reserve_used=each.out,
            pods=counts.pods,
            pods_max=members.pods,
            unbounded_containers=counts.unbounded,
            best_effort_pods=counts.best_effort,
            apart=sum(scope in (CLUSTER, self._pools.get(pod.confined_to)) for pod in self._apart.values()),
            memory=self._resource(each, "memory", pending, members.memory),
            cpu=self._resource(each, "cpu", pending, members.cpu),
            fragmentation=self._fragmentation(scope),
        )

    def _pending(self, each: ScopeSnapshot) -> Amounts:
        """Add up what counts of unbound pods, as `Ledger.pending` does."""
        total = each.balance.stuck.unplaceable
        for waiting in self._account.unbound:
            if waiting.holdable and each.balance.scope in (CLUSTER, waiting.pool):
                total = total.plus(waiting.footprint.times(waiting.pods))
        return total

    def _resource(self, each: ScopeSnapshot, resource: str, pending: Amounts, capacity: int | None) -> ResourceLines:
        room = each.balance.scope_limits.room
        return ResourceLines(
            capacity=capacity,
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

    def _fragmentation(self, scope: str) -> Fragmentation:
        pieces, size = self._known.pieces[scope], self._median
        small = None if size is None or not pieces else sum(pieces[: bisect_left(pieces, size)]) / sum(pieces)
        return Fragmentation(largest_free=pieces[-1] if pieces else 0, median_request=size, share_too_small=small)


def median(sizes: Mapping[int, int]) -> int | None:
    """Return the median of sizes, given how often each occurs: the lower one of the two in the middle; None of none."""
    half = (sum(sizes.values()) + 1) // 2
    for size in sorted(sizes):
        half -= sizes[size]
        if half <= 0:
            return size
    return None


def _known(account: AccountSnapshot, rows: tuple[NodeRow, ...], memo: Memo) -> ScopeMemo:
    """Return what follows from the nodes: the last report's, if the same nodes are there, count, and hold the same."""
    last, nodes, excused = memo.scopes, account.nodes, frozenset(account.excused)
    scopes = [each.balance.scope for each in account.scopes]
    members = last.members
    if members.keys() != set(scopes) or last.excused != excused or last.nodes != nodes:
        members = {scope: _members_of(scope, nodes, excused) for scope in scopes}
    elif last.table is rows:
        return last
    free = {row.name: row.memory.allocatable - row.memory.requests for row in rows}
    pieces = {scope: _pieces(free, each.names) for scope, each in members.items()}
    return ScopeMemo(nodes, excused, members, rows, pieces)


def _pieces(free: Mapping[str, int], names: Sequence[str]) -> Sequence[int]:
    return sorted([each for name in names if (each := free[name]) > 0])


def _members_of(scope: str, nodes: Mapping[str, Node], excused: frozenset[str]) -> Members:
    there = [node for node in nodes.values() if node.deleted_at is None and scope in (CLUSTER, node.pool)]
    counted = [node.info for node in there if node.info.name not in excused]
    capacities = [info.capacity for info in counted]
    return Members(
        nodes=len(there),
        names=tuple(info.name for info in counted),
        memory=_sum([None if each is None else each.memory for each in capacities]),
        cpu=_sum([None if each is None else each.cpu for each in capacities]),
        pods=_sum([info.most_pods for info in counted]),
    )


def _sum(parts: Sequence[int | None]) -> int | None:
    """Return the sum; None if a part is not known."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None

"""Rows of nodes."""

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.nodes import Node
from webhook.core.reporting.memo import Memo, NodeMemo
from webhook.core.reporting.rows import NodeRow, NodeUse
from webhook.core.values.amounts import NOTHING


def node_rows(account: AccountSnapshot, memo: Memo) -> tuple[NodeRow, ...]:
    """Return a row for every known node, by name; those of nodes in which nothing has changed are the last report's.

    Where no row has changed, it is the same tuple.
    """
    before, nodes = memo.nodes, account.nodes
    rows, same_names = before.rows, nodes.keys() == before.nodes.keys()
    fresh = {}
    for name in _changed(account, before):
        if (node := nodes.get(name)) is not None:
            row = _node(account, name, node)
            if row != rows.get(name):
                fresh[name] = row
    if fresh or not same_names:
        rows = {**rows, **fresh} if same_names else {name: fresh.get(name) or rows[name] for name in sorted(nodes)}
    table = before.table if rows is before.rows else tuple(rows.values())
    memo.nodes = NodeMemo(nodes, account.tallies.nodes, account.excused, rows, table)
    return table


def _changed(account: AccountSnapshot, before: NodeMemo) -> set[str]:
    """Return the nodes of which the row may be another one than before. Of most nodes, nothing is looked at here.

    What a node that does not count is shown for depends on the time and on the configuration as well. Dictionaries of
    objects that are the same ones are compared at about 20 ns for each of them.
    """
    nodes, groups = account.nodes, account.tallies.nodes
    known_nodes, known_groups = before.nodes, before.groups
    changed = {name for name, group in groups.items() if known_groups.get(name) is not group}
    changed.update(known_groups.keys() - groups.keys(), account.excused, before.excused)
    if nodes != known_nodes:
        changed.update(name for name, node in nodes.items() if known_nodes.get(name) is not node)
    return changed


def _node(account: AccountSnapshot, name: str, node: Node) -> NodeRow:
    info = node.info
    held, group = account.held.get(name, NOTHING), account.tallies.nodes.get(name)
    capacity = info.capacity
    return NodeRow(
        name=name,
        pool=node.pool,
        counted=name not in account.excused,
        why_not=_why_not(account, name, node),
        labels=dict(info.labels),
        pods=len(group) if group else 0,
        pods_max=info.most_pods,
        unbounded_containers=group.unbounded if group else 0,
        best_effort_pods=group.best_effort if group else 0,
        memory=_node_use(capacity and capacity.memory, info.room.memory, held.memory_requests, held.memory_limits),
        cpu=_node_use(capacity and capacity.cpu, info.room.cpu, held.cpu_requests, held.cpu_limits),
    )


def _why_not(account: AccountSnapshot, name: str, node: Node) -> str | None:
    if name not in account.excused:
        return None
    return node.why_not(account.accounting.nodes, account.now) or "not ready"


def _node_use(capacity: int | None, allocatable: int, requests: int, limits: int) -> NodeUse:
    return NodeUse(
        capacity=capacity,
        allocatable=allocatable,
        requests=requests,
        limits=limits,
        requests_ratio=requests / allocatable if allocatable else None,
        limits_ratio=limits / allocatable if allocatable else None,
    )

"""Rows of nodes."""

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.tallies import Group
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.rows import NodeRow, NodeUse
from webhook.core.values.amounts import NOTHING


def node_rows(account: AccountSnapshot, memo: Memo) -> tuple[NodeRow, ...]:
    """Return a row for every known node, by name; those of nodes in which nothing has changed are the last report's.

    Where no row has changed, it is the same tuple.
    """
    known, nodes, groups, excused = memo.nodes, account.nodes, account.tallies.nodes, account.excused
    kept: dict[str, tuple[Node, Group | None, bool, NodeRow]] = {}
    names = known if known.keys() == nodes.keys() else sorted(nodes)
    changed = names is not known
    for name in names:
        node, group, counted = nodes[name], groups.get(name), name not in excused
        last = known.get(name)
        if last is None or last[0] is not node or last[1] is not group or not (counted and last[2]):
            last, changed = (node, group, counted, _node(account, name, node)), True
        kept[name] = last
    if changed:
        memo.nodes, memo.node_rows = kept, tuple(row for _, _, _, row in kept.values())
    return memo.node_rows


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

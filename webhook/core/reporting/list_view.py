"""The lists on the page: nodes, and namespaces, workloads or pods; searched, sorted and cut to one page of rows."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from webhook.core.reporting.page_parts import PAGE, TRACK, Bar, Cell, Column, ListView, Row
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.rows import GroupRow, NodeRow, PodRow
from webhook.core.reporting.tables import UNKNOWN, memory_column, percent

Item = TypeVar("Item")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")  # as names and kinds in the API are


def node_list(nodes: Sequence[NodeRow], query: Query) -> ListView:
    columns = (
        Column("Node", False, "name"),
        Column("Counts", False, "counted"),
        Column("Pods", True, "pods"),
        Column("Requests", True, "requests"),
        Column("Limits", True, "limits"),
        Column("Free", True, "free"),
    )
    keys: dict[str, Callable[[NodeRow], Any]] = {
        "name": lambda n: n.name,
        "counted": lambda n: (n.counted, n.why_not or ""),
        "pods": lambda n: -n.pods,
        "requests": lambda n: -(n.memory.requests_ratio or 0.0),
        "limits": lambda n: -(n.memory.limits_ratio or 0.0),
        "free": lambda n: n.memory.allocatable - n.memory.requests,
    }
    wanted = query.nodes_q.lower()
    found = [n for n in nodes if wanted in f"{n.name} {n.pool or ''}".lower()] if wanted else [*nodes]
    found.sort(key=attrgetter("name"))
    found.sort(key=keys.get(query.nodes_sort, keys["requests"]))
    some, numbers = _cut(found, query.nodes_page)
    texts = zip(
        memory_column([n.memory.requests for n in some]),
        memory_column([n.memory.limits for n in some]),
        memory_column([n.memory.allocatable - n.memory.requests for n in some], "down"),
        strict=True,
    )
    rows = tuple(_node(node, *each) for node, each in zip(some, texts, strict=True))
    return ListView(columns, rows, *numbers[:2], len(found), len(nodes), *numbers[2:])


def _node(node: NodeRow, requests: str, limits: str, free: str) -> Row:
    where = node.name if node.pool is None else f"{node.name} · {node.pool}"
    ratio = node.memory.requests_ratio or 0.0
    length = max(1.0, ratio)
    filled = Bar(round(min(1.0, ratio / length) * TRACK), 0, None, None, round(TRACK / length) if ratio > 1 else None)
    pods = str(node.pods) if node.pods_max is None else f"{node.pods}/{node.pods_max}"
    cells = (
        Cell(where),
        Cell("yes" if node.counted else f"no: {node.why_not}", tone="calm" if node.counted else "near"),
        Cell(pods),
        Cell(f"{requests} · {percent(node.memory.requests_ratio)}", filled, title=f"{node.memory.requests} bytes"),
        Cell(f"{limits} · {percent(node.memory.limits_ratio)}", title=f"{node.memory.limits} bytes"),
        Cell(free, title=f"{node.memory.allocatable - node.memory.requests} bytes"),
    )
    return Row(f"node/{node.name}", cells, f"kubectl describe node {node.name}")


def holder_list(holders: Sequence[GroupRow | PodRow], query: Query) -> ListView:
    keys: dict[str, Callable[[GroupRow | PodRow], Any]] = {
        "name": lambda h: (h.namespace or "", h.name),
        "requests": lambda h: -h.memory.requests,
        "limits": lambda h: -h.memory.limits,
        "unbounded": lambda h: -h.unbounded_containers,
        "pods": lambda h: -h.pods if isinstance(h, GroupRow) else 0,
    }
    wanted = query.q.lower()
    found = [h for h in holders if wanted in _name(h).lower()] if wanted else [*holders]
    found.sort(key=keys["name"])
    found.sort(key=keys.get(query.sort, keys["requests"]))
    some, numbers = _cut(found, query.page)
    texts = zip(
        memory_column([h.memory.requests for h in some]), memory_column([h.memory.limits for h in some]), strict=True
    )
    rows = tuple(_holder(h, *each) for h, each in zip(some, texts, strict=True))
    return ListView(_holder_columns(query.by), rows, *numbers[:2], len(found), len(holders), *numbers[2:])


def _holder_columns(by: str) -> tuple[Column, ...]:
    return (
        Column(by.capitalize(), False, "name"),
        Column("Node" if by == "pod" else "Pods", by != "pod", "pods"),
        Column("Requests", True, "requests"),
        Column("Limits", True, "limits"),
        Column("Without limit", True, "unbounded"),
        Column("Note", False, ""),
    )


def _name(holder: GroupRow | PodRow) -> str:
    if isinstance(holder, PodRow):
        return f"{holder.namespace}/{holder.name}"
    if holder.namespace is None:
        return holder.name or "(none)"
    return f"{holder.namespace}/{holder.kind}/{holder.name}"


def _holder(holder: GroupRow | PodRow, requests: str, limits: str) -> Row:
    without = holder.memory.unbounded and not holder.memory.limits
    name = _name(holder)
    second = (holder.node or "not bound") if isinstance(holder, PodRow) else str(holder.pods)
    share = f" · {percent(holder.memory_share)}" if isinstance(holder, GroupRow) and holder.memory_share else ""
    cells = (
        Cell(name),
        Cell(second),
        Cell(f"{requests}{share}", title=f"{holder.memory.requests} bytes"),
        Cell("no limit" if without else limits, title=f"{holder.memory.limits} bytes"),
        Cell(str(holder.unbounded_containers) if holder.unbounded_containers else UNKNOWN),
        Cell(", ".join(_notes(holder))),
    )
    return Row(f"{type(holder).__name__}/{name}", cells, _command(holder), _into(holder))


def _into(holder: GroupRow | PodRow) -> Mapping[str, str]:
    if isinstance(holder, PodRow):
        return {}
    if holder.kind == "Namespace":
        return {"by": "workload", "ns": holder.name}
    return {"by": "pod", "ns": holder.namespace or "", "q": holder.name}


def _notes(holder: GroupRow | PodRow) -> Iterable[str]:
    if isinstance(holder, PodRow):
        if not holder.counted:
            yield "does not count"
        if holder.best_effort:
            yield "best-effort"
        if holder.unreviewed:
            yield f"not reviewed: {holder.unreviewed}"
        return
    if holder.pending_pods:
        yield f"{holder.pending_pods} pending"
    if holder.best_effort_pods:
        yield f"{holder.best_effort_pods} best-effort"
    for why, number in sorted(holder.unreviewed.items()):
        yield f"{number} not reviewed: {why}"


def _command(holder: GroupRow | PodRow) -> str:
    if isinstance(holder, PodRow):
        return f"kubectl -n {holder.namespace} describe pod {holder.name}"
    if holder.kind == "Namespace":
        return f"kubectl headroom report --by workload -n {holder.name}"
    if holder.namespace is None:
        return "kubectl headroom report --by node"
    if not _NAME.fullmatch(holder.kind) or not _NAME.fullmatch(holder.name):  # whoever makes a pod chooses its owner
        return f"kubectl headroom report --by pod -n {holder.namespace}"
    return f"kubectl -n {holder.namespace} describe {holder.kind.lower()} {holder.name}"


def _cut(rows: Sequence[Item], page: int) -> tuple[Sequence[Item], tuple[int, int, int, int]]:
    """Return the rows of a page; and the numbers of its first and last row, of the page, and of all pages."""
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(1, page), pages)
    first = (page - 1) * PAGE
    some = rows[first : first + PAGE]
    return some, (first + 1 if some else 0, first + len(some), page, pages)

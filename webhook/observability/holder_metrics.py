"""Metrics of nodes and namespaces, from the report that every surface shows: where memory is committed, and for whom.

A large cluster has more of them than Prometheus should keep. The fullest nodes and the largest namespaces have series
of their own; the others share one (of nodes, one for each pool) with `REST` as their name. So the sum over labels stays
what it is: of nodes, what all bound pods commit; of namespaces, what all live pods do.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from webhook.core.ledger.unreviewed import BEFORE, EXCLUDED, GROWN, STATIC
from webhook.core.reporting.report import Report
from webhook.core.reporting.rows import GroupRow, NodeRow
from webhook.observability.families import Series

MOST_NODES: Final = 1000
MOST_NAMESPACES: Final = 500
REST: Final = "_rest"  # no object of Kubernetes can have this name

Item = TypeVar("Item")

_POOLED = ("node", "pool")
_OF_NODES = (
    ("allocatable", "Allocatable memory of a node, whether it counts or not."),
    ("requests", "Memory requests of the live pods that are bound to a node, as `kubectl describe node` sums them."),
    ("limits", "Declared memory limits of the live pods that are bound to a node."),
)


class HolderMetrics:
    """Writes the nodes and namespaces of a report, once for each report; it waits for nobody who judges."""

    def __init__(self, report: Callable[[], Report]) -> None:
        self._report = report
        self._written: tuple[Report, bytes] | None = None
        self._of_nodes: tuple[Sequence[NodeRow], str] = (), _written(node_series(()))

    def text(self) -> bytes:
        """Return all families, as a page of metrics has them; any thread may ask."""
        report, written = self._report(), self._written
        if written is None or written[0] is not report:
            text = self._nodes(report.nodes()) + _written(namespace_series(report.namespaces()))
            self._written = written = report, text.encode()
        return written[1]

    def _nodes(self, rows: Sequence[NodeRow]) -> str:
        of_nodes = self._of_nodes
        if of_nodes[0] is not rows:
            there = [row for row in rows if row.why_not != "deleted"]
            self._of_nodes = of_nodes = rows, _written(node_series(there))
        return of_nodes[1]


def _written(series: Iterable[Series]) -> str:
    return "".join(each.written() for each in series)


def node_series(rows: Sequence[NodeRow], most: int = MOST_NODES) -> Iterator[Series]:
    """Yield what is allocatable on nodes, what their pods commit, and which of them count."""
    allocatable, requests, limits = (defaultdict[tuple[str, ...], int](int) for _ in _OF_NODES)
    counted: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for name, row in own_names(rows, most, lambda row: row.name, lambda row: row.memory.requests_ratio or 0.0):
        pool, memory = row.pool or "", row.memory
        where = name, pool
        allocatable[where] += memory.allocatable
        requests[where] += memory.requests
        limits[where] += memory.limits
        counted[name, pool, row.why_not or ""] += row.counted
    for (what, text), values in zip(_OF_NODES, (allocatable, requests, limits), strict=True):
        yield Series(f"headroom_node_memory_{what}_bytes", text, _POOLED, values)
    text = "1 for a node that counts, 0 for one that does not, with the reason."
    yield Series("headroom_node_counted", text, (*_POOLED, "reason"), counted)


def namespace_series(rows: Sequence[GroupRow], most: int = MOST_NAMESPACES) -> Iterator[Series]:
    """Yield what the live pods of each namespace commit, and how many pods nobody reviewed."""
    requests, limits = Counter[str](), Counter[str]()
    unreviewed = Counter[str](dict.fromkeys((STATIC, EXCLUDED, BEFORE, GROWN), 0))
    for name, row in own_names(rows, most, lambda row: row.name, lambda row: row.memory.requests):
        requests[name] += row.memory.requests
        limits[name] += row.memory.limits
        unreviewed.update(row.unreviewed)
    text = "Memory requests of the live pods of a namespace, whether their nodes count or not."
    yield _series("headroom_namespace_memory_requests_bytes", text, "namespace", requests)
    text = "Declared memory limits of the live pods of a namespace, whether their nodes count or not."
    yield _series("headroom_namespace_memory_limits_bytes", text, "namespace", limits)
    yield _series("headroom_unreviewed_pods", "Live pods that nobody reviewed, by why.", "reason", unreviewed)


def _series(name: str, text: str, label: str, values: Mapping[str, int]) -> Series:
    return Series(name, text, (label,), {(key,): value for key, value in values.items()})


def own_names(
    items: Sequence[Item], most: int, name: Callable[[Item], str], weight: Callable[[Item], float]
) -> list[tuple[str, Item]]:
    """Pair each item with the name that its series have: its own if it is one of the `most` heaviest, or else `REST`.

    If all may have their own, their order stays. Among equals the first by name is taken, so that series last.
    """
    if len(items) <= most:
        return [(name(each), each) for each in items]
    names = [*map(name, items)]
    order = sorted(zip([-weight(each) for each in items], names, range(len(items)), strict=True))
    first = [(names[index], items[index]) for _, _, index in order[:most]]
    return first + [(REST, items[index]) for _, _, index in order[most:]]

"""A plain reference for the report: every row counted from the pods of the reference ledger, with lists and loops."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.support.reference_ledger import SUMS, ReferenceLedger
from webhook.core.ledger.info import PodInfo
from webhook.core.reporting.report import Report
from webhook.core.reporting.rows import GroupRow, PodRow, ScopeRow

OUTSIDE = {"kube-system", "headroom-system"}


def compare(report: Report, reference: ReferenceLedger, birth: str) -> None:
    """Assert that every table of a report is what the reference's pods and nodes come to."""
    _namespaces(report, reference, birth)
    _workloads(report, reference, birth)
    _nodes(report, reference)
    _pods(report, reference, birth)
    _labels(report, reference, birth)
    scopes = report.commitment().scopes
    assert [row.scope for row in scopes] == reference.scopes
    for row in scopes:
        _scope(row, reference)


def _namespaces(report: Report, reference: ReferenceLedger, birth: str) -> None:
    rows = report.namespaces()
    assert [row.name for row in rows] == sorted({_namespace(pod) for pod in reference.pods.values()})
    for row in rows:
        _group(row, [pod for pod in reference.pods.values() if _namespace(pod) == row.name], birth)
    _come_to_what_is_committed(rows, reference)


def _workloads(report: Report, reference: ReferenceLedger, birth: str) -> None:
    rows = report.workloads()
    keys = [(row.namespace, row.kind, row.name) for row in rows]
    assert sorted(keys) == sorted({_workload(pod) for pod in reference.pods.values()})
    for row, key in zip(rows, keys, strict=True):
        pods = [pod for pod in reference.pods.values() if _workload(pod) == key]
        _group(row, pods, birth)
        found = report.pods(namespace=row.namespace, workload=(row.kind, row.name))
        assert [each.name for each in found] == sorted(pod.name.partition("/")[2] for pod in pods)
    _come_to_what_is_committed(rows, reference)
    for namespace in report.namespaces():
        of_it = report.workloads(namespace.name)
        assert of_it == tuple(row for row in rows if row.namespace == namespace.name)
        assert sum(row.uncounted for row in of_it) == namespace.uncounted


def _labels(report: Report, reference: ReferenceLedger, birth: str) -> None:
    rows = report.by_label("zone")
    zones = {name: dict(node.info.labels).get("zone", "") for name, node in reference.nodes.items()}
    for row in rows:
        _group(row, [pod for pod in reference.pods.values() if zones.get(pod.node, "") == row.name], birth)
    _come_to_what_is_committed(rows, reference)


def _come_to_what_is_committed(rows: Iterable[GroupRow], reference: ReferenceLedger) -> None:
    rows = list(rows)
    committed = reference.committed("cluster")[0]
    assert sum(row.memory.requests - row.uncounted for row in rows) == committed
    assert all(0 <= row.uncounted <= row.memory.requests for row in rows)
    assert all((row.memory_share is None) == (committed == 0) for row in rows)


def _group(row: GroupRow, pods: Sequence[PodInfo], birth: str) -> None:
    total = _sum(pods)
    assert [row.memory.requests, row.memory.limits, row.memory.unbounded] == [total[0], total[1], total[3]]
    assert [row.cpu.requests, row.cpu.limits, row.cpu.unbounded] == [total[4], total[5], total[7]]
    assert (row.pods, row.pending_pods) == (len(pods), sum(not pod.node for pod in pods))
    assert row.unbounded_containers == sum(pod.traits.unbounded for pod in pods)
    assert row.best_effort_pods == sum(_best_effort(pod) for pod in pods)
    why = {reason: n for reason, n in row.unreviewed.items() if reason != "grownWithoutReview"}
    assert why == dict(Counter(reason for pod in pods if (reason := _why(pod, birth))))


def _nodes(report: Report, reference: ReferenceLedger) -> None:
    rows = report.nodes()
    assert [row.name for row in rows] == sorted(reference.nodes)
    for row in rows:
        node = reference.nodes[row.name]
        pods = [pod for pod in reference.pods.values() if pod.node == row.name]
        total = _sum(pods)
        assert (row.pods, row.memory.requests, row.memory.limits) == (len(pods), total[0], total[1])
        assert (row.cpu.requests, row.cpu.limits) == (total[4], total[5])
        assert (row.memory.allocatable, row.cpu.allocatable) == tuple(node.info.room)
        assert row.counted == (row.why_not is None) == (reference._lost(node) is None)
        assert row.pool == reference._pool_of_node(node)
        assert row.unbounded_containers == sum(pod.traits.unbounded for pod in pods)
        assert row.best_effort_pods == sum(map(_best_effort, pods))
        assert [each.name for each in report.pods(node=row.name)] == [
            pod.name.partition("/")[2] for pod in sorted(pods, key=lambda pod: pod.name.split("/"))
        ]


def _pods(report: Report, reference: ReferenceLedger, birth: str) -> None:
    table = report.pods()
    rows = list(table)
    expected = sorted(reference.pods.values(), key=lambda pod: pod.name.split("/"))
    assert [f"{row.namespace}/{row.name}" for row in rows] == [pod.name for pod in expected]
    assert (len(table), table[1:3]) == (len(rows), tuple(rows[1:3]))
    for row, pod in zip(rows, expected, strict=True):
        _pod(row, pod, reference)
        assert row.unreviewed in (_why(pod, birth), None if _why(pod, birth) else "grownWithoutReview")
    by_size = table.sorted_by("memoryRequests", 0, len(rows), descending=True)
    assert [row.memory.requests for row in by_size] == sorted((row.memory.requests for row in rows), reverse=True)


def _pod(row: PodRow, pod: PodInfo, reference: ReferenceLedger) -> None:
    sums = row.memory.requests, row.memory.limits, row.cpu.requests, row.cpu.limits
    assert sums == (pod.footprint[0], pod.footprint[1], pod.footprint[4], pod.footprint[5])
    assert (row.uid, row.node or "", row.pool) == (pod.uid, pod.node, reference._pool_of_pod(pod))
    assert (row.namespace, row.workload_kind, row.workload_name) == _workload(pod)
    if not pod.node:
        assert row.counted != reference._stands_apart(pod)
    elif pod.node not in reference.nodes or reference._lost(reference.nodes[pod.node]) is None:
        assert row.counted
    elif reference._lost(reference.nodes[pod.node]) != "cordoned":
        assert not row.counted


def _scope(row: ScopeRow, reference: ReferenceLedger) -> None:
    scope = row.scope
    pending, unplaceable, _ = reference.waiting(scope)
    committed, unseen, bounds = reference.committed(scope), reference.unseen(scope), reference.bound(scope)
    limits = (
        1 if reference._shares(scope)[2] is None and reference.config.missing_limits.value == "ignore" else 2
    ) % SUMS
    for index, line in ((0, row.memory.requests), (limits, row.memory.limits), (4, row.cpu.requests)):
        assert (line.committed, line.granted) == (committed[index], unseen[index])
        assert (line.pending, line.unplaceable, line.bound) == (pending[index], unplaceable[index], bounds[index])
        bound = bounds[index]
        assert line.free == (None if bound is None else bound - committed[index] - unseen[index])
    assert (row.memory.allocatable, row.cpu.allocatable) == reference.room(scope)
    pods = [pod for pod in reference.pods.values() if scope in ("cluster", reference._pool_of_pod(pod))]
    assert (row.pods, row.apart) == (len(pods), sum(map(reference._stands_apart, pods)))
    assert row.unbounded_containers == sum(pod.traits.unbounded for pod in pods)
    assert row.best_effort_pods == sum(map(_best_effort, pods))
    nodes = [node for node in reference._in(scope) if node.deleted_at is None]
    counted = [node for node in nodes if reference._lost(node) is None]
    assert (row.nodes, row.nodes_counted) == (len(nodes), len(counted))
    free = [max(0, node.info.room[0] - reference._held(node.info.name)[0]) for node in counted]
    sizes = sorted(pod.footprint[0] for pod in reference.pods.values() if pod.footprint[0])
    median = sizes[(len(sizes) - 1) // 2] if sizes else None
    pieces = row.fragmentation
    assert (pieces.largest_free, pieces.median_request) == (max(free, default=0), median)
    if median is None or not sum(free):
        assert pieces.share_too_small is None
    else:
        assert pieces.share_too_small == sum(each for each in free if each < median) / sum(free)


def _sum(pods: Iterable[PodInfo]) -> list[int]:
    total = [0] * SUMS
    for pod in pods:
        total = [a + b for a, b in zip(total, pod.footprint, strict=True)]
    return total


def _best_effort(pod: PodInfo) -> bool:
    return not any(pod.footprint[index] for index in (0, 1, 4, 5))


def _namespace(pod: PodInfo) -> str:
    return pod.name.partition("/")[0]


def _workload(pod: PodInfo) -> tuple[str, str, str]:
    namespace, _, name = pod.name.partition("/")
    return namespace, pod.traits.workload[0], pod.traits.workload[1] or name


def _why(pod: PodInfo, birth: str) -> str | None:
    if pod.traits.static:
        return "static"
    if _namespace(pod) in OUTSIDE:
        return "excludedNamespace"
    return "beforeHeadroom" if birth and pod.created and pod.created < birth else None

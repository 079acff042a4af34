"""A report of rows that a test gives, in the place of the account; and builders of rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec.structs import replace as changed

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.render import digest
from webhook.core.reporting.rows import (
    BlockedRow,
    Commitment,
    DenialRow,
    Fragmentation,
    GroupRow,
    Line,
    NodeRow,
    NodeUse,
    PodRow,
    ResourceLines,
    ScopeRow,
    Use,
)
from webhook.web.sources import Settings, Sources, UsageError

GI = 1 << 30
LINE = Line(
    committed=6 * GI, granted=0, pending=GI, unplaceable=0, reserve=0, threshold=0.75, bound=18 * GI,
    bound_without_largest=12 * GI, free=12 * GI,
)  # fmt: skip
LINES = ResourceLines(capacity=26 * GI, allocatable=24 * GI, requests=LINE, limits=LINE)


def scope(name: str = "cluster", free: int = 12 * GI) -> ScopeRow:
    """Make a scope with so much free memory for requests."""
    memory = changed(LINES, requests=changed(LINE, free=free))
    return ScopeRow(
        scope=name, mode="enforce", nodes=3, nodes_counted=3, reserve_nodes=0, reserve_used=(), pods=2, pods_max=330,
        unbounded_containers=1, best_effort_pods=0, apart=0, memory=memory, cpu=LINES,
        fragmentation=Fragmentation(largest_free=8 * GI, median_request=None, share_too_small=None),
    )  # fmt: skip


def node(name: str, *, requests: int = 2, limits: int = 4, allocatable: int = 8, **more: Any) -> NodeRow:
    """Make a node; memory is in Gi, cpu in cores."""

    def use(unit: int) -> NodeUse:
        ratios = (requests / allocatable, limits / allocatable) if allocatable else (None, None)
        return NodeUse(
            capacity=allocatable * unit, allocatable=allocatable * unit, requests=requests * unit,
            limits=limits * unit, requests_ratio=ratios[0], limits_ratio=ratios[1],
        )  # fmt: skip

    row = NodeRow(
        name=name, pool=None, counted=True, why_not=None, labels={"zone": "a"}, pods=1, pods_max=110,
        unbounded_containers=0, best_effort_pods=0, memory=use(GI), cpu=use(1000),
    )  # fmt: skip
    return changed(row, **more)


def group(kind: str, name: str, requests: int = 1, **more: Any) -> GroupRow:
    """Make a group of pods; requests are in Gi."""
    use = Use(requests=requests * GI, limits=requests * GI, unbounded=0)
    row = GroupRow(
        kind=kind, namespace=None, name=name, pods=1, pending_pods=0, unbounded_containers=0, best_effort_pods=0,
        memory=use, cpu=use, memory_share=0.5, uncounted=0, unreviewed={},
    )  # fmt: skip
    return changed(row, **more)


def pod(name: str, namespace: str = "shop", **more: Any) -> PodRow:
    """Make a pod."""
    use = Use(requests=GI, limits=GI, unbounded=0)
    row = PodRow(
        namespace=namespace, name=name, uid=f"uid-{name}", node="node-1", pool=None, workload_kind="Deployment",
        workload_name="web", counted=True, unbounded_containers=0, best_effort=False, unreviewed=None, memory=use,
        cpu=use,
    )  # fmt: skip
    return changed(row, **more)


def denial(name: str, ts: str = "2026-11-30T12:00:00.000Z", **more: Any) -> DenialRow:
    """Make a refusal."""
    row = DenialRow(
        ts=ts, since=ts, count=1, top_owner_kind=None, top_owner_name=None, short_sums=(),
        replica="r1", decision="deny", reason="MemoryCommitmentExceeded", message="no", dry_run=False,
        mode="enforce", operation="CREATE", user="someone", kind="Pod", namespace="shop", name=name, owner_kind=None,
        owner_name=None, scope="cluster", asked_requests=GI, asked_limits=GI, short_by_requests=1, short_by_limits=None,
    )  # fmt: skip
    return changed(row, **more)


def blocked(name: str, **more: Any) -> BlockedRow:
    """Make an owner that is short of pods."""
    row = BlockedRow(
        controller_kind="ReplicaSet", controller_name=f"{name}-1", asks_cpu_requests=0, asks_cpu_limits=0, missing=1,
        short_by_cpu=0, kind="Deployment", namespace="shop", name=name, scope="cluster",
        reason="MemoryCommitmentExceeded", message="no", asks_requests=GI, asks_limits=GI, short_by=1, count=2,
        since="2026-11-30T12:00:00Z",
        last="2026-11-30T12:01:00Z", waits_for_itself=False,
    )  # fmt: skip
    return changed(row, **more)


class FixedTable:
    """A table of pods that are there."""

    def __init__(self, rows: Iterable[PodRow]) -> None:
        self._rows = tuple(sorted(rows, key=lambda row: (row.namespace, row.name)))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice) -> tuple[PodRow, ...]:
        return self._rows[index]

    def sorted_by(self, sort: str, first: int, last: int, *, descending: bool = False) -> tuple[PodRow, ...]:
        """Sort by memory requests."""
        assert sort == "memoryRequests"

        def key(row: PodRow) -> tuple[int, str]:
            return row.memory.requests, row.name

        return tuple(sorted(self._rows, key=key, reverse=descending)[first:last])


@dataclass(frozen=True, eq=False)
class FixedReport:
    """A report of these rows."""

    revision: int = 71
    problem: str | None = None
    as_of: str = "2026-11-30T12:00:00Z"
    node_rows: Sequence[NodeRow] = (node("node-1"), node("node-2", requests=5), node("node-3", limits=9))
    scope_rows: Sequence[ScopeRow] = (scope(), scope("gpu", -1))
    namespace_rows: Sequence[GroupRow] = (group("Namespace", "bank", 3), group("Namespace", "shop"))
    workload_rows: Sequence[GroupRow] = (
        group("Deployment", "web", namespace="shop"),
        group("StatefulSet", "db", 3, namespace="bank", unbounded_containers=1),
    )
    label_rows: Sequence[GroupRow] = (group("zone", "a"), group("zone", "b"))
    pod_rows: Sequence[PodRow] = (pod("a"), pod("b", "bank"), pod("c", node="node-2"))
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def commitment(self) -> Commitment:
        """Return the whole account."""
        return Commitment(
            revision=self.revision, as_of=self.as_of, age=0.25, problem=self.problem, mode="enforce",
            config_hash="0123456789ab", warn_at=0.9, kubernetes_rules=("1.37",), scopes=tuple(self.scope_rows),
        )  # fmt: skip

    def nodes(self) -> Iterable[NodeRow]:
        """Return all nodes."""
        self.asked.append(("nodes",))
        return self.node_rows

    def pools(self) -> Iterable[ScopeRow]:
        """Return the pools of nodes."""
        return self.scope_rows[1:]

    def namespaces(self) -> Iterable[GroupRow]:
        """Return all namespaces with pods."""
        return self.namespace_rows

    def workloads(self) -> Iterable[GroupRow]:
        """Return all workloads with pods."""
        return self.workload_rows

    def by_label(self, label: str) -> Iterable[GroupRow]:
        """Return a row for each value of a label of nodes."""
        self.asked.append(("by_label", label))
        return self.label_rows

    def pods(
        self, namespace: str | None = None, node: str | None = None, workload: tuple[str, str] | None = None
    ) -> "FixedTable":
        """Return all pods that are asked for, and remember what was asked."""
        self.asked.append(("pods", namespace, node, workload))
        return FixedTable(
            each
            for each in self.pod_rows
            if namespace in {None, each.namespace}
            and node in {None, each.node}
            and workload in {None, (each.workload_kind, each.workload_name)}
        )


class Reports:
    """Gives the report that a test has set."""

    def __init__(self, report: FixedReport | None = None) -> None:
        self.report = report or FixedReport()

    def latest(self) -> FixedReport:
        """Return the report."""
        return self.report

    def change(self, **more: Any) -> None:
        """Exchange it for one that differs."""
        self.report = replace(self.report, **more)


class FixedRefusals:
    """Refusals that a test has set."""

    def __init__(self, *denials: DenialRow) -> None:
        self.rows = list(denials)
        self.blocked_rows = [blocked("web")]

    @property
    def revision(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def denials(self) -> Iterable[DenialRow]:
        """Return them."""
        return self.rows

    def blocked(self) -> Iterable[BlockedRow]:
        """Return who is short of pods."""
        return self.blocked_rows


def no_usage() -> bytes:
    """Say that there is no metrics server."""
    raise UsageError("there is no metrics server in this test")


def settings() -> Settings:
    """Return the configuration that holds without one."""
    config = HeadroomConfig()
    return Settings(config, digest(config), None)


def sources(reports: Reports | None = None, refusals: FixedRefusals | None = None, usage: Any = no_usage) -> Sources:
    """Put them together."""
    return Sources(reports or Reports(), settings, usage, refusals)

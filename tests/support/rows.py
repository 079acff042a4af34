"""Rows of reports for tests, with as little written out as a test needs."""

from typing import Any

from webhook.core.reporting.rows import (
    Commitment,
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

GI = 1 << 30


def line(committed: int = 0, bound: int | None = None, **given: Any) -> Line:
    """Return a sum; what is free follows from the rest."""
    granted = given.pop("granted", 0)
    usual: dict[str, Any] = {"pending": 0, "unplaceable": 0, "reserve": 0, "bound_without_largest": None}
    usual["threshold"] = None if bound is None else 0.75
    free = None if bound is None else bound - committed - granted
    return Line(committed=committed, granted=granted, bound=bound, free=free, **(usual | given))


NOTHING = line()


def scope(
    name: str = "cluster",
    requests: Line = NOTHING,
    limits: Line = NOTHING,
    *,
    allocatable: int = 24 * GI,
    cpu_requests: Line = NOTHING,
    **given: Any,
) -> ScopeRow:
    """Return a scope of three nodes."""
    usual: dict[str, Any] = {
        "mode": "enforce",
        "nodes": 3,
        "nodes_counted": 3,
        "reserve_nodes": 0,
        "reserve_used": (),
        "pods": 2,
        "pods_max": 330,
        "unbounded_containers": 0,
        "best_effort_pods": 0,
        "apart": 0,
        "fragmentation": Fragmentation(largest_free=0, median_request=None, share_too_small=None),
    }
    memory = ResourceLines(capacity=allocatable, allocatable=allocatable, requests=requests, limits=limits)
    cpu = ResourceLines(capacity=12_000, allocatable=12_000, requests=cpu_requests, limits=NOTHING)
    return ScopeRow(scope=name, memory=memory, cpu=cpu, **(usual | given))


def commitment(*scopes: ScopeRow, **given: Any) -> Commitment:
    """Return an account of these scopes; the cluster first."""
    usual: dict[str, Any] = {
        "revision": 7,
        "as_of": "2026-01-02T03:04:05.000+00:00",
        "age": 0.0,
        "problem": None,
        "mode": "enforce",
        "config_hash": "0123abcd",
        "warn_at": 0.9,
        "kubernetes_rules": ("1.37",),
    }
    return Commitment(scopes=scopes or (scope(),), **(usual | given))


def node(name: str, requests: int = 0, limits: int = 0, *, allocatable: int = 8 * GI, **given: Any) -> NodeRow:
    """Return a node."""
    usual: dict[str, Any] = {
        "pool": None,
        "counted": True,
        "why_not": None,
        "labels": {},
        "pods": 1,
        "pods_max": 110,
        "unbounded_containers": 0,
        "best_effort_pods": 0,
        "cpu": node_use(100, 0, 4000),
    }
    return NodeRow(name=name, memory=node_use(requests, limits, allocatable), **(usual | given))


def node_use(requests: int, limits: int, allocatable: int) -> NodeUse:
    """Return one resource of a node."""
    of = (lambda amount: amount / allocatable) if allocatable else lambda _: None
    return NodeUse(
        capacity=allocatable,
        allocatable=allocatable,
        requests=requests,
        limits=limits,
        requests_ratio=of(requests),
        limits_ratio=of(limits),
    )


def group(name: str, requests: int = 0, limits: int = 0, *, kind: str = "Namespace", **given: Any) -> GroupRow:
    """Return a namespace, or another group."""
    usual: dict[str, Any] = {
        "namespace": None,
        "pods": 1,
        "pending_pods": 0,
        "unbounded_containers": 0,
        "best_effort_pods": 0,
        "cpu": Use(requests=0, limits=0, unbounded=0),
        "memory_share": None,
        "uncounted": 0,
        "unreviewed": {},
    }
    memory = Use(requests=requests, limits=limits, unbounded=given.pop("unbounded", 0))
    return GroupRow(kind=kind, name=name, memory=memory, **(usual | given))


def pod(name: str, requests: int = 0, limits: int = 0, **given: Any) -> PodRow:
    """Return a pod."""
    usual: dict[str, Any] = {
        "namespace": "default",
        "uid": f"uid-{name}",
        "node": "node-1",
        "pool": None,
        "workload_kind": None,
        "workload_name": None,
        "counted": True,
        "unbounded_containers": 0,
        "best_effort": False,
        "unreviewed": None,
        "cpu": Use(requests=0, limits=0, unbounded=0),
    }
    memory = Use(requests=requests, limits=limits, unbounded=given.pop("unbounded", 0))
    return PodRow(name=name, memory=memory, **(usual | given))

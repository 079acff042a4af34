"""Audit lines as Headroom writes them, for tests of reports."""

from typing import Any

from msgspec import json

Fields = dict[str, Any]


def decision(number: int = 0, **fields: Any) -> Fields:
    """Make a line of schema 2 about a pod that a burst took past a threshold in mode audit; `number` is its own."""
    return {
        "ts": f"2026-01-02T03:04:{number % 60:02d}.250+00:00",
        "schema": 2,
        "event": "decision",
        "decision": "audit",
        "reason": "MemoryCommitmentExceeded",
        "message": "pod shop/web does not fit",
        "uid": f"review-{number}",
        "dry_run": False,
        "mode": "audit",
        "operation": "CREATE",
        "user": "system:serviceaccount:kube-system:replicaset-controller",
        "kind": "Pod",
        "namespace": "shop",
        "name": f"web-abc-{number}",
        "owner_kind": "ReplicaSet",
        "owner_name": "web-abc",
        "scope": "cluster",
        "short_sums": ["cluster/memory-limits"],
        "asked_requests_bytes": 1 << 29,
        "asked_limits_bytes": 1 << 30,
        "short_by_requests_bytes": 0,
        "short_by_limits_bytes": (1 + number) << 30,
        "replica": "headroom-1",
        "top_owner_kind": "Deployment",
        "top_owner_name": "web",
    } | fields


def of_schema_1(number: int = 0, **fields: Any) -> Fields:
    """Make a line of schema 1."""
    newer = {"short_sums", "short_by_requests_bytes", "short_by_limits_bytes", "top_owner_kind", "top_owner_name"}
    older = {name: value for name, value in decision(number).items() if name not in newer}
    return older | {"schema": 1, "short_by_bytes": (1 + number) << 30} | fields


def dropped(lines: int, replica: str = "headroom-1") -> Fields:
    """Make a line that says how many were lost since a replica's start."""
    ts = "2026-01-02T04:00:00.000+00:00"
    return {"ts": ts, "schema": 2, "event": "dropped", "lines": lines, "replica": replica}


def text(*lines: Fields) -> bytes:
    """Write lines as a log has them."""
    return b"".join(json.encode(line) + b"\n" for line in lines)

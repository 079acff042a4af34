"""How many workloads are blocked, and for how long."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest

from tests.e2e.exposition import Exposition
from webhook.core.reporting.rows import BlockedRow
from webhook.observability.blocked_metrics import BlockedCollector

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def blocked(name: str, since: str) -> BlockedRow:
    return BlockedRow(
        kind="Deployment",
        namespace="default",
        name=name,
        controller_kind="ReplicaSet",
        controller_name=f"{name}-1",
        scope="cluster",
        reason="MemoryCommitmentExceeded",
        message="",
        asks_requests=1,
        asks_limits=1,
        asks_cpu_requests=0,
        asks_cpu_limits=0,
        missing=1,
        short_by=1,
        short_by_cpu=0,
        count=1,
        since=since,
        last=since,
        waits_for_itself=False,
    )


def shown(rows: Sequence[BlockedRow]) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BlockedCollector(lambda: rows, lambda: NOW))
    found = Exposition(generate_latest(registry).decode())
    return {name: found.value(f"headroom_blocked_{name}") for name in ("workloads", "longest_seconds")}


def test_blocked_workloads_are_counted_and_the_longest_wait_is_shown() -> None:
    rows = [blocked("a", "2023-11-14T22:13:00Z"), blocked("b", "2023-11-14T21:13:20.000Z")]
    assert shown(rows) == {"workloads": 2, "longest_seconds": 3600}


def test_without_any_both_are_zero() -> None:
    assert shown([]) == {"workloads": 0, "longest_seconds": 0}


def test_a_clock_that_is_behind_the_one_that_refused_shows_no_negative_wait() -> None:
    assert shown([blocked("a", "2023-11-14T22:13:21Z")])["longest_seconds"] == 0

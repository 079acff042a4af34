"""Metrics of namespaces: who holds what is committed. `MOST` have series of their own, the others share one.

The rows come from the report, so that metrics, REST and page show the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.metrics_core import Metric

from webhook.core.reporting.rows import GroupRow
from webhook.core.reporting.unreviewed import REASONS
from webhook.observability.families import gauges, own_names

MOST: Final = 500


def namespace_families(rows: Sequence[GroupRow], most: int = MOST) -> Iterator[Metric]:
    """Yield what the live pods of each namespace commit, and how many pods nobody reviewed."""
    requests, limits, unreviewed = Counter[str](), Counter[str](), Counter[str](dict.fromkeys(REASONS, 0))
    for name, row in own_names(rows, most, _name, _requests):
        requests[name] += row.memory.requests
        limits[name] += row.memory.limits
        unreviewed.update(row.unreviewed)
    text = "Memory requests of the live pods of a namespace, whether their nodes count or not."
    yield gauges("headroom_namespace_memory_requests_bytes", text, "namespace", requests)
    text = "Declared memory limits of the live pods of a namespace, whether their nodes count or not."
    yield gauges("headroom_namespace_memory_limits_bytes", text, "namespace", limits)
    yield gauges("headroom_unreviewed_pods", "Live pods that nobody reviewed, by why.", "reason", unreviewed)


def _name(row: GroupRow) -> str:
    return row.name


def _requests(row: GroupRow) -> int:
    return row.memory.requests

"""Metrics of blocked workloads: owners whose pods were refused and that still lack them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from webhook.core.reporting.rows import BlockedRow
from webhook.observability.families import gauge


class BlockedCollector(Collector):
    """Exports how many workloads are blocked, and for how long the first of them has been; `blocked` has their rows."""

    def __init__(self, blocked: Callable[[], Sequence[BlockedRow]], wall_clock: Callable[[], float]) -> None:
        self._blocked, self._wall_clock = blocked, wall_clock

    def collect(self) -> Iterator[Metric]:
        """Yield both families."""
        rows = self._blocked()
        text = "Workloads whose pods were refused and that still lack them, as all replicas know them."
        yield gauge("headroom_blocked_workloads", text, len(rows))
        since = min((datetime.fromisoformat(row.since).timestamp() for row in rows), default=None)
        waited = 0.0 if since is None else max(0.0, self._wall_clock() - since)
        yield gauge("headroom_blocked_longest_seconds", "For how long the longest blocked of them has been.", waited)

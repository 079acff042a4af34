"""Metrics of nodes, of which a large cluster has more than Prometheus should keep: `MOST` have series of their own.

The others share one series for each pool, with `REST` as their name, so that the sum over labels stays what it is.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from webhook.observability.families import own_names
from webhook.observability.state_reading import NodeReading

MOST: Final = 1000
_POOLED = ("node", "pool")
_TEXTS = (
    ("allocatable", "Allocatable memory of a node, whether it counts or not."),
    ("requests", "Memory requests of the live pods that are bound to a node, as `kubectl describe node` sums them."),
    ("limits", "Declared memory limits of the live pods that are bound to a node."),
)


def node_families(nodes: Sequence[NodeReading], most: int = MOST) -> Iterator[Metric]:
    """Yield what is allocatable on nodes, what their pods commit, and which of them count."""
    named = own_names(nodes, most, _name, _fullness)
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for name, each in named:
        amounts = sums[name, each.node.pool or ""]
        amounts[0] += each.node.facts.room.memory
        amounts[1] += each.held.memory_requests
        amounts[2] += each.held.memory_limits
    for index, (what, text) in enumerate(_TEXTS):
        family = GaugeMetricFamily(f"headroom_node_memory_{what}_bytes", text, labels=_POOLED)
        for labels, amounts in sums.items():
            family.add_metric(labels, amounts[index])
        yield family
    counted: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for name, each in named:
        counted[name, each.node.pool or "", each.why_not] += not each.why_not
    text = "1 for a node that counts, 0 for one that does not, with the reason."
    family = GaugeMetricFamily("headroom_node_counted", text, labels=(*_POOLED, "reason"))
    for where, number in counted.items():
        family.add_metric(where, number)
    yield family


def _name(reading: NodeReading) -> str:
    return reading.node.facts.name


def _fullness(reading: NodeReading) -> float:
    return reading.held.memory_requests / (reading.node.facts.room.memory or 1)

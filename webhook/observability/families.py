"""Families of samples: what a collector yields, from plain numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

REST: Final = "_rest"  # the name of a series that stands for many; no object of Kubernetes can have it

Item = TypeVar("Item")


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels; its sample is called `name` with `_total`."""
    return CounterMetricFamily(name, text, value=value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a gauge for each value of one label."""
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a counter for each value of one label."""
    family = CounterMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def own_names(
    items: Sequence[Item], most: int, name: Callable[[Item], str], weight: Callable[[Item], float]
) -> list[tuple[str, Item]]:
    """Pair each item with the name that its series have: its own if it is one of the `most` heaviest, or else `REST`.

    If all may have their own, their order stays. Among equals the first by name is taken: series do not come and go.
    """
    if len(items) <= most:
        return [(name(each), each) for each in items]
    ordered = sorted(items, key=lambda each: (-weight(each), name(each)))
    return [(name(each) if index < most else REST, each) for index, each in enumerate(ordered)]

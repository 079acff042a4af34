"""Metrics of scopes: what is committed of what threshold, and what this replica holds of it."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from webhook.core.values.amounts import Amounts
from webhook.observability.families import gauges
from webhook.observability.state_reading import ScopeReading

Figure = tuple[str, str, float]
"""Name, text and value of one sample."""

_WAITING = {
    "pending": "Committed {} of live pods that are not bound to a node yet.",
    "unplaceable": "Committed {} of live pods that no node can hold.",
    "apart": "Of {}, what policy let in and no node can hold: not committed before it is bound.",
}


def scope_families(scopes: Sequence[ScopeReading]) -> Iterator[Metric]:
    """Yield every family that has the label `scope`."""
    text = "Nodes whose loss a reserve is for."
    yield gauges("headroom_reserve_nodes", text, "scope", {each.scope: each.reserve_nodes for each in scopes})
    text = "Nodes that are cordoned, or lost and not replaced; the reserve pays for the largest of them."
    yield gauges("headroom_reserve_used_nodes", text, "scope", {each.scope: each.reserve_used for each in scopes})
    yield from _families((each.scope, _figures(each)) for each in scopes)
    yield from _families((each.scope, _own(each)) for each in scopes)


def _families(figures: Iterable[tuple[str, Iterator[Figure]]]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for scope, found in figures:
        for name, text, value in found:
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=("scope",)))
            family.add_metric((scope,), value)
    yield from families.values()


def _figures(reading: ScopeReading) -> Iterator[Figure]:
    """Yield what all replicas show alike: allocatable, and for each sum that a threshold bounds its parts."""
    room, reserves, bounds, _ = reading.balance.scope_limits
    committed = reading.balance.committed
    yield "headroom_scope_memory_allocatable_bytes", "Allocatable memory on counted nodes.", room.memory
    yield "headroom_scope_cpu_allocatable_cores", "Allocatable CPU on counted nodes.", room.cpu / 1000
    text = "Pods that count and have no limit: what they may take is not in any sum of limits."
    yield "headroom_scope_memory_unbounded_pods", text, committed.memory_unbounded
    yield "headroom_scope_cpu_unbounded_pods", text, committed.cpu_unbounded
    text = "Declared {} limits of live pods: a container without one counts nothing here, whatever missingLimits says."
    yield "headroom_scope_memory_limits_declared_bytes", text.format("memory"), committed.memory_limits
    yield "headroom_scope_cpu_limits_declared_cores", text.format("CPU"), committed.cpu_limits / 1000
    without = reading.bound_without_largest
    stuck = reading.balance.stuck
    sums = zip(Amounts._fields, committed, reserves, bounds, without, reading.pending, *stuck, strict=True)
    for field, held, kept, bound, fewer, *waiting in sums:
        if bound is None or fewer is None:
            continue
        resource, kind, unit, parts = _sum_of(field)
        called, name = f"{resource} {kind}", f"headroom_scope_{resource}_{kind}"
        yield f"{name}_{unit}", f"Committed {called} of live pods.", held / parts
        text = f"What may be committed of {called}: the threshold's share of allocatable less the reserve."
        yield f"{name}_bound_{unit}", text, bound / parts
        text = f"What could be committed of {called} if the largest node were lost now."
        yield f"{name}_bound_without_largest_{unit}", text, fewer / parts
        text = f"The part of allocatable {resource} kept for the loss of nodes, where {called} are judged."
        yield f"{name}_reserve_{unit}", text, kept / parts
        for (state, text), amount in zip(_WAITING.items(), waiting, strict=True):
            yield f"{name}_{state}_{unit}", text.format(called), amount / parts


def _own(reading: ScopeReading) -> Iterator[Figure]:
    """Yield what this replica reserved and what it holds, of memory requests always and of other sums where bounded."""
    sums = zip(Amounts._fields, reading.balance.scope_limits.bound, reading.reserved, reading.allotted, strict=True)
    for index, (field, bound, reserved, allotted) in enumerate(sums):
        if bound is None and index:
            continue
        resource, kind, unit, parts = _sum_of(field)
        called = f"{'CPU' if resource == 'cpu' else resource.capitalize()} {kind}"
        name = f"{resource}_{kind}_{unit}" if index else f"{resource}_{unit}"
        text = f"{called} of pods that were let in and are not seen yet, of this replica."
        yield f"headroom_reserved_{name}", text, reserved / parts
        yield f"headroom_allotted_{name}", f"{called} that this replica holds to grant from.", allotted / parts


def _sum_of(field: str) -> tuple[str, str, str, int]:
    """Return of a field of `Amounts` its resource, its kind, its unit, and how many of ours that unit is."""
    resource, kind = field.split("_")[:2]
    return (resource, kind, "bytes", 1) if resource == "memory" else (resource, kind, "cores", 1000)

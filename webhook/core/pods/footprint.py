"""Footprint: what one pod commits by the rules in force, computed once for all pods of one shape.

Where several rule sets are in force, because replicas of the API server differ, the largest of their figures counts.

Defaults (such as a request that is filled in from the limit) are not applied here: pods in reviews and in the watch
already have them from the API server.
"""

from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

from msgspec import UNSET

from webhook.core.api.types import ClaimStatus, ContainerStatus, ObjectError, Pod, PodResources, PodStatus, ResourceList
from webhook.core.pods.breakdown import breakdown
from webhook.core.pods.rules import NEWEST, Rules, RuleSet
from webhook.core.pods.shape import Shape, shape_of
from webhook.core.pods.terms import Breakdown
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import NANO, QuantityError, RawQuantity, millis, nanos, whole

# Few different shapes occur, and footprints that are equal had better be one object. Bounded in number and in size,
# because clients choose the shapes; a full memory starts afresh.
_known: dict[RuleSet, dict[Shape, "Measured"]] = {}
_MOST_SHAPES = 4096
_MOST_CONTAINERS = 8
_MOST_TEXT = 256


class Measured(NamedTuple):
    """What a pod commits, and how many of its app containers and sidecars have no memory limit (nor has the pod)."""

    footprint: Amounts
    unbounded: int

    def or_more(self, other: "Measured") -> "Measured":
        """Return the larger of both, figure by figure."""
        return Measured(self.footprint.or_more(other.footprint), max(self.unbounded, other.unbounded))


def footprint(pod: Pod, rules: Rules = NEWEST) -> Amounts:
    """Return what a pod commits, in bytes and millicores; raises `ObjectError` that names what is not a quantity."""
    return measured(pod, rules).footprint


def measured(pod: Pod, rules: Rules = NEWEST) -> Measured:
    """Return the same, and how many containers have no memory limit; raises `ObjectError` as `footprint` does."""
    if len(rules) > 1:
        return reduce(Measured.or_more, [measured(pod, (each,)) for each in rules])
    rule_set = rules[0]
    shape, memory = shape_of(pod, rule_set), _known.get(rule_set)
    if memory is None:
        memory = _known[rule_set] = {}
    known = memory.get(shape)
    if known is None:
        exact = _explained(pod, shape, rule_set)
        known = Measured(_rounded(exact), exact.memory.unbounded)
        _remember(pod, shape, known, memory)
    return known


def explain(pod: Pod, rule_set: RuleSet = NEWEST[-1]) -> Breakdown:
    """Return what a pod commits taken apart, in nanos; raises `ObjectError` as `footprint` does."""
    return _explained(pod, shape_of(pod, rule_set), rule_set)


def _explained(pod: Pod, shape: Shape, rule_set: RuleSet) -> Breakdown:
    try:
        return breakdown(shape, rule_set)
    except QuantityError:
        check_quantities(pod)
        raise


def asks_for_memory(pod: Pod, rules: Rules = NEWEST) -> bool:
    """Say whether anything in a pod requests memory, overhead aside; what does not may take any amount unseen."""
    if pod.spec.overhead.memory is UNSET:
        return footprint(pod, rules).memory_requests > 0
    return any(explain(pod, each).memory.requests.before_overhead > 0 for each in rules)


def lacks_memory_limit(pod: Pod, known: Amounts | None = None, rules: Rules = NEWEST) -> bool:
    """Say whether a container of a pod, be it one that runs before the others, may take any amount of memory.

    The footprint says this only of app containers and sidecars. A pod-level limit bounds all containers. `known` is the
    pod's footprint, if the caller has it already.
    """
    if (footprint(pod, rules) if known is None else known).memory_unbounded:
        return True
    own = pod.spec.resources
    if not pod.spec.init_containers or (own is not None and nanos(own.limits.get("memory")) > 0):
        return False
    return not all(_limits_memory(each.resources.limits) for each in pod.spec.init_containers)


def _limits_memory(limits: ResourceList | None) -> bool:
    return limits is not None and limits.memory is not UNSET and nanos(limits.memory) > 0


def fractional_memory(pod: Pod) -> Iterator[tuple[str, RawQuantity]]:
    """Yield the path and the value of each memory quantity with a fraction of a byte (`128m` is 0.128 bytes)."""
    for path, raw in _quantities(pod):
        if path.endswith(".memory") and nanos(raw) % NANO:
            yield path, raw


def _rounded(exact: Breakdown) -> Amounts:
    memory, cpu = exact
    return Amounts(
        memory_requests=whole(memory.requests.total),
        memory_limits=whole(memory.limits.total),
        memory_limits_filled=whole(memory.filled.total),
        memory_unbounded=int(memory.is_unbounded),
        cpu_requests=millis(cpu.requests.total),
        cpu_limits=millis(cpu.limits.total),
        cpu_limits_filled=millis(cpu.filled.total),
        cpu_unbounded=int(cpu.is_unbounded),
    )


def _remember(pod: Pod, shape: Shape, amounts: Measured, memory: dict[Shape, Measured]) -> None:
    text = sum(len(str(raw)) for _, raw in _quantities(pod))
    if len(pod.spec.containers) + len(pod.spec.init_containers) > _MOST_CONTAINERS or text > _MOST_TEXT:
        return
    if len(memory) >= _MOST_SHAPES:
        memory.clear()
    memory[shape] = amounts


def check_quantities(pod: Pod) -> None:
    """Raise `ObjectError` for the first value that is not a quantity, whether or not some version counts it."""
    for path, raw in _quantities(pod):
        try:
            nanos(raw)
        except QuantityError as error:
            raise ObjectError(f"{path}: {error}") from error


def _quantities(pod: Pod) -> Iterator[tuple[str, RawQuantity]]:
    """Yield every quantity that may count, with its path."""
    for path, amounts in _resource_lists(pod):
        if amounts.cpu is not UNSET:
            yield f"{path}.cpu", amounts.cpu
        if amounts.memory is not UNSET:
            yield f"{path}.memory", amounts.memory
    if pod.spec.resources is not None:
        yield from _own(pod.spec.resources)
    for index, claim in enumerate(pod.status.node_allocatable_resource_claim_statuses):
        yield from _claimed(f"status.nodeAllocatableResourceClaimStatuses[{index}]", claim)


def _own(resources: PodResources) -> Iterator[tuple[str, RawQuantity]]:
    for side, amounts in (("requests", resources.requests), ("limits", resources.limits)):
        for name in ("cpu", "memory"):
            if name in amounts:
                yield f"spec.resources.{side}.{name}", amounts[name]


def _claimed(path: str, claim: ClaimStatus) -> Iterator[tuple[str, RawQuantity]]:
    for name in ("cpu", "memory"):
        said = [("quantity", each.quantity) for each in claim.mapping if each.name == name]
        for each in claim.overhead:
            said += [("perPod", each.per_pod), ("perContainer", each.per_container)] if each.name == name else []
        yield from ((f"{path}.{field}.{name}", amount) for field, amount in said if amount is not UNSET)


def _resource_lists(pod: Pod) -> Iterator[tuple[str, ResourceList]]:
    spec, status = pod.spec, pod.status
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            resources = container.resources
            yield from _both(f"spec.{field}[{index}].resources", resources.requests, resources.limits)
    yield "spec.overhead", spec.overhead
    for field, statuses in (
        ("containerStatuses", status.container_statuses),
        ("initContainerStatuses", status.init_container_statuses),
    ):
        for index, each in enumerate(statuses):
            yield from _held(f"status.{field}[{index}]", each)
    yield from _held("status", status)
    for index, claim in enumerate(status.node_allocatable_resource_claim_statuses):
        yield f"status.nodeAllocatableResourceClaimStatuses[{index}].resources", claim.resources


def _held(path: str, reported: ContainerStatus | PodStatus) -> Iterator[tuple[str, ResourceList]]:
    if reported.resources is not None:
        yield from _both(f"{path}.resources", reported.resources.requests, reported.resources.limits)
    if reported.allocated_resources is not None:
        yield f"{path}.allocatedResources", reported.allocated_resources


def _both(path: str, requests: ResourceList | None, limits: ResourceList | None) -> Iterator[tuple[str, ResourceList]]:
    if requests is not None:
        yield f"{path}.requests", requests
    if limits is not None:
        yield f"{path}.limits", limits

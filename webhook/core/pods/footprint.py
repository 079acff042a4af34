"""Footprint: what one pod commits, computed once for all pods of one shape.

Defaults (such as a request that is filled in from the limit) are not applied here: pods in reviews and in the watch
already have them from the API server.
"""

from collections.abc import Iterator

from msgspec import UNSET

from webhook.core.api.types import ContainerStatus, ObjectError, Pod, PodStatus, ResourceList, Resources
from webhook.core.pods.breakdown import Breakdown, Shape, breakdown, shape_of
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import NANO, QuantityError, RawQuantity, millis, nanos, whole

# Few different shapes occur, and pods of one shape share one footprint object. The cache is bounded in number and in
# size, because clients choose the shapes; when it is full it is cleared.
_known: dict[Shape, Amounts] = {}
_MOST_SHAPES = 4096
_MOST_CONTAINERS = 8
_MOST_TEXT = 256


def footprint(pod: Pod) -> Amounts:
    """Return what a pod commits, in bytes and millicores; raises `ObjectError`, which names an invalid quantity."""
    shape = shape_of(pod)
    known = _known.get(shape)
    if known is None:
        known = _rounded(explain(pod))
        _remember(pod, shape, known)
    return known


def explain(pod: Pod) -> Breakdown:
    """Return what a pod commits, taken apart, in nanos; raises `ObjectError` as `footprint` does."""
    try:
        return breakdown(shape_of(pod))
    except QuantityError as error:
        raise ObjectError(_fault(pod)) from error


def asks_for_memory(pod: Pod) -> bool:
    """Say whether a pod requests any memory, not counting overhead; if not, it may use any amount uncounted."""
    if pod.spec.overhead.memory is UNSET:
        return footprint(pod).memory_requests > 0
    return explain(pod).memory.requests.before_overhead > 0


def lacks_memory_limit(pod: Pod, known: Amounts | None = None) -> bool:
    """Say whether a container of a pod, init containers included, may use any amount of memory; raises `ObjectError`.

    The footprint says this only of app containers and sidecars. A pod-level limit bounds all containers. `known` is the
    pod's footprint, if the caller has it already.
    """
    if (footprint(pod) if known is None else known).memory_unbounded:
        return True
    if not pod.spec.init_containers or _limits_memory(pod.spec.resources):
        return False
    return not all(_limits_memory(each.resources) for each in pod.spec.init_containers)


def _limits_memory(resources: Resources) -> bool:
    limits = resources.limits
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
        memory_unbounded=int(memory.unbounded),
        cpu_requests=millis(cpu.requests.total),
        cpu_limits=millis(cpu.limits.total),
        cpu_limits_filled=millis(cpu.filled.total),
        cpu_unbounded=int(cpu.unbounded),
    )


def _remember(pod: Pod, shape: Shape, amounts: Amounts) -> None:
    text = sum(len(str(raw)) for _, raw in _quantities(pod))
    if len(pod.spec.containers) + len(pod.spec.init_containers) > _MOST_CONTAINERS or text > _MOST_TEXT:
        return
    if len(_known) >= _MOST_SHAPES:
        _known.clear()
    _known[shape] = amounts


def _fault(pod: Pod) -> str:
    """Return the path and the error of the first value that is not a valid quantity."""
    for path, raw in _quantities(pod):
        try:
            nanos(raw)
        except QuantityError as error:
            return f"{path}: {error}"
    raise AssertionError("every quantity of this pod can be read")


def _quantities(pod: Pod) -> Iterator[tuple[str, RawQuantity]]:
    for path, amounts in _resource_lists(pod):
        if amounts.cpu is not UNSET:
            yield f"{path}.cpu", amounts.cpu
        if amounts.memory is not UNSET:
            yield f"{path}.memory", amounts.memory


def _resource_lists(pod: Pod) -> Iterator[tuple[str, ResourceList]]:
    spec, status = pod.spec, pod.status
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            yield from _both(f"spec.{field}[{index}].resources", container.resources)
    yield from _both("spec.resources", spec.resources)
    yield "spec.overhead", spec.overhead
    for field, statuses in (
        ("containerStatuses", status.container_statuses),
        ("initContainerStatuses", status.init_container_statuses),
    ):
        for index, each in enumerate(statuses):
            yield from _held(f"status.{field}[{index}]", each)
    yield from _held("status", status)


def _held(path: str, reported: ContainerStatus | PodStatus) -> Iterator[tuple[str, ResourceList]]:
    if reported.resources is not None:
        yield from _both(f"{path}.resources", reported.resources)
    yield f"{path}.allocatedResources", reported.allocated_resources


def _both(path: str, resources: Resources) -> Iterator[tuple[str, ResourceList]]:
    yield f"{path}.requests", resources.requests
    if resources.limits is not None:
        yield f"{path}.limits", resources.limits

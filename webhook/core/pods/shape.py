"""Shapes: the part of a pod that decides its footprint, without names, so that pods of many workloads share one."""

from typing import NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from webhook.core.api.types import (
    ClaimStatus,
    Condition,
    Container,
    InForce,
    Pod,
    PodResources,
    PodStatus,
    ResourceList,
    Resources,
)
from webhook.core.pods.rules import RuleSet
from webhook.core.values.quantity import RawQuantity, nanos

Reported: TypeAlias = tuple[InForce | None, ResourceList | None]
"""What a status reports: in force, and allocated."""

Asking: TypeAlias = tuple[Resources, Reported | None]
"""A container's resources, with what its status reports."""


class PodLevel(NamedTuple):
    """What a pod asks for as a whole; `requests_set` and `is_set` say whether it does, be it for huge pages alone."""

    requests: ResourceList
    limits: ResourceList
    requests_set: bool
    is_set: bool


class Claims(NamedTuple):
    """What DRA allocated, with the names of the containers, by which it says what uses it."""

    statuses: tuple[ClaimStatus, ...]
    containers: tuple[str, ...]
    init_containers: tuple[str, ...]


Shape: TypeAlias = tuple[
    tuple[Asking, ...],
    tuple[tuple[bool, Asking], ...],  # init containers; whether each is a sidecar
    PodLevel | None,
    Reported,  # by the pod's own status
    ResourceList,  # overhead
    bool,  # whether a pending resize is infeasible
    Claims | None,
]


def shape_of(pod: Pod, rule_set: RuleSet) -> Shape:
    """Return the part of a pod that decides its footprint."""
    spec, status = pod.spec, pod.status
    reported = (
        _reported(status, rule_set) if status.container_statuses or status.init_container_statuses else _NOT_REPORTED
    )
    claimed = status.node_allocatable_resource_claim_statuses
    return (
        tuple([(each.resources, reported.get(each.name)) for each in spec.containers]),
        tuple([_init(each, reported) for each in spec.init_containers]) if spec.init_containers else (),
        None if spec.resources is None else _pod_level(spec.resources),
        (status.resources, status.allocated_resources),
        spec.overhead,
        infeasible(status.conditions) if status.conditions else False,
        _claims(pod, claimed) if claimed else None,
    )


_NOT_REPORTED: dict[str, Reported] = {}


def _reported(status: PodStatus, rule_set: RuleSet) -> dict[str, Reported]:
    """Find what is reported of each container; if there are two reports of one, 1.36 takes the last, 1.37 the first."""
    statuses = [*status.container_statuses, *status.init_container_statuses]
    if rule_set.largest_of == "sum":
        statuses.reverse()
    return {each.name: (each.resources, each.allocated_resources) for each in statuses}


def _init(container: Container, reported: dict[str, Reported]) -> tuple[bool, Asking]:
    return container.restart_policy == "Always", (container.resources, reported.get(container.name))


def infeasible(conditions: tuple[Condition, ...]) -> bool:
    """Say whether the kubelet has refused a resize for good; the first condition about it decides."""
    for condition in conditions:
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def of_a_pod(resource: str) -> bool:
    """Say whether a pod can ask for a resource as a whole (`IsSupportedPodLevelResource`)."""
    return resource in ("cpu", "memory") or resource.startswith("hugepages-")


def _pod_level(resources: PodResources) -> PodLevel:
    requests_set = any(map(of_a_pod, resources.requests))
    limits_set = any(map(of_a_pod, resources.limits))
    return PodLevel(_list(resources.requests), _list(resources.limits), requests_set, requests_set or limits_set)


def _list(amounts: dict[str, RawQuantity]) -> ResourceList:
    return ResourceList(amounts.get("cpu", UNSET), amounts.get("memory", UNSET))


def _claims(pod: Pod, statuses: tuple[ClaimStatus, ...]) -> Claims:
    spec = pod.spec
    return Claims(statuses, tuple(c.name for c in spec.containers), tuple(c.name for c in spec.init_containers))


def raw(amounts: ResourceList | None, resource: str) -> RawQuantity | UnsetType:
    """Return what a list says of memory or cpu."""
    if amounts is None:
        return UNSET
    return amounts.memory if resource == "memory" else amounts.cpu


def amount(amounts: ResourceList | None, resource: str) -> int:
    """Return the same in nanos, nothing where it says nothing; raises `QuantityError`."""
    found = raw(amounts, resource)
    return 0 if found is UNSET else nanos(found)

"""Breakdown: how the footprint of one pod comes about, by Kubernetes' own rule.

    containers ---+
    sidecars -----+- sum --+
                           +- the larger, unless the pod itself says (spec.resources) -- + overhead
    init containers - peak +

The rule is that of `PodRequests` and `PodLimits` in k8s.io/component-helpers/resource with the scheduler's options
(UseStatusResources, InPlacePodLevelResourcesVerticalScalingEnabled), for memory and cpu, requests and limits apart. An
init container runs beside the sidecars (restartable init containers) that stand before it; the peak is the largest such
moment. A resize in place counts as the most of what is asked, allocated and in force, without what is asked once the
kubelet has called it infeasible.
"""

from typing import Literal, NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from webhook.core.api.types import Condition, Container, Pod, PodStatus, ResourceList, Resources
from webhook.core.values.quantity import RawQuantity, nanos

Resource = Literal["memory", "cpu"]

# What decides a footprint, names left out, so that the pods of many workloads share a shape: each container's resources
# with what its status reports (in force, allocated); whether an init container is a sidecar; the same for the pod;
# overhead; whether a pending resize is infeasible.
_Reported: TypeAlias = tuple[Resources | None, ResourceList]
_Claim: TypeAlias = tuple[Resources, _Reported | None]
Shape: TypeAlias = tuple[tuple[_Claim, ...], tuple[tuple[bool, _Claim], ...], _Claim, ResourceList, bool]


class Terms(NamedTuple):
    """One sum of one pod, taken apart; in nanos."""

    containers: int
    sidecars: int
    init_peak: int
    pod_level: int | None
    overhead: int

    @property
    def before_overhead(self) -> int:
        """What counts without the overhead."""
        return max(self.containers + self.sidecars, self.init_peak) if self.pod_level is None else self.pod_level

    @property
    def total(self) -> int:
        """What counts."""
        return self.before_overhead + self.overhead

    @property
    def decisive(self) -> Literal["containers", "init", "pod"]:
        """Which of the terms counts, besides the overhead."""
        if self.pod_level is not None:
            return "pod"
        return "init" if self.init_peak > self.containers + self.sidecars else "containers"


class Commitment(NamedTuple):
    """What a pod commits of one resource.

    `limits` are those that are declared. In `filled` a container without a limit counts its request, and the pod at the
    least its requests. `unbounded`: some app container or sidecar has no limit, and the pod has none either.
    """

    requests: Terms
    limits: Terms
    filled: Terms
    unbounded: bool


class Breakdown(NamedTuple):
    """What a pod commits, and why."""

    memory: Commitment
    cpu: Commitment


class _Need(NamedTuple):
    request: int
    limit: int
    filled: int


def shape_of(pod: Pod) -> Shape:
    """Return the part of a pod that decides its footprint."""
    spec, status = pod.spec, pod.status
    reported = _reported(status) if status.container_statuses or status.init_container_statuses else {}
    return (
        tuple([(each.resources, reported.get(each.name)) for each in spec.containers]),
        tuple([_init_claim(each, reported) for each in spec.init_containers]) if spec.init_containers else (),
        (spec.resources, (status.resources, status.allocated_resources)),
        spec.overhead,
        infeasible(status.conditions) if status.conditions else False,
    )


def _reported(status: PodStatus) -> dict[str, _Reported]:
    return {
        each.name: (each.resources, each.allocated_resources)
        for each in (*status.container_statuses, *status.init_container_statuses)
    }


def breakdown(shape: Shape) -> Breakdown:
    """Return what a pod of this shape commits and why; raises `QuantityError`."""
    return Breakdown(_commitment(shape, "memory"), _commitment(shape, "cpu"))


def _init_claim(container: Container, reported: dict[str, _Reported]) -> tuple[bool, _Claim]:
    """Only sidecars can be resized, so only their status counts."""
    sidecar = container.restart_policy == "Always"
    return sidecar, (container.resources, reported.get(container.name) if sidecar else None)


def infeasible(conditions: tuple[Condition, ...]) -> bool:
    """Say whether the kubelet has refused a resize for good; the first condition about it decides."""
    for condition in conditions:
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def _commitment(shape: Shape, resource: Resource) -> Commitment:
    containers, init_containers, pod, overhead, infeasible = shape
    app = [_need(claim, resource, infeasible) for claim in containers]
    init = [(sidecar, _need(claim, resource, infeasible)) for sidecar, claim in init_containers]
    level = _need(pod, resource, infeasible)
    pod_request = level.request if _raw(pod[0].requests, resource) is not UNSET else None
    pod_limit = _pod_limit(pod, level, resource, infeasible)
    extra = _amount(overhead, resource)

    requests = _terms(app, init, 0, pod_request)._replace(overhead=extra)
    limits = _on_top(extra, _terms(app, init, 1, pod_limit))
    filled = _on_top(extra, _terms(app, init, 2, pod_limit or None))
    lasting = [*app, *(need for sidecar, need in init if sidecar)]
    if pod_limit or all(need.limit for need in lasting):
        return Commitment(requests, limits, filled, unbounded=False)
    return Commitment(requests, limits, max(filled, requests, key=lambda terms: terms.total), unbounded=True)


def _pod_limit(pod: _Claim, level: _Need, resource: Resource, infeasible: bool) -> int | None:
    """Return the limit that replaces the containers' limits.

    Where the kubelet has refused a resize and reports no limits at all, Kubernetes' code takes what is asked after all
    (it cannot tell "none in force" from "nothing to look at"); for a container it would take none.
    """
    spec, reported = pod
    if _raw(spec.limits, resource) is UNSET:
        return None
    in_force = reported[0] if reported else None
    if infeasible and in_force is not None and in_force.limits is None:
        return _amount(spec.limits, resource)
    return level.limit


def _terms(app: list[_Need], init: list[tuple[bool, _Need]], column: int, pod_level: int | None) -> Terms:
    sidecars = peak = 0
    for sidecar, need in init:
        peak = max(peak, sidecars + need[column])
        if sidecar:
            sidecars += need[column]
    return Terms(sum(need[column] for need in app), sidecars, peak, pod_level, overhead=0)


def _on_top(overhead: int, limits: Terms) -> Terms:
    """Add overhead to limits, but not where there are none."""
    return limits._replace(overhead=overhead) if limits.before_overhead else limits


def _need(claim: _Claim, resource: Resource, infeasible: bool) -> _Need:
    """What one container asks for, or the pod by its own word.

    A limit of zero is no limit to the kubelet (`ResourceConfigForPod` in its package cm), so it is none here.
    """
    spec, reported = claim
    request, limit = _amount(spec.requests, resource), _amount(spec.limits, resource)
    in_force, allocated = reported or (None, spec.requests)
    if in_force is not None:
        held = max(_amount(in_force.requests, resource), _amount(allocated, resource))
        held_limit = _amount(in_force.limits, resource)
        request = held if infeasible else max(request, held)
        limit = held_limit if infeasible else max(limit, held_limit)
    return _Need(request, limit, limit or request)


def _raw(amounts: ResourceList | None, resource: Resource) -> RawQuantity | UnsetType:
    if amounts is None:
        return UNSET
    return amounts.memory if resource == "memory" else amounts.cpu


def _amount(amounts: ResourceList | None, resource: Resource) -> int:
    raw = _raw(amounts, resource)
    return 0 if raw is UNSET else nanos(raw)

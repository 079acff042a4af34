"""Breakdown: how the footprint of one pod is made up, by Kubernetes' own rule.

    containers ---+
    sidecars -----+- sum --+
                           +- the larger, unless spec.resources sets it -- + overhead
    init containers - peak +

The rule is that of `PodRequests` and `PodLimits` in k8s.io/component-helpers/resource with the scheduler's options
(UseStatusResources, InPlacePodLevelResourcesVerticalScalingEnabled). It is applied to memory and cpu, and to requests
and limits, separately. An init container runs beside the sidecars (restartable init containers) that are listed before
it; the peak is the largest sum of that kind. During an in-place resize, the largest of what is asked for, allocated and
in force counts; what is asked for no longer counts once the kubelet has called the resize infeasible.
"""

from typing import Literal, NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from webhook.core.api.types import Condition, Container, Pod, PodStatus, ResourceList, Resources
from webhook.core.values.quantity import RawQuantity, nanos

Resource = Literal["memory", "cpu"]

# What decides a footprint. Names are left out, so the pods of many workloads share a shape. Its fields: the resources
# of each container with what its status reports (in force, allocated); the same for each init container, with whether
# it is a sidecar; the same for the pod; overhead; whether a pending resize is infeasible.
_Reported: TypeAlias = tuple[Resources | None, ResourceList]
_Claim: TypeAlias = tuple[Resources, _Reported | None]
Shape: TypeAlias = tuple[tuple[_Claim, ...], tuple[tuple[bool, _Claim], ...], _Claim, ResourceList, bool]


class Terms(NamedTuple):
    """The terms of one sum of one pod, in nanos; `pod_level` is None if the pod as a whole does not set it."""

    containers: int
    sidecars: int
    init_peak: int
    pod_level: int | None
    overhead: int

    @property
    def before_overhead(self) -> int:
        """The sum without the overhead."""
        return max(self.containers + self.sidecars, self.init_peak) if self.pod_level is None else self.pod_level

    @property
    def total(self) -> int:
        """The sum."""
        return self.before_overhead + self.overhead

    @property
    def decisive(self) -> Literal["containers", "init", "pod"]:
        """The term that decides the sum, besides the overhead."""
        if self.pod_level is not None:
            return "pod"
        return "init" if self.init_peak > self.containers + self.sidecars else "containers"


class Commitment(NamedTuple):
    """What a pod commits of one resource.

    `limits` are the declared limits. In `filled`, a container without a limit counts its request, and the pod counts at
    least its requests. `unbounded`: some app container or sidecar has no limit, and the pod as a whole has none either.
    """

    requests: Terms
    limits: Terms
    filled: Terms
    unbounded: bool


class Breakdown(NamedTuple):
    """What a pod commits of each resource, taken apart into its terms."""

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
    """Return what a pod of this shape commits, taken apart; raises `QuantityError`."""
    return Breakdown(_commitment(shape, "memory"), _commitment(shape, "cpu"))


def _init_claim(container: Container, reported: dict[str, _Reported]) -> tuple[bool, _Claim]:
    """Return the part of the shape for an init container; only sidecars can be resized, so only their status counts."""
    sidecar = container.restart_policy == "Always"
    return sidecar, (container.resources, reported.get(container.name) if sidecar else None)


def infeasible(conditions: tuple[Condition, ...]) -> bool:
    """Say whether the kubelet has refused a resize for good; the first PodResizePending condition decides."""
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
    """Return the pod-level limit, which replaces the containers' limits; None if the pod has none.

    If the kubelet has refused a resize and the pod's status reports no limits at all, Kubernetes' code takes the limit
    that is asked for after all: it cannot distinguish "none in force" from "not reported". For a container it would
    take none.
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
    """Add overhead to limits, unless they are zero: without a limit, overhead alone does not make one."""
    return limits._replace(overhead=overhead) if limits.before_overhead else limits


def _need(claim: _Claim, resource: Resource, infeasible: bool) -> _Need:
    """Return what one container needs, or what the pod needs by its pod-level resources.

    To the kubelet, a limit of zero means no limit (`ResourceConfigForPod` in its package cm), and so it does here.
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

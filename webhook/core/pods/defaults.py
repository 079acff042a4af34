"""Defaults: what the API server writes into a pod's resources before webhooks and watches get the pod.

A manifest does not have them yet; a review and the watch do. The rules are those of `SetDefaults_Pod` and
`SetDefaults_ResourceList` in k8s.io/kubernetes/pkg/apis/core/v1/defaults.go and, since 1.37, of
`DefaultPodLevelResources` in pkg/api/pod/util.go, in their order:

1. a container with a limit and no request requests its limit;
2. quantities are rounded up to thousandths, those of a status too;
3. a pod with limits of its own (since 1.37: or requests) requests what its containers request together, or its own
   limit where none requests any; in 1.36 this comes before the rounding;
4. since 1.37: a pod with requests of its own and no limit is limited to what its containers are limited to together,
   and to its requests at the least, if every one of them has a limit.

What a LimitRange or a RuntimeClass adds is not a default: it depends on objects in the cluster.
"""

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from webhook.core.api.types import (
    HUGE_PAGES,
    Container,
    ContainerStatus,
    InForce,
    ObjectError,
    Pod,
    PodResources,
    PodSpec,
    PodStatus,
    ResourceList,
    Resources,
)
from webhook.core.pods.breakdown import breakdown
from webhook.core.pods.rules import NEWEST, RuleSet
from webhook.core.pods.sent import read_sent_pod
from webhook.core.pods.shape import shape_of
from webhook.core.pods.terms import Breakdown
from webhook.core.values.quantity import QuantityError, RawQuantity, millis, nanos

_THOUSANDTH = 10**6  # nanos
_RESOURCES = ("cpu", "memory")


def with_defaults(pod: Pod, rule_set: RuleSet = NEWEST[-1]) -> Pod:
    """Return the pod as the API server would make it; raises `QuantityError`."""
    spec = replace(
        pod.spec,
        containers=tuple(map(_asked, pod.spec.containers)),
        init_containers=tuple(map(_asked, pod.spec.init_containers)),
    )
    if rule_set.fills_in_pod_limits:
        spec = _rounded(spec)
        spec = replace(spec, resources=_requested(spec, rule_set))
        spec = replace(spec, resources=_limited(spec, rule_set))
    else:
        spec = _rounded(replace(spec, resources=_requested(spec, rule_set)))
    return replace(pod, spec=spec, status=_rounded_status(pod.status))


def pod_of(template: Raw) -> Pod:
    """Return a pod made from a template, with the API server's defaults; raises `ObjectError`.

    The API server fills in the requests of a pod from its limits, but not those of a template.
    """
    try:
        return with_defaults(read_sent_pod(bytes(template)))
    except QuantityError as error:
        raise ObjectError(f"spec.template: {error}") from error


def _asked(container: Container) -> Container:
    asked, limits = container.resources.requests, container.resources.limits
    if limits is None:
        return container
    requests = ResourceList(_first(asked.cpu, limits.cpu), _first(asked.memory, limits.memory))
    return replace(container, resources=replace(container.resources, requests=requests))


def _requested(spec: PodSpec, rule_set: RuleSet) -> PodResources | None:
    own = spec.resources
    if own is None or not (own.limits or own.requests):
        return own
    if not (own.limits or rule_set.fills_in_pod_limits or _limits_huge_pages(spec, own)):
        return own
    together = _containers_request(spec, rule_set)
    requests = {**own.limits, **_set(together), **own.requests}
    return replace(own, requests=requests)


def _limits_huge_pages(spec: PodSpec, own: PodResources) -> bool:
    """Say whether the pod is limited in huge pages because a container is: then it has limits of its own."""
    lists = [each.resources.limits for each in (*spec.containers, *spec.init_containers)]
    given = [name for name in HUGE_PAGES if name not in own.requests]
    fields = dict(zip(HUGE_PAGES, ("huge_pages", "huger_pages"), strict=True))
    return any(limits is not None and getattr(limits, fields[name]) is not UNSET for limits in lists for name in given)


def _limited(spec: PodSpec, rule_set: RuleSet) -> PodResources | None:
    """Limit the pod where it is not, but every container is."""
    own = spec.resources
    if own is None:
        return None
    limits = dict(own.limits)
    for name in _RESOURCES:
        if name in own.requests and name not in limits:
            most = _containers_limit(spec, name, rule_set)
            if most is not None:
                limits[name] = f"{max(most, nanos(own.requests[name]))}n"
    return replace(own, limits=limits)


def _containers_limit(spec: PodSpec, name: str, rule_set: RuleSet) -> int | None:
    """What all containers are limited to together, in nanos; None if one is not, or there is none."""
    lists = [each.resources.limits or ResourceList() for each in (*spec.containers, *spec.init_containers)]
    each = [getattr(limits, name) for limits in lists]
    if not each or any(limit is UNSET for limit in each) or not (rule_set.counts_some_limits or all(map(nanos, each))):
        return None
    total: int = getattr(_sums(spec, rule_set), name).limits.total
    return total


def _containers_request(spec: PodSpec, rule_set: RuleSet) -> ResourceList:
    """What the containers request together; unset where none says anything."""
    each = [container.resources.requests for container in (*spec.containers, *spec.init_containers)]
    sums = _sums(spec, rule_set)
    return ResourceList(
        UNSET if all(requests.cpu is UNSET for requests in each) else f"{sums.cpu.requests.total}n",
        UNSET if all(requests.memory is UNSET for requests in each) else f"{sums.memory.requests.total}n",
    )


def _sums(spec: PodSpec, rule_set: RuleSet) -> Breakdown:
    alone = replace(spec, resources=None, overhead=ResourceList())
    return breakdown(shape_of(Pod(spec=alone, status=PodStatus()), rule_set), rule_set)


def _set(amounts: ResourceList) -> dict[str, RawQuantity]:
    found: dict[str, RawQuantity | UnsetType] = {name: getattr(amounts, name) for name in _RESOURCES}
    return {name: value for name, value in found.items() if value is not UNSET}


def _first(*amounts: RawQuantity | UnsetType) -> RawQuantity | UnsetType:
    return next((each for each in amounts if each is not UNSET), UNSET)


def _rounded(spec: PodSpec) -> PodSpec:
    own = spec.resources
    if own is not None:
        own = PodResources(_rounded_own(own.requests), _rounded_own(own.limits))
    return replace(
        spec,
        containers=tuple(_rounded_container(each) for each in spec.containers),
        init_containers=tuple(_rounded_container(each) for each in spec.init_containers),
        resources=own,
        overhead=_rounded_list(spec.overhead),
    )


def _rounded_own(amounts: dict[str, RawQuantity]) -> dict[str, RawQuantity]:
    return {name: _thousandths(value) if name in _RESOURCES else value for name, value in amounts.items()}


def _rounded_container(container: Container) -> Container:
    requests, limits = container.resources.requests, container.resources.limits
    return replace(container, resources=Resources(_rounded_list(requests), limits and _rounded_list(limits)))


def _rounded_status(status: PodStatus) -> PodStatus:
    return replace(
        status,
        container_statuses=tuple(map(_rounded_report, status.container_statuses)),
        init_container_statuses=tuple(map(_rounded_report, status.init_container_statuses)),
        resources=_rounded_in_force(status.resources),
        allocated_resources=status.allocated_resources and _rounded_list(status.allocated_resources),
    )


def _rounded_report(status: ContainerStatus) -> ContainerStatus:
    allocated = status.allocated_resources and _rounded_list(status.allocated_resources)
    return replace(status, resources=_rounded_in_force(status.resources), allocated_resources=allocated)


def _rounded_in_force(resources: InForce | None) -> InForce | None:
    if resources is None:
        return None
    requests, limits = resources.requests, resources.limits
    return InForce(requests and _rounded_list(requests), limits and _rounded_list(limits))


def _rounded_list(amounts: ResourceList) -> ResourceList:
    return replace(amounts, cpu=_rounded_amount(amounts.cpu), memory=_rounded_amount(amounts.memory))


def _rounded_amount(raw: RawQuantity | UnsetType) -> RawQuantity | UnsetType:
    return raw if raw is UNSET else _thousandths(raw)


def _thousandths(raw: RawQuantity) -> RawQuantity:
    if nanos(raw) % _THOUSANDTH == 0:
        return raw
    return f"{millis(nanos(raw))}m"

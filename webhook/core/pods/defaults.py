"""Defaults: what the API server writes into a pod's resources before webhooks and watches get the pod.

A pod in a manifest does not have these defaults yet; a pod in a review or in the watch has them. The rules are those of
`SetDefaults_Pod`, `defaultPodRequests` and `SetDefaults_ResourceList` in
k8s.io/kubernetes/pkg/apis/core/v1/defaults.go, in their order:

1. a container with a limit and no request requests its limit;
2. a pod with limits of its own requests what its containers request together, or its own limit where none requests any;
3. quantities are rounded up to thousandths.

What a LimitRange or a RuntimeClass adds is not a default: it depends on objects in the cluster.
"""

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from webhook.core.api.types import Container, ObjectError, Pod, PodSpec, PodStatus, ResourceList, Resources
from webhook.core.pods.breakdown import Breakdown, breakdown, shape_of
from webhook.core.pods.sent import read_sent_pod
from webhook.core.values.quantity import QuantityError, RawQuantity, millis, nanos

_THOUSANDTH = 10**6  # nanos


def with_defaults(pod: Pod) -> Pod:
    """Return the pod with the API server's defaults; raises `QuantityError`."""
    spec = replace(
        pod.spec,
        containers=tuple(map(_asked, pod.spec.containers)),
        init_containers=tuple(map(_asked, pod.spec.init_containers)),
    )
    return replace(pod, spec=_rounded(replace(spec, resources=_pod_level(spec))))


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


def _pod_level(spec: PodSpec) -> Resources:
    limits = spec.resources.limits
    if limits is None or limits == ResourceList():
        return spec.resources
    asked = spec.resources.requests
    together = _containers_request(spec)
    requests = ResourceList(
        _first(asked.cpu, together.cpu, limits.cpu), _first(asked.memory, together.memory, limits.memory)
    )
    return replace(spec.resources, requests=requests)


def _containers_request(spec: PodSpec) -> ResourceList:
    """Return what the containers request together; a resource that none of them requests is unset."""
    each = [container.resources.requests for container in (*spec.containers, *spec.init_containers)]
    sums = _sums(replace(spec, resources=Resources(), overhead=ResourceList()))
    return ResourceList(
        UNSET if all(requests.cpu is UNSET for requests in each) else f"{sums.cpu.requests.total}n",
        UNSET if all(requests.memory is UNSET for requests in each) else f"{sums.memory.requests.total}n",
    )


def _sums(spec: PodSpec) -> Breakdown:
    return breakdown(shape_of(Pod(spec=spec, status=PodStatus())))


def _first(*amounts: RawQuantity | UnsetType) -> RawQuantity | UnsetType:
    return next((each for each in amounts if each is not UNSET), UNSET)


def _rounded(spec: PodSpec) -> PodSpec:
    return replace(
        spec,
        containers=tuple(_rounded_container(each) for each in spec.containers),
        init_containers=tuple(_rounded_container(each) for each in spec.init_containers),
        resources=_rounded_resources(spec.resources),
        overhead=_rounded_list(spec.overhead),
    )


def _rounded_container(container: Container) -> Container:
    return replace(container, resources=_rounded_resources(container.resources))


def _rounded_resources(resources: Resources) -> Resources:
    limits = None if resources.limits is None else _rounded_list(resources.limits)
    return Resources(_rounded_list(resources.requests), limits)


def _rounded_list(amounts: ResourceList) -> ResourceList:
    return ResourceList(_thousandths(amounts.cpu), _thousandths(amounts.memory))


def _thousandths(raw: RawQuantity | UnsetType) -> RawQuantity | UnsetType:
    if raw is UNSET or nanos(raw) % _THOUSANDTH == 0:
        return raw
    return f"{millis(nanos(raw))}m"

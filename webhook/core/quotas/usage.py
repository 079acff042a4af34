"""Usage: what one pod uses of the resources that a quota names.

The rule is that of `PodUsageFunc` and `podComputeUsageHelper` in
k8s.io/kubernetes/pkg/quota/v1/evaluator/core/pods.go (1.36), over `PodRequests` and `PodLimits` in
k8s.io/component-helpers/resource with the options set there: the status of a container counts, the pod-level resources
in the pod's status do not. So usage is not the footprint, and it covers any resource. Only what a quota names is
summed.

To Kubernetes, a pod that is still there after its deletion grace period uses nothing. That would need the time of day:
here it uses what it used before.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from webhook.core.quotas.amount import ONE, ZERO, Amount, amount
from webhook.core.quotas.objects import Container, ContainerStatus, Pod, PodStatus, Quantities, Resources

_COUNT = "count/pods"  # all stored pods, ended or not
_PODS = "pods"  # the pods that have not ended
_REQUESTS = "requests."
_LIMITS = "limits."
_HUGE_PAGES = "hugepages-"
_DEVICE_CLASS = "deviceclass.resource.kubernetes.io/"
_PLAIN = ("cpu", "memory", "ephemeral-storage")
_POD_LEVEL = ("cpu", "memory")  # and huge pages
_ENDED = ("Succeeded", "Failed")
_NOTHING: Quantities = {}

Usage = dict[str, Amount]
"""What is used, by the name that a quota has for it; a resource of which nothing is used has no entry."""


class Source(NamedTuple):
    """The field of a pod that a quota's resource is summed from: a resource, in requests or in limits."""

    resource: str
    of_limits: bool = False


@lru_cache(maxsize=1024)
def source(name: str) -> Source | None:
    """Return what a quota restricts of a pod by this name; None: nothing of it, or only the number of pods."""
    if name in _PLAIN:
        return Source(name)
    if name.startswith(_LIMITS) and name.removeprefix(_LIMITS) in _PLAIN:
        return Source(name.removeprefix(_LIMITS), of_limits=True)
    resource = name.removeprefix(_REQUESTS)
    if resource.startswith(_HUGE_PAGES):
        return Source(resource)
    if name.startswith(_REQUESTS) and (resource in _PLAIN or _is_extended(resource)):
        return Source(resource)
    return None


def _is_extended(resource: str) -> bool:
    """Say whether a resource is an extended resource or stands for a device class."""
    return resource.startswith(_DEVICE_CLASS) or ("/" in resource and "kubernetes.io/" not in resource)


def restricts_pods(name: str) -> bool:
    """Say whether a quota that names this resource restricts pods at all (`MatchingResources`)."""
    return name in (_COUNT, _PODS) or source(name) is not None


def usage(pod: Pod, names: Iterable[str]) -> Usage:
    """Return what a pod uses of these resources, without those of which it uses nothing; raises `QuantityError`."""
    used: Usage = {}
    ended = pod.status.phase in _ENDED
    statuses = _reported(pod.status)
    for name in names:
        found = source(name)
        if name == _COUNT or (name == _PODS and not ended):
            used[name] = ONE
        elif found is not None and not ended and (total := _total(pod, found, statuses)).nanos:
            used[name] = total
    return used


def growth(pod: Pod, before: Pod, names: Iterable[str]) -> Usage:
    """Return what a pod uses beyond what it used before, resource by resource; raises `QuantityError`."""
    now, then = usage(pod, names), usage(before, names)
    grown = {name: held.beyond(then.get(name, ZERO)) for name, held in now.items()}
    return {name: more for name, more in grown.items() if more.nanos}


_Reported = dict[str, ContainerStatus]


def _reported(status: PodStatus) -> _Reported:
    return {each.name: each for each in (*status.container_statuses, *status.init_container_statuses)}


def _total(pod: Pod, wanted: Source, statuses: _Reported) -> Amount:
    spec, resource = pod.spec, wanted.resource
    of_containers = _containers(pod, wanted, statuses)
    level = _side(spec.resources, wanted) if spec.resources is not None else _NOTHING
    if resource in level and (resource in _POD_LEVEL or resource.startswith(_HUGE_PAGES)):
        of_containers = amount(level[resource])
    if wanted.of_limits and not of_containers.nanos:
        return ZERO  # without a limit, overhead alone does not make one
    return of_containers.plus(amount(spec.overhead.get(resource)))


def _containers(pod: Pod, wanted: Source, statuses: _Reported) -> Amount:
    """Return the sum of containers and sidecars, or the peak of the init containers if that is more."""
    infeasible = _infeasible(pod.status)
    together = sidecars = peak = ZERO
    for each in pod.spec.containers:
        together = together.plus(_need(each, wanted, statuses, infeasible))
    for each in pod.spec.init_containers:
        # Only sidecars can be resized, so only their status counts.
        need = _need(each, wanted, statuses if each.is_sidecar else {}, infeasible)
        moment = need.plus(sidecars)
        if each.is_sidecar:
            together, moment = together.plus(need), sidecars.plus(need)
            sidecars = moment
        peak = peak.or_more(moment)
    return together.or_more(peak)


def _need(container: Container, wanted: Source, statuses: _Reported, infeasible: bool) -> Amount:
    asked = amount(_side(container.resources, wanted).get(wanted.resource))
    status = statuses.get(container.name)
    if status is None or status.resources is None:
        return asked
    held = amount(_side(status.resources, wanted).get(wanted.resource))
    if not infeasible:
        held = asked.or_more(held)
    return held if wanted.of_limits else held.or_more(amount(status.allocated_resources.get(wanted.resource)))


def _infeasible(status: PodStatus) -> bool:
    """Say whether the kubelet has refused a resize for good; the first condition about it decides."""
    return next((each.reason == "Infeasible" for each in status.conditions if each.type == "PodResizePending"), False)


def _side(resources: Resources, wanted: Source) -> Quantities:
    return resources.limits if wanted.of_limits else resources.requests

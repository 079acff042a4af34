"""Usage: what one pod uses of the resources that a quota names.

The rule is `PodUsageFunc` and `podComputeUsageHelper` of k8s.io/kubernetes/pkg/quota/v1/evaluator/core/pods.go, over
`PodRequests` and `PodLimits` of k8s.io/component-helpers/resource with the options set there: what a container's status
reports counts, by the rule of the version (core/pods/rules.py); what the pod's own status reports does not. So it is
not the account's footprint, and it knows any resource. Only what a quota names is summed.

To Kubernetes, a pod that is still there after its deletion grace period uses nothing. That would need the time of day:
here it uses what it used before.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from typing import NamedTuple

from webhook.core.pods.rules import NEWEST, RuleSet
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


def usage(pod: Pod, names: Iterable[str], rule_set: RuleSet = NEWEST[-1]) -> Usage:
    """Return what a pod uses of these, those of which it uses nothing left out; raises `QuantityError`."""
    used: Usage = {}
    ended = pod.status.phase in _ENDED
    statuses = _reported(pod.status, rule_set)
    for name in names:
        found = source(name)
        if name == _COUNT or (name == _PODS and not ended):
            used[name] = ONE
        elif found is not None and not ended and (total := _total(pod, found, statuses, rule_set)).nanos:
            used[name] = total
    return used


def growth(pod: Pod, before: Pod, names: Iterable[str], rule_set: RuleSet = NEWEST[-1]) -> Usage:
    """Return what a pod uses beyond what it did, sum by sum; raises `QuantityError`."""
    now, then = usage(pod, names, rule_set), usage(before, names, rule_set)
    grown = {name: held.beyond(then.get(name, ZERO)) for name, held in now.items()}
    return {name: more for name, more in grown.items() if more.nanos}


_Reported = dict[str, ContainerStatus]


def _reported(status: PodStatus, rule_set: RuleSet) -> _Reported:
    """Find what is reported of each container; if there are two reports of one, 1.36 takes the last, 1.37 the first."""
    statuses = [*status.container_statuses, *status.init_container_statuses]
    if rule_set.largest_of == "sum":
        statuses.reverse()
    return {each.name: each for each in statuses}


def _total(pod: Pod, wanted: Source, statuses: _Reported, rule_set: RuleSet) -> Amount:
    spec, resource = pod.spec, wanted.resource
    infeasible = _infeasible(pod.status)
    if rule_set.largest_of == "sum":
        of_containers = _largest_sum(pod, wanted, statuses, infeasible)
        if wanted.of_limits and not rule_set.counts_some_limits and _lacks_a_limit(pod, resource):
            of_containers = ZERO
    else:
        of_containers = _sum_of_largest(pod, wanted, statuses, infeasible)
    level = _side(spec.resources, wanted) if spec.resources is not None else _NOTHING
    if resource in level and (resource in _POD_LEVEL or resource.startswith(_HUGE_PAGES)):
        of_containers = amount(level[resource])
    if wanted.of_limits and not of_containers.nanos:
        return ZERO  # without a limit, overhead alone does not make one
    return of_containers.plus(amount(spec.overhead.get(resource)))


def _lacks_a_limit(pod: Pod, resource: str) -> bool:
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    return resource in _POD_LEVEL and not all(amount(c.resources.limits.get(resource)).nanos for c in containers)


_Need = Callable[[Container], Amount]


def _sum(pod: Pod, need: _Need) -> Amount:
    """Sum up containers and sidecars, or the largest moment of the init containers if that is more."""
    together = sidecars = peak = ZERO
    for each in pod.spec.containers:
        together = together.plus(need(each))
    for each in pod.spec.init_containers:
        asked = need(each)
        moment = asked.plus(sidecars)
        if each.is_sidecar:
            together, moment = together.plus(asked), sidecars.plus(asked)
            sidecars = moment
        peak = peak.or_more(moment)
    return together.or_more(peak)


def _sum_of_largest(pod: Pod, wanted: Source, statuses: _Reported, infeasible: bool) -> Amount:
    """The rule of 1.36; only sidecars can be resized, so only their status counts."""
    plain = {each.name for each in pod.spec.init_containers if not each.is_sidecar}

    def need(container: Container) -> Amount:
        status = None if container.name in plain else statuses.get(container.name)
        asked = amount(_side(container.resources, wanted).get(wanted.resource))
        if status is None or status.resources is None:
            return asked
        held = _said(status.resources.limits if wanted.of_limits else status.resources.requests, wanted)
        if not infeasible:
            held = asked.or_more(held)
        return held if wanted.of_limits else held.or_more(_said(status.allocated_resources, wanted))

    return _sum(pod, need)


def _largest_sum(pod: Pod, wanted: Source, statuses: _Reported, infeasible: bool) -> Amount:
    """The rule of 1.37: what a list in a status does not say is nothing, where there is no list another one counts."""

    def asked(container: Container) -> Amount:
        return amount(_side(container.resources, wanted).get(wanted.resource))

    def allocated(container: Container) -> Amount:
        status = statuses.get(container.name)
        if not wanted.of_limits and status is not None and status.allocated_resources is not None:
            return _said(status.allocated_resources, wanted)
        return ZERO if infeasible else asked(container)

    def in_force(container: Container) -> Amount:
        status = statuses.get(container.name)
        found = None if status is None else status.resources
        said = None if found is None else found.limits if wanted.of_limits else found.requests
        return allocated(container) if said is None else _said(said, wanted)

    sums = [] if infeasible else [_sum(pod, asked)]
    sums.append(_sum(pod, in_force))
    if not wanted.of_limits:
        sums.append(_sum(pod, allocated))
    return reduce(Amount.or_more, sums)


def _said(amounts: Quantities | None, wanted: Source) -> Amount:
    return ZERO if amounts is None else amount(amounts.get(wanted.resource))


def _infeasible(status: PodStatus) -> bool:
    """Say whether the kubelet has refused a resize for good; the first condition about it decides."""
    return next((each.reason == "Infeasible" for each in status.conditions if each.type == "PodResizePending"), False)


def _side(resources: Resources, wanted: Source) -> Quantities:
    return resources.limits if wanted.of_limits else resources.requests

"""The rule of Kubernetes 1.36: of each container the most of what is asked for, allocated and in force, summed up.

Without what is asked for once the kubelet has called the resize infeasible. Of init containers only sidecars can be
resized, so only their status counts. The status of the pod counts where the pod asks for something as a whole.
"""

from typing import NamedTuple

from msgspec import UNSET

from webhook.core.api.types import ResourceList
from webhook.core.pods.claims import Claimed, claimed
from webhook.core.pods.rules import RuleSet
from webhook.core.pods.shape import Asking, PodLevel, Reported, Shape, amount, raw
from webhook.core.pods.terms import Commitment, Terms, commitment, on_top, summed


class _Need(NamedTuple):
    request: int
    limit: int

    @property
    def filled(self) -> int:
        """The kubelet takes a limit of zero as no limit (`ResourceConfigForPod` in its package cm); so does this."""
        return self.limit or self.request


class _Level(NamedTuple):
    """What a pod as a whole asks for; None where it does not, and the containers count."""

    request: int | None
    limit: int | None
    overhead_in: bool = False


def by_container(shape: Shape, resource: str, rule_set: RuleSet) -> Commitment:
    """Return what a pod of this shape commits of memory or cpu; raises `QuantityError`."""
    containers, init_containers, pod, status, overhead, infeasible, claims = shape
    app = [_need(asking, resource, infeasible) for asking in containers]
    init = [
        (sidecar, _need(asking if sidecar else (asking[0], None), resource, infeasible))
        for sidecar, asking in init_containers
    ]
    level = _level(pod, status, resource, infeasible)
    extra, dra = amount(overhead, resource), claimed(claims, resource, rule_set)

    requests = _terms([n.request for n in app], [(s, n.request) for s, n in init], level.request, dra)
    requests = requests._replace(overhead_twice=level.overhead_in).with_overhead(extra)
    limits = _terms([n.limit for n in app], [(s, n.limit) for s, n in init], level.limit)
    filled = _terms([n.filled for n in app], [(s, n.filled) for s, n in init], level.limit or None)
    lasting = [*app, *(need for sidecar, need in init if sidecar)]
    unbounded = 0 if level.limit else sum(not need.limit for need in lasting)
    return commitment(requests, on_top(extra, limits), on_top(extra, filled), unbounded=unbounded)


def _terms(app: list[int], init: list[tuple[bool, int]], level: int | None, dra: Claimed | None = None) -> Terms:
    return summed(app, init, dra.pod if dra else 0)._replace(pod_level=level)


def _need(asking: Asking, resource: str, infeasible: bool) -> _Need:
    spec, reported = asking
    request, limit = amount(spec.requests, resource), amount(spec.limits, resource)
    in_force, allocated = reported or (None, None)
    if in_force is not None:
        held = max(amount(in_force.requests, resource), amount(allocated, resource))
        held_limit = amount(in_force.limits, resource)
        request = held if infeasible else max(request, held)
        limit = held_limit if infeasible else max(limit, held_limit)
    return _Need(request, limit)


def _level(pod: PodLevel | None, status: Reported, resource: str, infeasible: bool) -> _Level:
    if pod is None:
        return _Level(None, None)
    in_force, allocated = status
    request, limit = _asked(pod.requests, resource), _asked(pod.limits, resource)
    overhead_in = False
    if in_force is not None and request is not None:
        in_status = amount(allocated, resource)
        held = max(amount(in_force.requests, resource), in_status)
        request = held if infeasible else max(request, held)
        overhead_in = in_status > 0 and in_status == request
    if in_force is not None and limit is not None:
        limit = _limit(limit, in_force.limits, resource, infeasible)
    return _Level(request, limit, overhead_in)


def _asked(amounts: ResourceList, resource: str) -> int | None:
    return None if raw(amounts, resource) is UNSET else amount(amounts, resource)


def _limit(asked: int, in_force: ResourceList | None, resource: str, infeasible: bool) -> int:
    """Return the limit that counts.

    Where the kubelet has refused a resize and reports no limits at all, Kubernetes' code takes what is asked after all
    (it cannot tell "none in force" from "nothing to look at"); for a container it would take none.
    """
    if infeasible:
        return asked if in_force is None else amount(in_force, resource)
    return max(asked, amount(in_force, resource))

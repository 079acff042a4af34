"""The rule of Kubernetes 1.37: what all containers ask for, have allocated and have in force; the largest sum counts.

Without what is asked for once the kubelet has called the resize infeasible. Where the status of the pod reports sums of
its own, they take the place of those over the containers, whether or not the pod asks for anything as a whole. They
include what DRA allocated, and the overhead, which is added all the same (kubernetes/kubernetes#139627).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import UNSET

from webhook.core.api.types import ResourceList
from webhook.core.pods.by_container import by_container
from webhook.core.pods.claims import Claimed, claimed
from webhook.core.pods.rules import RuleSet
from webhook.core.pods.shape import Asking, PodLevel, Reported, Shape, amount, raw
from webhook.core.pods.terms import NONE, Commitment, Terms, commitment, on_top, summed


class _Level(NamedTuple):
    """What counts of a pod as a whole; None where the containers count."""

    request: int | None
    limit: int | None
    overhead_in: bool = False


class _Pod(NamedTuple):
    """A pod of which one resource is looked at; `as_asked` says that no status reports anything."""

    shape: Shape
    resource: str
    claimed: Claimed | None
    as_asked: bool

    @property
    def infeasible(self) -> bool:
        """Say whether what it asks for does not count."""
        return self.shape[5]

    @property
    def status(self) -> Reported:
        """What its own status reports."""
        return self.shape[3]

    def sum(self, need: Callable[[Asking], int], *, with_claims: bool = True) -> Terms:
        """Sum up over all containers."""
        app = [need(asking) for asking in self.shape[0]]
        init = [(sidecar, need(asking)) for sidecar, asking in self.shape[1]]
        dra = self.claimed if with_claims else None
        if dra is None:
            return summed(app, init)
        app = [one + more for one, more in zip(app, dra.containers, strict=True)]
        init = [(sidecar, one + more) for (sidecar, one), more in zip(init, dra.init_containers, strict=True)]
        return summed(app, init, dra.pod)

    # -- one container -------------------------------------------------------------------------------------------------

    def asked(self, asking: Asking) -> int:
        """What a container asks for."""
        return amount(asking[0].requests, self.resource)

    def allocated(self, asking: Asking) -> int:
        """What is allocated to it, or else what it asks for."""
        allocated = asking[1][1] if asking[1] else None
        if allocated is not None:
            return amount(allocated, self.resource)
        return 0 if self.infeasible else self.asked(asking)

    def in_force(self, asking: Asking) -> int:
        """What is in force, or else allocated, or else what it asks for."""
        found = asking[1][0] if asking[1] else None
        if found is not None and found.requests is not None:
            return amount(found.requests, self.resource)
        return self.allocated(asking)

    def limit(self, asking: Asking) -> int:
        """The limit that it asks for."""
        return amount(asking[0].limits, self.resource)

    def limit_in_force(self, asking: Asking) -> int:
        """The limit in force, or else the one that it asks for."""
        found = asking[1][0] if asking[1] else None
        if found is not None and found.limits is not None:
            return amount(found.limits, self.resource)
        return 0 if self.infeasible else self.limit(asking)

    def filled(self, asking: Asking) -> int:
        """The kubelet takes a limit of zero as no limit (`ResourceConfigForPod` in its package cm); so does this."""
        return self.limit(asking) or self.asked(asking)

    def filled_in_force(self, asking: Asking) -> int:
        """The same of what is in force."""
        return self.limit_in_force(asking) or max(self.allocated(asking), self.in_force(asking))


_NOTHING: Reported = (None, None)


def by_sum(shape: Shape, resource: str, rule_set: RuleSet) -> Commitment:
    """Return what a pod of this shape commits of memory or cpu; raises `QuantityError`."""
    as_asked = _as_asked(shape)
    if as_asked and shape[6] is None and rule_set.counts_some_limits:
        return by_container(shape, resource, rule_set)  # which comes to the same, faster: most pods are like that
    pod = _Pod(shape, resource, claimed(shape[6], resource, rule_set), as_asked)
    level, extra = _level(shape[2], pod), amount(shape[4], resource)
    requests = _requests(pod)._replace(pod_level=level.request)
    if level.request is not None:
        requests = requests._replace(overhead_twice=level.overhead_in)
    limits = _limits(pod, rule_set)._replace(pod_level=level.limit)
    filled = _filled(pod)._replace(pod_level=level.limit or None)
    has_limit = _has_limit(pod)
    unbounded = 0 if level.limit else sum(not has_limit(asking) for asking in _lasting(shape))
    return commitment(requests.with_overhead(extra), on_top(extra, limits), on_top(extra, filled), unbounded=unbounded)


def _as_asked(shape: Shape) -> bool:
    containers, init_containers, _, status, _, infeasible, _ = shape
    if infeasible or status != _NOTHING:
        return False
    for asking in containers:
        if asking[1]:
            return False
    return all(not asking[1] for _, asking in init_containers) if init_containers else True


def _requests(pod: _Pod) -> Terms:
    """The largest of what is asked for, allocated and in force."""
    if pod.as_asked:
        return pod.sum(pod.asked)
    sums = [] if pod.infeasible else [pod.sum(pod.asked)]
    in_force, allocated = pod.status
    if allocated is not None and in_force is not None and in_force.requests is not None:
        in_status, running = amount(allocated, pod.resource), amount(in_force.requests, pod.resource)
        sums += [NONE._replace(pod_status=in_status, overhead_twice=in_status > 0), NONE._replace(pod_status=running)]
    else:
        sums += [pod.sum(pod.allocated), pod.sum(pod.in_force, with_claims=False)]
    return _largest(sums)


def _limits(pod: _Pod, rule_set: RuleSet) -> Terms:
    if not rule_set.counts_some_limits and not all(map(pod.limit, _all(pod.shape))):
        return NONE
    if pod.as_asked:
        return _asked_limits(pod, rule_set)
    sums = [] if pod.infeasible else [_asked_limits(pod, rule_set)]
    in_force, _ = pod.status
    if in_force is not None and in_force.limits is not None:
        sums.append(NONE._replace(pod_status=amount(in_force.limits, pod.resource)))
    else:
        sums.append(pod.sum(pod.limit_in_force, with_claims=False))
    return _largest(sums)


def _asked_limits(pod: _Pod, rule_set: RuleSet) -> Terms:
    """Claims are added to a limit that is declared, were it zero; since 1.38 to any."""
    declared = any(raw(asking[0].limits, pod.resource) is not UNSET for asking in _all(pod.shape))
    return pod.sum(pod.limit, with_claims=declared or rule_set.claims == "mapped by container")


def _filled(pod: _Pod) -> Terms:
    if pod.as_asked:
        return pod.sum(pod.filled)
    sums = [] if pod.infeasible else [pod.sum(pod.filled)]
    in_force, _ = pod.status
    in_status = amount(in_force.limits, pod.resource) if in_force is not None else 0
    sums.append(NONE._replace(pod_status=in_status) if in_status else pod.sum(pod.filled_in_force, with_claims=False))
    return _largest(sums)


def _has_limit(pod: _Pod) -> Callable[[Asking], int]:
    return lambda asking: pod.limit_in_force(asking) or (0 if pod.infeasible else pod.limit(asking))


def _largest(sums: Iterable[Terms]) -> Terms:
    """The first of those that come to most."""
    return max(sums, key=lambda terms: terms.before_overhead)


def _all(shape: Shape) -> list[Asking]:
    return [*shape[0], *(asking for _, asking in shape[1])]


def _lasting(shape: Shape) -> list[Asking]:
    return [*shape[0], *(asking for sidecar, asking in shape[1] if sidecar)]


def _level(own: PodLevel | None, pod: _Pod) -> _Level:
    """Find what a pod as a whole asks for, or has allocated or in force: it is one list, of which each entry counts."""
    if own is None:
        return _Level(None, None)
    in_force, allocated = pod.status
    asked = (None, None) if in_force is not None and pod.infeasible else (own.requests, own.limits)
    in_status = (in_force.requests, allocated) if in_force is not None else ()
    limits_in_status = (in_force.limits,) if in_force is not None else ()
    request = _most((asked[0], *in_status), pod.resource) if own.requests_set else None
    limit = _most((asked[1], *limits_in_status), pod.resource) if own.is_set else None
    held = amount(allocated, pod.resource) if in_force is not None else 0
    return _Level(request, limit, held > 0 and held == request)


def _most(lists: Iterable[ResourceList | None], resource: str) -> int | None:
    """The most that any of them says; None where none says anything."""
    said = [amount(each, resource) for each in lists if raw(each, resource) is not UNSET]
    return max(said, default=None)

"""Check: what the quotas of a namespace, as the watch shows them, will say against a pod that is created or resized.

The rule is that of `CheckRequest` in k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go (1.36) for pods,
without the resources that an administrator may have limited by default in the API server's own configuration, which
clients cannot read. If several quotas refuse, the API server reports any of them (its cache has no order); here it is
the first by name. As in the API server, each quota is checked for what it demands before any is checked for whether it
has enough.
"""

from collections.abc import Sequence

from msgspec import Struct

from webhook.core.pods.rules import NEWEST, Rules, RuleSet
from webhook.core.quotas import words
from webhook.core.quotas.amount import ZERO, Amount, amount
from webhook.core.quotas.objects import Container, Pod, Quantities, ResourceQuota, Selector
from webhook.core.quotas.scopes import fault, meets, selectors
from webhook.core.quotas.usage import growth, restricts_pods, usage

# If a quota restricts one of these resources, every container must specify it. ("It was a mistake", says Kubernetes'
# code, which adds no further resources.) The values are the side and the resource by which a container specifies it.
_DEMANDED = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}


class Quota(Struct, frozen=True, gc=False):
    """A ResourceQuota, as far as it concerns pods; its quantities are read on demand.

    `restricted` names the resources of pods that it restricts. `fault` says why Kubernetes cannot tell which pods the
    quota covers; it is empty if Kubernetes can.
    """

    namespace: str
    name: str
    selectors: tuple[Selector, ...]
    restricted: tuple[str, ...]
    fault: str
    hard: Quantities
    used: Quantities

    @property
    def concerns_pods(self) -> bool:
        """Say whether it can refuse pods."""
        return bool(self.restricted or self.fault)

    def covers(self, pod: Pod, rule_set: RuleSet) -> bool:
        """Say whether it is about a pod."""
        return all(meets(pod, each, rule_set) for each in self.selectors)


def quota(found: ResourceQuota) -> Quota:
    """Return what the check needs of a ResourceQuota."""
    meta, status, conditions = found.metadata, found.status, selectors(found.spec)
    restricted = tuple(name for name in status.hard if restricts_pods(name))
    unclear = next(filter(None, map(fault, conditions)), "")
    return Quota(meta.namespace, meta.name, conditions, restricted, unclear, status.hard, status.used)


def refusal(quotas: Sequence[Quota], pod: Pod, before: Pod | None = None, rules: Rules = NEWEST) -> str:
    """Say what quotas, sorted by name, will say against a pod; nothing if they let it in.

    `before` is what a pod was that is to be resized. While replicas of the API server count by several rule sets, only
    what all of them refuse is refused. Raises `QuantityError`, which the API server never lets in.
    """
    said = ""
    for each in rules:
        said = _refusal(quotas, pod, before, each)
        if not said:
            return ""
    return said


def _refusal(quotas: Sequence[Quota], pod: Pod, before: Pod | None, rule_set: RuleSet) -> str:
    covering: list[Quota] = []
    for each in quotas:
        if each.fault:
            return words.unusable(each.name, each.fault)
        if not each.restricted or not each.covers(pod, rule_set):
            continue
        said = _demands(each, pod)
        if said:
            return said
        covering.append(each)
    return next(filter(None, (_exceeded(each, pod, before, rule_set) for each in covering)), "")


def _demands(quota: Quota, pod: Pod) -> str:
    """Return the message that a pod does not specify what the quota demands, or that the quota has no usage yet."""
    restricted = quota.restricted
    missing = {} if _has_resources_of_its_own(pod) else _missing(pod, restricted)
    if missing:
        return words.must_specify(quota.name, missing)
    if any(name not in quota.used for name in restricted):
        return words.status_unknown(quota.name, restricted)
    return ""


def _missing(pod: Pod, restricted: Sequence[str]) -> dict[str, list[str]]:
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    lacking = {name: [each.name for each in containers if not _says(each, name)] for name in restricted}
    return {name: names for name, names in lacking.items() if names}


def _says(container: Container, name: str) -> bool:
    if name not in _DEMANDED:
        return True
    side, resource = _DEMANDED[name]
    return resource in (container.resources.requests if side == "requests" else container.resources.limits)


def _has_resources_of_its_own(pod: Pod) -> bool:
    """Say whether the pod has pod-level requests or limits: then its containers need not specify any."""
    own = pod.spec.resources
    named = () if own is None else (*own.requests, *own.limits)
    return any(name in ("cpu", "memory") or name.startswith("hugepages-") for name in named)


def _exceeded(quota: Quota, pod: Pod, before: Pod | None, rule_set: RuleSet) -> str:
    if before is None or not quota.covers(before, rule_set):
        asked = usage(pod, quota.hard, rule_set)
    else:
        asked = growth(pod, before, quota.hard, rule_set)
    over = [name for name, more in asked.items() if _used(quota, name).plus(more).nanos > _hard(quota, name).nanos]
    if not over:
        return ""
    used = {name: _used(quota, name) for name in over if name in quota.used}
    return words.exceeded(quota.name, {n: asked[n] for n in over}, used, {n: _hard(quota, n) for n in over})


def _used(quota: Quota, name: str) -> Amount:
    return amount(quota.used[name]) if name in quota.used else ZERO


def _hard(quota: Quota, name: str) -> Amount:
    return amount(quota.hard[name])

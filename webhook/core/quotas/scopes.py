"""Scopes: which pods a quota covers, by `podMatchesScopeFunc` in pkg/quota/v1/evaluator/core/pods.go of Kubernetes."""

import re
from collections.abc import Callable, Iterable, Mapping

from webhook.core.pods.rules import RuleSet
from webhook.core.pods.shape import of_a_pod
from webhook.core.quotas.amount import amount
from webhook.core.quotas.objects import Pod, Quantities, QuotaSpec, Resources, Selector
from webhook.core.values.notation import quoted

_COMPUTE = ("cpu", "memory")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LONGEST_LABEL_VALUE = 63


def selectors(spec: QuotaSpec) -> tuple[Selector, ...]:
    """Return every condition that a pod must meet."""
    named = tuple(Selector(scope, "Exists") for scope in spec.scopes)
    return named + (spec.scope_selector.match_expressions if spec.scope_selector else ())


def fault(selector: Selector) -> str:
    """Say why Kubernetes' code cannot tell whether a pod meets this condition; empty if it can.

    Kubernetes compares the names of priority classes as label values, which have at most 63 characters.
    """
    if selector.scope_name != "PriorityClass" or selector.operator == "Exists":
        return ""
    bad = [v for v in selector.values if len(v) > _LONGEST_LABEL_VALUE or not _LABEL_VALUE.fullmatch(v)]
    return f"{quoted(bad[0])} is not the value of a label" if bad else ""


def meets(pod: Pod, selector: Selector, rule_set: RuleSet) -> bool:
    """Say whether a pod meets a condition that has no `fault`; one of an unknown scope nobody meets."""
    if selector.scope_name == "PriorityClass":
        return _of_class(pod.spec.priority_class_name, selector)
    holds = _SCOPES.get(selector.scope_name)
    return holds is not None and holds(pod, rule_set)


def _terminating(pod: Pod, _: RuleSet) -> bool:
    """Say whether a pod ends by itself, by its deadline: that it is being deleted is another thing."""
    deadline = pod.spec.active_deadline_seconds
    return deadline is not None and deadline >= 0


def _not_terminating(pod: Pod, rule_set: RuleSet) -> bool:
    return not _terminating(pod, rule_set)


def _best_effort(pod: Pod, rule_set: RuleSet) -> bool:
    """Take the class that the API server has written down; a pod that was made by hand may lack it."""
    if pod.status.qos_class:
        return pod.status.qos_class == "BestEffort"
    spec = pod.spec
    of_containers = [each.resources for each in (*spec.containers, *spec.init_containers)]
    own = spec.resources
    if own is not None and not rule_set.heeds_empty_pod_level and not any(map(of_a_pod, (*own.requests, *own.limits))):
        own = None
    return not _asks_for_any(of_containers if own is None else [own])


def _not_best_effort(pod: Pod, rule_set: RuleSet) -> bool:
    return not _best_effort(pod, rule_set)


def _asks_for_any(resources: Iterable[Resources]) -> bool:
    return any(_has_any(each.requests) or _has_any(each.limits) for each in resources)


def _has_any(quantities: Quantities) -> bool:
    return any(amount(quantities.get(name)).nanos for name in _COMPUTE)


def _looks_across_namespaces(pod: Pod, _: RuleSet) -> bool:
    affinity = pod.spec.affinity
    terms = affinity.pod_affinity.terms + affinity.pod_anti_affinity.terms
    return any(term.namespaces or term.namespace_selector is not None for term in terms)


_SCOPES: Mapping[str, Callable[[Pod, RuleSet], bool]] = {
    "Terminating": _terminating,
    "NotTerminating": _not_terminating,
    "BestEffort": _best_effort,
    "NotBestEffort": _not_best_effort,
    "CrossNamespacePodAffinity": _looks_across_namespaces,
}


def _of_class(name: str, selector: Selector) -> bool:
    match selector.operator:
        case "In":
            return bool(name) and name in selector.values
        case "NotIn":
            return name not in selector.values or not name
        case "Exists":
            return bool(name)
        case _:
            return not name

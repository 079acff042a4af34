"""Breakdown: how the footprint of one pod comes about, by the rule of one version of Kubernetes (rules.py)."""

from collections.abc import Callable
from typing import Final

from webhook.core.pods.by_container import by_container
from webhook.core.pods.by_sum import by_sum
from webhook.core.pods.rules import RuleSet
from webhook.core.pods.shape import Shape
from webhook.core.pods.terms import Breakdown, Commitment

_COUNTING: Final[dict[str, Callable[[Shape, str, RuleSet], Commitment]]] = {"container": by_container, "sum": by_sum}


def breakdown(shape: Shape, rule_set: RuleSet) -> Breakdown:
    """Return what a pod of this shape commits and why; raises `QuantityError`."""
    count = _COUNTING[rule_set.largest_of]
    return Breakdown(count(shape, "memory", rule_set), count(shape, "cpu", rule_set))

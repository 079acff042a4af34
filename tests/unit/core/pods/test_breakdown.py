"""The breakdown counts memory and cpu, each by the rule of the version that is asked about."""

from typing import Any

import pytest

from webhook.core.api.types import Pod, convert
from webhook.core.pods.breakdown import breakdown
from webhook.core.pods.by_container import by_container
from webhook.core.pods.by_sum import by_sum
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, RULE_SETS, RuleSet
from webhook.core.pods.shape import shape_of
from webhook.core.values.quantity import NANO, QuantityError


def asks(name: str, memory: int, cpu: int) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": {"memory": memory, "cpu": cpu}}}


def held(name: str, memory: int) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": {"memory": memory, "cpu": 1}}, "allocatedResources": {}}


RESIZED = convert(
    {
        "spec": {"containers": [asks("a", 3, 1), asks("b", 5, 1)]},
        "status": {"containerStatuses": [held("a", 6), held("b", 1)]},
    },
    Pod,
)


@pytest.mark.parametrize(("rule_set", "memory"), [(KUBERNETES_1_36, 6 + 5), (KUBERNETES_1_37, 3 + 5)])
def test_each_version_counts_by_its_own_rule(rule_set: RuleSet, memory: int) -> None:
    found = breakdown(shape_of(RESIZED, rule_set), rule_set)
    assert (found.memory.requests.total, found.cpu.requests.total) == (memory * NANO, 2 * NANO)


@pytest.mark.parametrize("rule_set", RULE_SETS, ids=lambda each: each.version)
def test_it_is_what_the_rule_of_the_version_says_of_each_resource(rule_set: RuleSet) -> None:
    shape = shape_of(RESIZED, rule_set)
    rule = by_container if rule_set is KUBERNETES_1_36 else by_sum
    assert breakdown(shape, rule_set) == (rule(shape, "memory", rule_set), rule(shape, "cpu", rule_set))


@pytest.mark.parametrize("resource", ["memory", "cpu"])
def test_a_bad_quantity_of_either_resource_is_an_error(resource: str) -> None:
    spec = {"containers": [{"name": "a", "resources": {"limits": {resource: "much"}}}]}
    for rule_set in RULE_SETS:
        with pytest.raises(QuantityError):
            breakdown(shape_of(convert({"spec": spec}, Pod), rule_set), rule_set)

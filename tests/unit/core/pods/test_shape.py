"""Shapes: what decides a footprint and nothing else, so that pods of many workloads share one."""

from typing import Any

import pytest
from msgspec import UNSET

from webhook.core.api.types import Condition, Pod, ResourceList, convert
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, RULE_SETS, RuleSet
from webhook.core.pods.shape import PodLevel, Shape, amount, infeasible, of_a_pod, raw, shape_of
from webhook.core.values.quantity import QuantityError

NANO = 10**9
ASKS = {"requests": {"memory": "1"}}


def shape(spec: dict[str, Any], status: dict[str, Any] | None = None, rule_set: RuleSet = KUBERNETES_1_37) -> Shape:
    return shape_of(convert({"spec": spec, "status": status or {}}, Pod), rule_set)


def reported(**more: Any) -> dict[str, Any]:
    return {"name": "app", "resources": {"requests": {"memory": "2"}}, **more}


APP: dict[str, Any] = {"containers": [{"name": "app", "resources": ASKS}]}


@pytest.mark.parametrize(
    "other",
    [
        {"containers": [{"name": "another", "image": "x:1", "resources": ASKS}]},
        {**APP, "nodeName": "n", "priorityClassName": "high", "nodeSelector": {"a": "b"}},
        {**APP, "initContainers": []},
    ],
)
def test_what_does_not_decide_a_footprint_is_not_in_its_shape(other: dict[str, Any]) -> None:
    assert shape(other) == shape(APP)
    assert hash(shape(other)) == hash(shape(APP))


@pytest.mark.parametrize(
    "other",
    [
        {"containers": [{"name": "app", "resources": {"requests": {"memory": "2"}}}]},
        {"containers": [{"name": "app", "resources": {**ASKS, "limits": {}}}]},
        {"containers": APP["containers"] * 2},
        {**APP, "initContainers": [{"name": "init"}]},
        {**APP, "overhead": {"memory": "1"}},
        {**APP, "resources": {}},
    ],
)
def test_what_decides_a_footprint_is_in_its_shape(other: dict[str, Any]) -> None:
    assert shape(other) != shape(APP)


def test_a_report_stands_beside_the_container_that_it_is_about() -> None:
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "c", "restartPolicy": "Always"}]}
    of_b = {"name": "b", "allocatedResources": {"cpu": "1"}}
    of_c = {"name": "c", "resources": {}}
    found = shape(spec, {"containerStatuses": [of_b, {"name": "stranger"}], "initContainerStatuses": [of_c]})
    (_, of_a), (_, of_the_second) = found[0]
    ((sidecar, (_, of_the_sidecar)),) = found[1]
    assert of_a is None
    assert of_the_second == (None, ResourceList(cpu="1"))
    assert sidecar
    assert of_the_sidecar is not None
    assert of_the_sidecar[0] is not None


@pytest.mark.parametrize(("rule_set", "taken"), [(KUBERNETES_1_36, "3"), (KUBERNETES_1_37, "2")])
def test_of_two_reports_of_one_container_each_version_takes_its_own(rule_set: RuleSet, taken: str) -> None:
    second = reported(resources={"requests": {"memory": "3"}})
    ((_, found),) = shape(APP, {"containerStatuses": [reported(), second]}, rule_set)[0]
    assert found is not None
    assert found[0] is not None
    assert found[0].requests == ResourceList(memory=taken)


@pytest.mark.parametrize(
    ("conditions", "is_infeasible"),
    [
        ([], False),
        ([("PodResizePending", "Infeasible")], True),
        ([("PodResizePending", "Deferred")], False),
        ([("Ready", "Infeasible")], False),
        ([("Ready", ""), ("PodResizePending", "Infeasible")], True),
        ([("PodResizePending", "Deferred"), ("PodResizePending", "Infeasible")], False),
    ],
)
def test_the_first_condition_about_a_resize_says_whether_it_is_infeasible(
    conditions: list[tuple[str, str]], is_infeasible: bool
) -> None:
    assert infeasible(tuple(Condition(kind, reason=reason) for kind, reason in conditions)) is is_infeasible
    said = [{"type": kind, "reason": reason} for kind, reason in conditions]
    assert shape(APP, {"conditions": said})[5] is is_infeasible


@pytest.mark.parametrize(
    ("resources", "level"),
    [
        ({}, PodLevel(ResourceList(), ResourceList(), False, False)),
        ({"requests": {"memory": "1"}}, PodLevel(ResourceList(memory="1"), ResourceList(), True, True)),
        ({"limits": {"cpu": "1"}}, PodLevel(ResourceList(), ResourceList(cpu="1"), False, True)),
        ({"requests": {"hugepages-2Mi": "2Mi"}}, PodLevel(ResourceList(), ResourceList(), True, True)),
        ({"limits": {"example.com/gpu": 1}}, PodLevel(ResourceList(), ResourceList(), False, False)),
        ({"requests": {"memory": None}}, PodLevel(ResourceList(memory=None), ResourceList(), True, True)),
    ],
)
def test_a_pod_asks_as_a_whole_by_what_it_may_ask_for_so(resources: dict[str, Any], level: PodLevel) -> None:
    assert shape({**APP, "resources": resources})[2] == level
    assert shape(APP)[2] is None


@pytest.mark.parametrize(
    ("resource", "may"), [("cpu", True), ("memory", True), ("hugepages-1Gi", True), ("ephemeral-storage", False)]
)
def test_a_pod_may_ask_as_a_whole_for_cpu_memory_and_huge_pages(resource: str, may: bool) -> None:
    assert of_a_pod(resource) is may


def test_claims_come_with_the_names_of_the_containers_that_may_use_them() -> None:
    claim = {"containers": ["app"], "resources": {"memory": "1"}}
    found = shape({**APP, "initContainers": [{"name": "init"}]}, {"nodeAllocatableResourceClaimStatuses": [claim]})[6]
    assert found is not None
    assert (found.containers, found.init_containers, len(found.statuses)) == (("app",), ("init",), 1)
    for rule_set in RULE_SETS:
        assert shape(APP, {"nodeAllocatableResourceClaimStatuses": []}, rule_set)[6] is None


def test_null_is_a_zero_that_is_there_and_an_absent_list_says_nothing() -> None:
    of = ResourceList(memory=None, cpu="1500m")
    assert (raw(of, "memory"), raw(of, "cpu")) == (None, "1500m")
    assert raw(ResourceList(), "memory") is raw(None, "memory") is UNSET
    assert (amount(of, "memory"), amount(of, "cpu"), amount(None, "cpu")) == (0, 1500 * NANO // 1000, 0)


def test_a_bad_quantity_is_an_error_where_it_is_counted() -> None:
    with pytest.raises(QuantityError):
        amount(ResourceList(memory="much"), "memory")
    assert amount(ResourceList(memory="much"), "cpu") == 0

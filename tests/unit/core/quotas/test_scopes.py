"""Scopes: the pods that a quota covers, condition by condition."""

from typing import Any

import msgspec
import pytest

from tests.unit.core.quotas.making import a_pod
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37
from webhook.core.quotas.objects import QuotaSpec, Selector
from webhook.core.quotas.scopes import fault, meets, selectors

Json = dict[str, Any]


def met(scope: str, asks: Json | None = None, *, status: Json | None = None, **spec: Any) -> bool:
    pod = a_pod(asks or {}, status=status, **spec)
    return meets(pod, Selector(scope, "Exists"), KUBERNETES_1_37)


def test_conditions_come_from_the_scopes_and_from_the_selector() -> None:
    spec = msgspec.convert(
        {
            "scopes": ["BestEffort"],
            "scopeSelector": {
                "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
            },
        },
        QuotaSpec,
    )
    assert selectors(spec) == (Selector("BestEffort", "Exists"), Selector("PriorityClass", "In", ("high",)))
    assert selectors(QuotaSpec()) == ()


@pytest.mark.parametrize(("deadline", "terminating"), [(None, False), (0, True), (60, True), (-1, False)])
def test_a_pod_with_a_deadline_is_terminating(deadline: int | None, terminating: bool) -> None:
    assert met("Terminating", activeDeadlineSeconds=deadline) is terminating
    assert met("NotTerminating", activeDeadlineSeconds=deadline) is not terminating


@pytest.mark.parametrize(
    ("asks", "more", "best_effort"),
    [
        ({}, {}, True),
        ({"requests": {"memory": "0"}, "limits": {"cpu": 0}}, {}, True),
        ({"requests": {"ephemeral-storage": "1Gi"}}, {}, True),
        ({"requests": {"cpu": "1m"}}, {}, False),
        ({"limits": {"memory": "1"}}, {}, False),
        ({}, {"initContainers": [{"name": "i", "resources": {"requests": {"cpu": "1"}}}]}, False),
        ({}, {"resources": {"requests": {"cpu": "1"}}}, False),
        ({"requests": {"cpu": "1"}}, {"resources": {"requests": {"memory": "0"}}}, True),
    ],
)
def test_a_pod_that_asks_for_neither_cpu_nor_memory_is_best_effort(asks: Json, more: Json, best_effort: bool) -> None:
    assert met("BestEffort", asks, **more) is best_effort
    assert met("NotBestEffort", asks, **more) is not best_effort


def test_the_class_that_the_api_server_wrote_down_goes_before_what_the_pod_asks_for() -> None:
    asks = {"requests": {"cpu": "1"}}
    assert met("BestEffort", asks, status={"qosClass": "BestEffort"})
    assert not met("BestEffort", status={"qosClass": "Burstable"})


@pytest.mark.parametrize(("rule_set", "best_effort"), [(KUBERNETES_1_36, True), (KUBERNETES_1_37, False)])
def test_resources_of_the_pod_that_name_nothing_are_heeded_by_1_36_alone(rule_set: Any, best_effort: bool) -> None:
    pod = a_pod({"requests": {"cpu": "1"}}, resources={"requests": {"example.com/gpu": "1"}})
    assert meets(pod, Selector("BestEffort", "Exists"), rule_set) is best_effort


@pytest.mark.parametrize(
    ("term", "across"),
    [({}, False), ({"namespaces": ["other"]}, True), ({"namespaceSelector": {}}, True), ({"namespaces": []}, False)],
)
@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize("required", [True, False])
def test_a_pod_that_names_other_namespaces_in_any_term_looks_across_them(
    term: Json, across: bool, kind: str, required: bool
) -> None:
    sides = {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", **term}],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
    }
    side = dict([list(sides.items())[0 if required else 1]])
    assert met("CrossNamespacePodAffinity", affinity={kind: side}) is across
    assert not met("CrossNamespacePodAffinity")


@pytest.mark.parametrize(
    ("operator", "values", "covered"),
    [
        ("In", ("high", ""), ["high"]),
        ("NotIn", ("high", ""), ["", "other"]),
        ("Exists", (), ["high", "other"]),
        ("DoesNotExist", (), [""]),
    ],
)
def test_a_pod_without_a_priority_class_is_in_no_list_of_them(
    operator: str, values: tuple[str, ...], covered: list[str]
) -> None:
    selector = Selector("PriorityClass", operator, values)
    names = ("", "high", "other")
    assert [n for n in names if meets(a_pod(priorityClassName=n), selector, KUBERNETES_1_37)] == covered


def test_nobody_meets_a_condition_of_an_unknown_scope() -> None:
    assert not met("VolumeAttributesClass")
    assert not met("")


@pytest.mark.parametrize(
    ("selector", "bad"),
    [
        (Selector("PriorityClass", "In", ("high", "x" * 63, "")), ""),
        (Selector("PriorityClass", "In", ("high", "x" * 64)), "x" * 60),
        (Selector("PriorityClass", "NotIn", ("high class",)), "high class"),
        (Selector("PriorityClass", "In", ("-high",)), "-high"),
        (Selector("PriorityClass", "Exists", ("high class",)), ""),
        (Selector("Terminating", "In", ("high class",)), ""),
    ],
)
def test_the_name_of_a_class_that_is_not_a_label_value_is_a_fault(selector: Selector, bad: str) -> None:
    told = fault(selector)
    assert (bad in told) if bad else (told == "")
    assert told == "" or told.endswith("is not the value of a label")

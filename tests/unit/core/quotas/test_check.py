"""What quotas say, told case by case; that all of it is as Kubernetes has it is in test_check_against_go.py."""

from typing import Any

import pytest

from tests.unit.core.quotas.making import a_pod, a_quota
from webhook.core.quotas.check import refusal

BIG = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


def test_what_fits_a_quota_to_the_last_byte_passes() -> None:
    assert refusal([a_quota(used={"requests.memory": "3Gi"})], a_pod()) == ""


def test_what_does_not_is_refused_in_the_words_that_others_look_for() -> None:
    quota = a_quota("compute", {"limits.memory": "4Gi", "pods": "10"}, {"limits.memory": "3Gi", "pods": "2"})
    assert refusal([quota], a_pod(BIG)) == (
        "exceeded quota: compute, requested: limits.memory=2Gi, used: limits.memory=3Gi, limited: limits.memory=4Gi"
    )


def test_all_that_is_exceeded_is_named_in_the_order_of_the_alphabet() -> None:
    quota = a_quota("q", {"pods": "1", "limits.cpu": "1", "requests.memory": "8Gi", "count/pods": "0"}, {"pods": "1"})
    assert refusal([quota], a_pod(BIG)) == (
        "exceeded quota: q, requested: count/pods=1,limits.cpu=2,pods=1, used: count/pods=0,limits.cpu=0,pods=1, "
        "limited: count/pods=0,limits.cpu=1,pods=1"
    )


def test_a_quota_on_cpu_or_memory_demands_that_every_container_says_it() -> None:
    quota = a_quota("q", {"limits.cpu": "4", "requests.memory": "8Gi", "requests.ephemeral-storage": "1Gi"})
    half = {"requests": {"memory": "1Gi"}}
    assert refusal([quota], a_pod(half, {}, initContainers=[{"name": "init"}])) == (
        "failed quota: q: must specify limits.cpu for: c0,c1,init; requests.memory for: c1,init"
    )
    assert refusal([quota], a_pod({}, resources={"limits": {"cpu": "1"}})) == ""  # the pod says it for all


def test_what_quotas_demand_goes_before_what_they_have_left() -> None:
    full, demanding = a_quota("a", used={"requests.memory": "4Gi"}), a_quota("b", {"limits.cpu": "9"})
    assert refusal([full, demanding], a_pod()).startswith("failed quota: b: ")
    assert refusal([full], a_pod()).startswith("exceeded quota: a, ")


@pytest.mark.parametrize("hard", [{}, {"services": "0"}, {"requests.storage": "1Gi"}, {"nvidia.com/gpu": "0"}])
def test_a_quota_that_restricts_nothing_of_pods_says_nothing(hard: dict[str, str]) -> None:
    quota = a_quota("q", hard)
    assert not quota.concerns_pods
    assert refusal([quota], a_pod()) == ""


@pytest.mark.parametrize(
    ("scopes", "spec", "covered"),
    [
        (["Terminating"], {"activeDeadlineSeconds": 0}, True),
        (["Terminating"], {}, False),
        (["NotTerminating"], {}, True),
        (["NotTerminating", "BestEffort"], {}, False),
        (["NotBestEffort"], {}, True),
        (["PriorityClass"], {"priorityClassName": "high"}, True),
        (["PriorityClass"], {}, False),
        (["VolumeAttributesClass"], {}, False),
    ],
)
def test_a_quota_is_about_the_pods_of_all_its_scopes(scopes: list[str], spec: dict[str, Any], covered: bool) -> None:
    quota = a_quota("q", {"pods": "0"}, scopes=scopes)
    assert refusal([quota], a_pod(**spec)).startswith("exceeded quota: q, ") is covered


@pytest.mark.parametrize(
    ("operator", "values", "covered"),
    [
        ("In", ["high", "low"], ["high"]),
        ("NotIn", ["high"], ["", "other"]),
        ("Exists", [], ["high", "other"]),
        ("DoesNotExist", [], [""]),
    ],
)
def test_a_quota_is_about_the_classes_that_it_selects(operator: str, values: list[str], covered: list[str]) -> None:
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    quota = a_quota("q", {"pods": "0"}, scopeSelector=selector)
    assert [name for name in ("", "high", "other") if refusal([quota], a_pod(priorityClassName=name))] == covered


def test_a_quota_that_cannot_tell_its_pods_refuses_all_as_the_api_server_does() -> None:
    selector = {"scopeName": "PriorityClass", "operator": "In", "values": ["x" * 64]}
    quota = a_quota("q", {"pods": "9"}, scopeSelector={"matchExpressions": [selector]})
    assert quota.concerns_pods
    assert refusal([quota], a_pod()).startswith("error matching scopes of quota q, err: ")


def test_a_quota_whose_usage_was_not_calculated_cannot_let_anything_in() -> None:
    quota = a_quota("q", {"pods": "9"})
    unknown = type(quota)(**{f: getattr(quota, f) for f in quota.__struct_fields__} | {"used": {}})
    assert refusal([unknown], a_pod()) == "status unknown for quota: q, resources: pods"


def test_of_a_resize_only_what_it_adds_is_asked_for() -> None:
    before, after = a_pod({"requests": {"memory": "1Gi"}}), a_pod({"requests": {"memory": "3Gi"}})
    tight, wide = a_quota(used={"requests.memory": "3Gi"}), a_quota(used={"requests.memory": "2Gi"})
    assert "requested: requests.memory=2Gi, used: requests.memory=3Gi" in refusal([tight], after, before)
    assert refusal([wide], after, before) == ""
    assert refusal([tight], before, after) == ""
    assert refusal([a_quota("q", {"pods": "0"}, {"pods": "1"})], after, before) == ""


def test_a_resize_that_brings_a_pod_into_a_quota_is_asked_for_as_a_whole() -> None:
    quota = a_quota("q", {"pods": "0"}, scopes=["NotBestEffort"])
    assert refusal([quota], a_pod(), a_pod({})).startswith("exceeded quota: q, requested: pods=1,")


def test_a_pod_that_has_ended_counts_as_stored_and_no_more() -> None:
    ended = a_pod(status={"phase": "Succeeded"})
    assert refusal([a_quota("q", {"pods": "0", "requests.memory": "0"})], ended) == ""
    assert "count/pods=1" in refusal([a_quota("q", {"count/pods": "0"})], ended)


@pytest.mark.parametrize("name", ["requests.example.com/gpu", "requests.hugepages-2Mi", "hugepages-2Mi"])
def test_any_resource_may_be_restricted(name: str) -> None:
    asked = {"requests": {"example.com/gpu": "2", "hugepages-2Mi": "4Mi"}, "limits": {"example.com/gpu": "2"}}
    assert refusal([a_quota("q", {name: "1"})], a_pod(asked)).startswith(f"exceeded quota: q, requested: {name}=")

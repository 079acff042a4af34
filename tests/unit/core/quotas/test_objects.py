"""Quotas and pods as a quota looks at them: what is read of the API's JSON, and what is refused."""

import json
from typing import Any

import pytest

from webhook.core.api.types import ObjectError
from webhook.core.quotas.objects import (
    ContainerStatus,
    InForce,
    PodAffinityTerm,
    QuotaMeta,
    QuotaStatus,
    Selector,
    read_pod,
    read_quota,
)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_quota_is_read_with_its_scopes_and_its_status() -> None:
    quota = read_quota(
        encoded(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "q", "namespace": "shop", "resourceVersion": "7", "labels": {"a": "b"}},
                "spec": {
                    "hard": {"pods": "9"},
                    "scopes": ["Terminating"],
                    "scopeSelector": {
                        "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
                    },
                },
                "status": {"hard": {"pods": "9", "cpu": 1}, "used": {"pods": 2.0}},
            }
        )
    )
    assert quota.metadata == QuotaMeta("q", "shop", "7")
    assert quota.spec.scopes == ("Terminating",)
    assert quota.spec.scope_selector is not None
    assert quota.spec.scope_selector.match_expressions == (Selector("PriorityClass", "In", ("high",)),)
    assert quota.status == QuotaStatus({"pods": "9", "cpu": 1}, {"pods": 2.0})


def test_what_a_quota_does_not_say_is_empty() -> None:
    quota = read_quota(b"{}")
    assert quota.metadata == QuotaMeta()
    assert (quota.spec.scopes, quota.spec.scope_selector, quota.status) == ((), None, QuotaStatus())


def test_a_pod_is_read_with_every_resource_that_a_quota_may_name() -> None:
    pod = read_pod(
        encoded(
            {
                "spec": {
                    "containers": [{"name": "a", "image": "x", "resources": {"requests": {"example.com/gpu": "1"}}}],
                    "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}],
                    "overhead": {"memory": "1Mi"},
                    "activeDeadlineSeconds": 60,
                    "priorityClassName": "high",
                },
                "status": {"phase": "Running", "qosClass": "Burstable"},
            }
        )
    )
    assert pod.spec.containers[0].resources.requests == {"example.com/gpu": "1"}
    assert [each.is_sidecar for each in pod.spec.init_containers] == [True, False]
    assert (pod.spec.overhead, pod.spec.active_deadline_seconds) == ({"memory": "1Mi"}, 60)
    assert (pod.spec.priority_class_name, pod.spec.resources) == ("high", None)
    assert (pod.status.phase, pod.status.qos_class) == ("Running", "Burstable")


def test_no_list_in_a_status_is_not_the_same_as_an_empty_one() -> None:
    statuses = [
        {"name": "a"},
        {"name": "b", "resources": {}, "allocatedResources": {}},
        {"name": "c", "resources": {"limits": {}}},
    ]
    pod = read_pod(encoded({"status": {"containerStatuses": statuses}}))
    assert pod.status.container_statuses == (
        ContainerStatus("a", None, None),
        ContainerStatus("b", InForce(None, None), {}),
        ContainerStatus("c", InForce(None, {}), None),
    )


def test_required_and_preferred_terms_of_an_affinity_are_one_list() -> None:
    side = {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["one"]}],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": {"namespaceSelector": {}}}],
    }
    affinity = read_pod(encoded({"spec": {"affinity": {"podAntiAffinity": side}}})).spec.affinity
    assert affinity.pod_affinity.terms == ()
    assert affinity.pod_anti_affinity.terms == (PodAffinityTerm(("one",)), PodAffinityTerm((), {}))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"spec": {"containers": [{"resources": {"requests": {"memory": []}}}]}}, "requests"),
        ({"spec": {"activeDeadlineSeconds": "soon"}}, "spec.activeDeadlineSeconds"),
        ({"status": {"containerStatuses": {}}}, "status.containerStatuses"),
    ],
)
def test_a_pod_that_does_not_fit_is_an_error_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(ObjectError) as refused:
        read_pod(encoded(value))
    assert path in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"status": {"hard": {"pods": {}}}}', b"\xff"])
def test_what_is_not_a_quota_is_an_error(body: bytes) -> None:
    with pytest.raises(ObjectError):
        read_quota(body)

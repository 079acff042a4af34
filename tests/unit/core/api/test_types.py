"""Objects are decoded as Go decodes them, field by field, and what is wrong is named by its path."""

import json

import msgspec
import pytest

from tests.support.sample_pods import Json
from webhook.core.api.types import Node, ObjectError, Pod, convert, reader

read_pod = reader(Pod)
read_node = reader(Node)


def test_every_field_of_a_pod_is_found_under_its_name() -> None:
    pod = read_pod(
        b"""{"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "generateName": "web-", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-11-30T09:00:00Z", "deletionTimestamp": "2026-11-30T10:00:00Z",
            "labels": {"app": "web"},
            "annotations": {"kubernetes.io/config.mirror": "hash", "other": "x"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}]},
        "spec": {"nodeName": "n1", "nodeSelector": {"disk": "ssd"}, "priorityClassName": "high", "hostNetwork": true,
            "volumes": [{}],
            "overhead": {"memory": "1Mi"}, "resources": {"limits": {"memory": "1Gi"}},
            "affinity": {"podAffinity": {}, "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [],
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{
                    "matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}],
                    "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]}}},
            "initContainers": [{"name": "mesh", "restartPolicy": "Always", "image": "i"}],
            "containers": [
                {"name": "app", "resources": {"requests": {"cpu": 1, "memory": "64Mi", "nvidia.com/gpu": 1}}}]},
        "status": {"phase": "Running",
            "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred", "message": "m"}],
            "resources": {"limits": {"cpu": "2"}}, "allocatedResources": {"cpu": "1"},
            "initContainerStatuses": [{"name": "mesh"}],
            "containerStatuses": [{"name": "app", "resources": {}, "allocatedResources": {"memory": "64Mi"}}],
            "nodeAllocatableResourceClaimStatuses": [{"resourceClaimName": "c", "containers": ["app"],
                "resources": {"cpu": 1}, "mapping": [{"name": "memory", "quantity": "1Gi"}],
                "overhead": [{"name": "cpu", "perPod": 1, "perContainer": "2"}]}]}}"""
    )
    assert json.loads(msgspec.json.encode(pod)) == {
        "metadata": {
            "name": "web-1",
            "generateName": "web-",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": "2026-11-30T09:00:00Z",
            "deletionTimestamp": "2026-11-30T10:00:00Z",
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": True}
            ],
            "annotations": {"kubernetes.io/config.mirror": "hash"},
        },
        "spec": {
            "nodeName": "n1",
            "nodeSelector": {"disk": "ssd"},
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}],
                                "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}],
                            }
                        ]
                    }
                }
            },
            "priorityClassName": "high",
            "hostNetwork": True,
            "containers": [
                {
                    "name": "app",
                    "resources": {"requests": {"cpu": 1, "memory": "64Mi"}, "limits": None},
                    "restartPolicy": "",
                }
            ],
            "initContainers": [
                {"name": "mesh", "resources": {"requests": {}, "limits": None}, "restartPolicy": "Always"}
            ],
            "overhead": {"memory": "1Mi"},
            "resources": {"requests": {}, "limits": {"memory": "1Gi"}},
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}],
            "containerStatuses": [
                {
                    "name": "app",
                    "resources": {"requests": None, "limits": None},
                    "allocatedResources": {"memory": "64Mi"},
                }
            ],
            "initContainerStatuses": [{"name": "mesh", "resources": None, "allocatedResources": None}],
            "resources": {"requests": None, "limits": {"cpu": "2"}},
            "allocatedResources": {"cpu": "1"},
            "nodeAllocatableResourceClaimStatuses": [
                {
                    "containers": ["app"],
                    "resources": {"cpu": 1},
                    "mapping": [{"name": "memory", "quantity": "1Gi"}],
                    "overhead": [{"name": "cpu", "perPod": 1, "perContainer": "2"}],
                }
            ],
        },
    }


def test_every_field_of_a_node_is_found_under_its_name() -> None:
    node = read_node(
        b"""{"metadata": {"name": "n1", "uid": "u", "resourceVersion": "9", "labels": {"pool": "a"}},
        "spec": {"unschedulable": true, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}], "podCIDR": "x"},
        "status": {"capacity": {"cpu": "4", "memory": "8247484Ki", "pods": "111", "ephemeral-storage": "9Gi"},
            "allocatable": {"cpu": "3920m", "memory": "8147484Ki", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "m"}]}}"""
    )
    assert json.loads(msgspec.json.encode(node)) == {
        "metadata": {"name": "n1", "uid": "u", "resourceVersion": "9", "labels": {"pool": "a"}},
        "spec": {"unschedulable": True, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "4", "memory": "8247484Ki", "pods": "111"},
            "allocatable": {"cpu": "3920m", "memory": "8147484Ki", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}],
        },
    }


def test_null_is_as_good_as_absent_wherever_it_stands() -> None:
    nulls: Json = {
        "metadata": {"name": None, "namespace": None, "annotations": None, "ownerReferences": None},
        "spec": {"containers": [{"name": "app", "resources": None}], "initContainers": None, "nodeSelector": None},
        "status": {"conditions": None, "containerStatuses": [{"name": None, "resources": {"limits": None}}]},
    }
    absent: Json = {
        "metadata": {},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"containerStatuses": [{"resources": {}}]},
    }
    assert read_pod(json.dumps(nulls).encode()) == read_pod(json.dumps(absent).encode())
    assert read_pod(b'{"spec": {"containers": null}, "status": null}') == Pod()
    assert read_pod(b'{"spec": {"containers": [null]}}') == read_pod(b'{"spec": {"containers": [{}]}}')


def test_a_null_quantity_is_there_whichever_way_it_is_read() -> None:
    fast = read_pod(b'{"spec": {"overhead": {"memory": null}}}')
    slow = read_pod(b'{"spec": {"overhead": {"memory": null}, "containers": null}}')
    assert fast == slow
    assert fast.spec.overhead.memory is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"spec": {"containers": [{}, {"name": 5}]}}', "spec.containers[1].name: expected str, got int"),
        ('{"spec": {"containers": {}}}', "spec.containers: expected array, got object"),
        (
            '{"spec": {"overhead": {"memory": true}}}',
            "spec.overhead.memory: expected int | float | str | null, got bool",
        ),
        ('{"spec": {"nodeSelector": {"disk": 1}}}', "spec.nodeSelector[...]: expected str, got int"),
        ('{"metadata": null, "spec": "x"}', "spec: expected object, got str"),
        ("[]", "object: expected object, got array"),
        ('"x"', "object: expected object, got str"),
    ],
)
def test_a_wrong_type_is_named_by_its_path(text: str, fault: str) -> None:
    with pytest.raises(ObjectError) as caught:
        read_pod(text.encode())
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"spec": }',
        b'{"metadata": {"name": "\xff"}}',
        b'{"x": ' + b"[" * 100_000,
        b'{"spec": {"overhead": {"memory": 1e999}}}',
        b'{"spec": {"overhead": {"memory": ' + b"9" * 10_000 + b"}}}",
    ],
)
def test_what_is_no_json_is_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(ObjectError):
        read_pod(data)


@pytest.mark.parametrize("data", [b"", b"{", b'{"spec": }', b'{"spec": {"overhead": {"memory": 1e999}}}'])
def test_what_is_no_json_is_told_as_that(data: bytes) -> None:
    with pytest.raises(ObjectError, match=r"^no readable JSON: "):
        read_pod(data)


def test_what_a_yaml_parser_returned_is_read_by_the_same_rules() -> None:
    pod = convert({"metadata": {"name": None}, "spec": {"containers": [{"resources": {"limits": {"memory": 5}}}]}}, Pod)
    limits = pod.spec.containers[0].resources.limits
    assert limits is not None
    assert limits.memory == 5
    endless: Json = {}
    endless["spec"] = endless
    with pytest.raises(ObjectError, match="nested too deeply"):
        convert(endless, Pod)


def test_parts_are_frozen_and_may_serve_as_keys() -> None:
    one, other = (read_pod(b'{"spec": {"containers": [{"resources": {"limits": {"cpu": "1"}}}]}}') for _ in range(2))
    assert {one.spec.containers: 1}[other.spec.containers] == 1
    with pytest.raises(AttributeError):
        one.spec.node_name = "n2"  # type: ignore[misc]  # that it cannot be done is the point


def test_half_a_surrogate_pair_is_an_error_as_any_other() -> None:
    with pytest.raises(ObjectError, match="not valid Unicode"):
        convert({"\ud800": 1}, Pod)

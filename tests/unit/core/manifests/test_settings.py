"""LimitRanges and RuntimeClasses of the input fill in what pods leave out, in the API server's order."""

import json
from typing import Any

import pytest

from tests.unit.core.manifests.objects import APP, found, manifest, one
from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.output import reasons
from webhook.core.pods.terms import Breakdown
from webhook.core.values.quantity import millis, whole

MI = 1 << 20


def limit_range(name: str, *limits: dict[str, Any], namespace: str = "here") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": list(limits)}}


def runtime_class(name: str, **overhead: str) -> dict[str, Any]:
    kind = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "none", "metadata": {"name": name}}
    return {**kind, "overhead": {"podFixed": overhead}}


def pod(resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return manifest("Pod", {"containers": [{"name": "app", "resources": resources}], **more}, "v1")


def figures(breakdown: Breakdown) -> tuple[int, int, int, int]:
    memory, cpu = breakdown
    return (
        whole(memory.requests.total) // MI,
        whole(memory.limits.total) // MI,
        millis(cpu.requests.total),
        millis(cpu.limits.total),
    )


CONTAINER = {"type": "Container"}


@pytest.mark.parametrize(
    ("limits", "resources", "expected"),
    [
        ({"default": {"memory": "128Mi"}}, {}, (128, 128, 0, 0)),
        ({"defaultRequest": {"memory": "64Mi"}}, {}, (64, 0, 0, 0)),
        ({"default": {"memory": "128Mi"}, "defaultRequest": {"memory": "64Mi"}}, {}, (64, 128, 0, 0)),
        ({"max": {"memory": "1Gi"}}, {}, (1024, 1024, 0, 0)),
        ({"max": {"memory": "1Gi"}, "default": {"memory": "256Mi"}}, {}, (256, 256, 0, 0)),
        ({"min": {"memory": "16Mi", "cpu": "10m"}}, {}, (16, 0, 10, 0)),
        ({"default": {"memory": "128Mi"}}, {"limits": {"memory": "1Gi"}}, (1024, 1024, 0, 0)),
        ({"default": {"memory": "128Mi"}}, {"requests": {"memory": "32Mi"}}, (32, 128, 0, 0)),
        ({"default": {"cpu": "500m"}}, {"limits": {"memory": "1Gi"}}, (1024, 1024, 500, 500)),
    ],
)
def test_what_a_container_leaves_out_is_filled_in(
    limits: dict[str, Any], resources: dict[str, Any], expected: tuple[int, ...]
) -> None:
    holding = one(pod(resources), limit_range("defaults", {**CONTAINER, **limits}))
    assert figures(holding.breakdown) == expected


def test_the_first_limit_range_by_name_goes_before_the_others() -> None:
    ranges = [
        limit_range("b", {**CONTAINER, "default": {"memory": "2Gi", "cpu": 2}}),
        limit_range("a", {**CONTAINER, "default": {"memory": "1Gi"}}),
    ]
    assert figures(one(*ranges, pod({})).breakdown) == (1024, 1024, 2000, 2000)


@pytest.mark.parametrize(
    "elsewhere",
    [
        limit_range("other", {**CONTAINER, "default": {"memory": "1Gi"}}, namespace="there"),
        limit_range("pods", {"type": "Pod", "max": {"memory": "1Gi"}}),
    ],
)
def test_another_namespaces_limit_range_and_one_for_whole_pods_fill_in_nothing(elsewhere: dict[str, Any]) -> None:
    holding = one(elsewhere, pod({}))
    assert figures(holding.breakdown) == (0, 0, 0, 0)
    assert holding.settings == ()


def test_a_runtime_class_adds_its_overhead_and_the_reasons_say_so() -> None:
    holding = one(pod({"limits": {"memory": "1Gi"}}, runtimeClassName="kata"), runtime_class("kata", memory="160Mi"))
    assert figures(holding.breakdown) == (1184, 1184, 0, 0)
    assert reasons(holding)[-1] == "  filled in from RuntimeClass kata (in these files)"
    assert holding.warnings == ()


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("Pod", {"runtimeClassName": "kata", "containers": [APP]}, ""),
        ("Deployment", {"template": {"spec": {"runtimeClassName": "kata", "containers": [APP]}}}, "spec.template."),
    ],
)
def test_sums_without_a_pods_runtime_class_are_said_to_be_too_low(kind: str, spec: dict[str, Any], path: str) -> None:
    holding = one(manifest(kind, spec, "v1" if kind == "Pod" else "apps/v1"))
    (warning,) = holding.warnings
    assert warning.startswith(f"{path}spec.runtimeClassName: RuntimeClass kata is not in the input")
    assert "may be too low" in warning


def test_a_pod_from_a_cluster_has_been_admitted_already() -> None:
    live = pod({}, runtimeClassName="kata")
    live["metadata"]["uid"] = "5"
    beside = [limit_range("a", {**CONTAINER, "default": {"memory": "1Gi"}}), runtime_class("kata", memory="1Gi")]
    holding = one(live, *beside)
    assert figures(holding.breakdown) == (0, 0, 0, 0)
    assert one(live).warnings == ()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            limit_range("a", {**CONTAINER, "max": {"memory": "1GB"}}),
            'spec.limits[0].max.memory: "1GB" is not a quantity',
        ),
        (runtime_class("a", cpu="one"), 'overhead.podFixed.cpu: "one" is not a quantity'),
    ],
)
def test_a_setting_that_cannot_be_read_is_a_fault(value: dict[str, Any], told: str) -> None:
    (fault,) = found(json.loads(json.dumps(value)))
    assert isinstance(fault, ManifestError)
    assert str(fault).startswith(f"document 1: {told}")

"""Manifests: which objects commit something, how many times, and where a fault stands."""

from typing import Any

import pytest

from tests.unit.core.manifests.objects import SPEC, TEMPLATE, counted, found, manifest, one
from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.manifest import Item, Other, contents
from webhook.core.manifests.output import data

GI = 1 << 30


def fault(value: Any) -> str:
    [error] = found(value)
    assert isinstance(error, ManifestError)
    return str(error)


@pytest.mark.parametrize(
    ("value", "replicas"),
    [
        (manifest("Pod", SPEC, "v1"), 1),
        (manifest("Pod", SPEC, "v1", status={"phase": "Running"}), 1),
        (manifest("Pod", SPEC, "v1", status={"phase": "Succeeded"}), 0),
        (manifest("Deployment", {**TEMPLATE, "replicas": 3}), 3),
        (manifest("Deployment", {**TEMPLATE, "replicas": None}), 1),
        (manifest("Deployment", {**TEMPLATE, "replicas": 0}), 0),
        (manifest("ReplicaSet", TEMPLATE), 1),
        (manifest("StatefulSet", {**TEMPLATE, "replicas": 2}), 2),
        (manifest("ReplicationController", {**TEMPLATE, "replicas": 2}, "v1"), 2),
        (manifest("DaemonSet", TEMPLATE), None),
        (manifest("Job", TEMPLATE, "batch/v1"), 1),
        (manifest("Job", {**TEMPLATE, "parallelism": 5}, "batch/v1"), 5),
        (manifest("Job", {**TEMPLATE, "parallelism": 5, "completions": 2}, "batch/v1"), 2),
        (manifest("Job", {**TEMPLATE, "parallelism": 2, "completions": 5, "suspend": True}, "batch/v1"), 2),
        (manifest("CronJob", {"jobTemplate": {"spec": {**TEMPLATE, "parallelism": 4}}}, "batch/v1"), 4),
    ],
)
def test_how_often_a_pod_is_committed(value: dict[str, Any], replicas: int | None) -> None:
    holding = one(value)
    assert (holding.kind, holding.namespace, holding.name) == (value["kind"], "here", "it")
    assert holding.replicas == replicas
    assert data([holding])[0]["memory"] == {"requestsBytes": GI, "limitsBytes": GI, "unbounded": False}


def test_a_name_that_is_still_to_be_made_and_no_namespace() -> None:
    holding = one({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}, "spec": SPEC})
    assert (holding.name, holding.namespace) == ("web-", None)


def test_what_commits_nothing_is_passed_over() -> None:
    others = [manifest("Service", {}, "v1"), manifest("Deployment", TEMPLATE, "example.com/v1"), manifest("List", {})]
    assert found(*others) == [Other("Service"), Other("Deployment", "example.com"), Other("List", "apps")]
    assert [each.commits_nothing for each in found(*others) if isinstance(each, Other)] == [True, False, True]


def test_a_document_with_nothing_in_it_is_no_fault() -> None:
    assert list(contents(b"---\n# only a comment\n---\n")) == []
    assert found(None) == []


def test_lists_are_taken_apart_even_in_lists() -> None:
    pods = {
        "apiVersion": "v1",
        "kind": "PodList",
        "items": [manifest("Pod", SPEC, "v1"), manifest("Service", {}, "v1")],
    }
    objects = found({"apiVersion": "v1", "kind": "List", "items": [pods, manifest("Job", TEMPLATE, "batch/v1")]})
    kinds = [each.head.kind if isinstance(each, Item) else type(each).__name__ for each in objects]
    assert kinds == ["Pod", "Other", "Job"]


BAD: dict[str, Any] = {"name": "app", "resources": {"requests": {"memory": "1GB"}}}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (manifest("Pod", {"containers": [BAD]}, "v1"), 'spec.containers[0].resources.requests.memory: "1GB" is not a '),
        (
            manifest("CronJob", {"jobTemplate": {"spec": {"template": {"spec": {"containers": [BAD]}}}}}, "batch/v1"),
            "spec.jobTemplate.spec.template.spec.containers[0].resources.requests.memory: ",
        ),
        (
            {"apiVersion": "v1", "kind": "List", "items": [manifest("Pod", {"containers": [BAD]}, "v1")]},
            "items[0].spec.containers[0].resources.requests.memory: ",
        ),
        (manifest("Deployment", {"replicas": "3", **TEMPLATE}), "spec.replicas: expected int, got str"),
        (manifest("Deployment", {"replicas": -1, **TEMPLATE}), "spec.replicas: expected int >= 0"),
        (manifest("Deployment", {"replicas": 1}), "spec.template.spec.containers: is missing or empty"),
        (manifest("Deployment", SPEC), "spec.template.spec.containers: is missing or empty"),
        (manifest("Pod", {"containers": {}}, "v1"), "spec.containers: expected array, got object"),
        ({"kind": "Pod"}, "apiVersion is missing"),
        (
            {"apiVersion": "v1", "kind": "List", "items": [5]},
            "items[0].object: is not an object; a manifest starts with apiVersion and kind",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(value: dict[str, Any], told: str) -> None:
    assert fault(value).startswith(f"document 1: {told}")


def test_a_fault_does_not_hide_what_else_is_there() -> None:
    broken = manifest("Pod", {"containers": [BAD]}, "v1")
    kinds = [
        type(each).__name__
        for each in found(manifest("Pod", SPEC, "v1"), broken, manifest("Job", TEMPLATE, "batch/v1"))
    ]
    assert kinds == ["Item", "ManifestError", "Item"]


def test_a_pods_status_counts() -> None:
    resized = {"name": "app", "resources": {"requests": {"memory": "3Gi"}}, "allocatedResources": {"memory": "3Gi"}}
    holding = one(manifest("Pod", SPEC, "v1", status={"phase": "Running", "containerStatuses": [resized]}))
    assert data([holding])[0]["memory"]["requestsBytes"] == 3 * GI


def live(kind: str, name: str, owner: str | None, version: str = "apps/v1", **spec: Any) -> dict[str, Any]:
    """An object as a cluster shows it; its uid is its name."""
    found = manifest(kind, {**(SPEC if kind == "Pod" else TEMPLATE), **spec}, version)
    found["metadata"] |= {"name": name, "uid": name}
    if owner is not None:
        reference = {"apiVersion": "v1", "kind": "Any", "name": owner, "uid": owner, "controller": True}
        found["metadata"]["ownerReferences"] = [reference]
    return found


def test_live_objects_are_counted_once_with_the_controller_that_made_them() -> None:
    sets = [live("ReplicaSet", "web-1", "web", replicas=3), live("ReplicaSet", "web-0", "web", replicas=0)]
    pods = [live("Pod", f"web-1-{n}", "web-1", "v1") for n in range(3)]
    alone = [live("Pod", "alone", None, "v1"), live("Pod", "of-something-else", "rollout", "v1")]
    counts = counted(*pods, live("Deployment", "web", None, replicas=3), *sets, *alone)
    assert [(each.name, each.replicas) for each in counts.holdings] == [
        ("web", 3),
        ("alone", 1),
        ("of-something-else", 1),
    ]
    assert [item.head.kind for item in counts.with_controllers] == ["Pod"] * 3 + ["ReplicaSet"] * 2
    assert [each.name for each in counted(*pods).holdings] == ["web-1-0", "web-1-1", "web-1-2"]


def test_a_live_daemon_set_says_how_many_pods_it_runs() -> None:
    agents = {**manifest("DaemonSet", TEMPLATE), "status": {"desiredNumberScheduled": 7}}
    assert one(agents).replicas == 7


@pytest.mark.parametrize(
    ("written", "meant"), [("128m", "128Mi"), ("1500m", "1500Mi"), (0.5, "a whole number"), ("1u", "a whole number")]
)
def test_a_fraction_of_a_byte_is_hardly_meant(written: Any, meant: str) -> None:
    app = {"name": "app", "resources": {"requests": {"memory": written, "cpu": "100m"}}}
    (warning,) = one(manifest("Deployment", {"template": {"spec": {"containers": [app]}}})).warnings
    path = "spec.template.spec.containers[0].resources.requests.memory"
    assert warning == f'{path}: "{written}" is not a whole number of bytes; did you mean {meant}?'


@pytest.mark.parametrize(
    ("times", "more", "told"),
    [
        (2, {}, ("occurs twice, and is counted twice",)),
        (3, {}, ("occurs 3 times, and is counted 3 times",)),
        (2, {"uid": "u"}, ("occurs twice, and is counted twice",)),
        (1, {}, ()),
    ],
)
def test_an_object_that_occurs_several_times_is_told_of_with_the_first(
    times: int, more: dict[str, str], told: tuple[str, ...]
) -> None:
    value = manifest("Deployment", TEMPLATE)
    value["metadata"] |= more
    others = [manifest("StatefulSet", TEMPLATE), {**value, "metadata": {**value["metadata"], "uid": "another"}}]
    first, *rest = counted(*[value] * times, *others).holdings
    assert first.warnings == told
    assert not any(each.warnings for each in rest)
    nameless = {**value, "metadata": {"generateName": "web-"}}
    assert not any(each.warnings for each in counted(nameless, nameless).holdings), "each becomes another object"


def test_an_object_with_several_templates_occurs_once() -> None:
    value = manifest("Rollouts", {"blue": TEMPLATE, "green": TEMPLATE}, "example.com/v1")
    holdings = counted(value, guess=True).holdings
    assert [each.warnings for each in holdings] == [(), ()]

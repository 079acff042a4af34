"""Usage: what one pod uses of the resources that a quota names, and what a resize adds."""

from typing import Any

import pytest

from tests.unit.core.quotas.making import a_pod
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38, RuleSet
from webhook.core.quotas.objects import Pod
from webhook.core.quotas.usage import Source, growth, restricts_pods, source, usage
from webhook.core.values.quantity import QuantityError

Json = dict[str, Any]
BIG: Json = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
INFEASIBLE = [{"type": "PodResizePending", "reason": "Infeasible"}]


def used(pod: Pod, *names: str, rule_set: RuleSet = KUBERNETES_1_37) -> dict[str, str]:
    return {name: str(amount) for name, amount in usage(pod, names, rule_set).items()}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cpu", Source("cpu")),
        ("memory", Source("memory")),
        ("requests.cpu", Source("cpu")),
        ("limits.cpu", Source("cpu", of_limits=True)),
        ("limits.ephemeral-storage", Source("ephemeral-storage", of_limits=True)),
        ("hugepages-2Mi", Source("hugepages-2Mi")),
        ("requests.hugepages-2Mi", Source("hugepages-2Mi")),
        ("limits.hugepages-2Mi", None),
        ("requests.example.com/gpu", Source("example.com/gpu")),
        ("limits.example.com/gpu", None),
        ("example.com/gpu", None),
        ("requests.kubernetes.io/batch-cpu", None),
        (
            "requests.deviceclass.resource.kubernetes.io/fast",
            Source("deviceclass.resource.kubernetes.io/fast"),
        ),
        ("requests.storage", None),
        ("pods", None),
        ("count/pods", None),
        ("services", None),
    ],
)
def test_the_name_in_a_quota_says_what_is_summed(name: str, found: Source | None) -> None:
    assert source(name) == found
    assert restricts_pods(name) == (found is not None or name in ("pods", "count/pods"))


def test_a_pod_uses_its_requests_and_its_limits() -> None:
    pod = a_pod(BIG, BIG)
    names = ("cpu", "requests.memory", "limits.cpu", "limits.memory", "pods", "count/pods")
    assert used(pod, *names) == dict(zip(names, ("2", "4Gi", "4", "4Gi", "1", "1"), strict=True))


def test_what_a_pod_uses_nothing_of_and_what_nobody_names_is_left_out() -> None:
    assert used(a_pod(BIG), "requests.ephemeral-storage", "services", "requests.example.com/gpu") == {}
    assert used(a_pod({"requests": {"memory": "0"}}), "memory") == {}
    assert used(a_pod(BIG)) == {}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_only_stored(phase: str) -> None:
    assert used(a_pod(BIG, status={"phase": phase}), "memory", "limits.cpu", "pods", "count/pods") == {
        "count/pods": "1"
    }


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ([("Never", "5Gi")], "5Gi"),
        ([("Never", "1Gi")], "2Gi"),
        ([("Always", "1Gi")], "3Gi"),
        ([("Always", "1Gi"), ("Never", "5Gi")], "6Gi"),
        ([("Never", "5Gi"), ("Always", "1Gi")], "5Gi"),
    ],
)
def test_init_containers_count_by_their_peak_and_sidecars_beside_all(
    init: list[tuple[str, str]], expected: str
) -> None:
    containers = [
        {"name": f"i{n}", "restartPolicy": policy, "resources": {"requests": {"memory": memory}}}
        for n, (policy, memory) in enumerate(init)
    ]
    assert used(a_pod(BIG, initContainers=containers), "memory") == {"memory": expected}


def test_the_pod_itself_counts_for_cpu_memory_and_huge_pages_alone() -> None:
    own = {"requests": {"memory": "7Gi", "ephemeral-storage": "9Gi", "hugepages-2Mi": "4Mi"}}
    pod = a_pod({"requests": {"memory": "1Gi", "cpu": "1", "ephemeral-storage": "1Gi"}}, resources=own)
    names = ("memory", "cpu", "ephemeral-storage", "hugepages-2Mi")
    assert used(pod, *names) == dict(zip(names, ("7Gi", "1", "1Gi", "4Mi"), strict=True))


def test_overhead_is_added_to_requests_and_to_limits_that_there_are() -> None:
    overhead = {"memory": "1Gi", "cpu": "1"}
    assert used(a_pod(BIG, overhead=overhead), "memory", "limits.memory") == {"memory": "3Gi", "limits.memory": "3Gi"}
    bare = a_pod({"requests": {"memory": "1Gi"}}, overhead=overhead)
    assert used(bare, "memory", "limits.memory", "cpu") == {"memory": "2Gi", "cpu": "1"}


def test_since_1_38_limits_count_only_if_every_container_has_one() -> None:
    pod = a_pod(BIG, {"requests": {"memory": "1Gi"}, "limits": {"cpu": "1"}})
    assert used(pod, "limits.memory", "limits.cpu") == {"limits.memory": "2Gi", "limits.cpu": "3"}
    assert used(pod, "limits.memory", "limits.cpu", rule_set=KUBERNETES_1_38) == {"limits.cpu": "3"}


def held(name: str, in_force: Json | None = None, allocated: Json | None = None) -> Json:
    return {"name": name, "resources": in_force, "allocatedResources": allocated}


def test_1_36_takes_the_most_of_each_container_and_1_37_the_largest_sum() -> None:
    asks = {"requests": {"memory": "3Gi"}}, {"requests": {"memory": "5Gi"}}
    statuses = [
        held("c0", {"requests": {"memory": "6Gi"}}, {"memory": "6Gi"}),
        held("c1", {"requests": {"memory": "1Gi"}}, {"memory": "1Gi"}),
    ]
    pod = a_pod(*asks, status={"containerStatuses": statuses})
    assert used(pod, "memory", rule_set=KUBERNETES_1_36) == {"memory": "11Gi"}
    assert used(pod, "memory", rule_set=KUBERNETES_1_37) == {"memory": "8Gi"}


@pytest.mark.parametrize("rule_set", [KUBERNETES_1_36, KUBERNETES_1_37], ids=lambda each: each.version)
def test_an_infeasible_resize_uses_what_is_held(rule_set: RuleSet) -> None:
    in_force = {"requests": {"memory": "1Gi"}, "limits": {"memory": "3Gi"}}
    status = {"conditions": INFEASIBLE, "containerStatuses": [held("c0", in_force, {"memory": "2Gi"})]}
    pod = a_pod({"requests": {"memory": "9Gi"}, "limits": {"memory": "9Gi"}}, status=status)
    assert used(pod, "memory", "limits.memory", rule_set=rule_set) == {"memory": "2Gi", "limits.memory": "3Gi"}
    status["conditions"] = [{"type": "PodResizePending", "reason": "Deferred"}]
    deferred = a_pod({"requests": {"memory": "9Gi"}, "limits": {"memory": "9Gi"}}, status=status)
    assert used(deferred, "memory", "limits.memory", rule_set=rule_set) == {"memory": "9Gi", "limits.memory": "9Gi"}


@pytest.mark.parametrize(("rule_set", "taken"), [(KUBERNETES_1_36, "7Gi"), (KUBERNETES_1_37, "6Gi")])
def test_of_two_reports_of_one_container_each_version_takes_its_own(rule_set: RuleSet, taken: str) -> None:
    reports = [held("c0", {"requests": {"memory": each}}) for each in ("6Gi", "7Gi")]
    pod = a_pod({"requests": {"memory": "1Gi"}}, status={"containerStatuses": reports})
    assert used(pod, "memory", rule_set=rule_set) == {"memory": taken}


def test_of_plain_init_containers_1_36_looks_at_no_status() -> None:
    init = [{"name": "i", "resources": {"requests": {"memory": "1Gi"}}}]
    status = {"initContainerStatuses": [held("i", {"requests": {"memory": "8Gi"}})]}
    pod = a_pod({}, initContainers=init, status=status)
    assert used(pod, "memory", rule_set=KUBERNETES_1_36) == {"memory": "1Gi"}
    assert used(pod, "memory", rule_set=KUBERNETES_1_37) == {"memory": "8Gi"}


def test_growth_is_what_a_resize_adds_sum_by_sum() -> None:
    before = a_pod({"requests": {"memory": "3Gi", "cpu": "1"}})
    after = a_pod({"requests": {"memory": "1Gi", "cpu": "4", "ephemeral-storage": "1Gi"}})
    names = ("memory", "cpu", "ephemeral-storage", "pods")
    grown = growth(after, before, names, KUBERNETES_1_37)
    assert {name: str(more) for name, more in grown.items()} == {"cpu": "3", "ephemeral-storage": "1Gi"}
    assert growth(before, before, names) == {}


def test_a_bad_quantity_is_an_error_where_a_quota_names_it() -> None:
    pod = a_pod({"requests": {"memory": "much"}})
    assert used(pod, "cpu", "pods") == {"pods": "1"}
    with pytest.raises(QuantityError):
        usage(pod, ["memory"])

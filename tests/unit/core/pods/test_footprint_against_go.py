"""The footprint is what Kubernetes' own code says: a clever twin held against the original, over pods at random."""

import json

from tests.support.kubernetes_footprint import Opinion, Sums, kubernetes_says
from tests.support.sample_pods import Json, many
from webhook.core.api.types import ContainerStatus, Pod, PodStatus, ResourceList, reader
from webhook.core.pods.footprint import explain, footprint

BATCH = 20_000

read_pod = reader(Pod)


def we_say(pod: Json) -> Opinion:
    """Our own sums, in the shape of Go's answer."""
    ours = footprint(read_pod(json.dumps(pod).encode()))
    return Opinion(Sums(ours.memory_requests, ours.cpu_requests), Sums(ours.memory_limits, ours.cpu_limits))


def test_no_difference_over_many_random_pods() -> None:
    batch = many(BATCH)
    theirs = kubernetes_says(batch)
    assert len(theirs) == BATCH
    differences = [(pod, ours, go) for pod, go in zip(batch, theirs, strict=True) if (ours := we_say(pod)) != go]
    smallest = min(differences, key=lambda each: len(json.dumps(each[0])), default=None)
    assert smallest is None, f"{len(differences)} of {BATCH} differ, the smallest: {smallest}"


def test_the_random_pods_reach_every_part_of_the_rule() -> None:
    batch = [read_pod(json.dumps(pod).encode()) for pod in many(500)]
    taken = [explain(pod).memory for pod in batch]
    assert {each.requests.decisive for each in taken} == {"containers", "init", "pod"}
    assert {each.unbounded for each in taken} == {True, False}
    assert any(each.requests.overhead and not each.limits.overhead for each in taken)
    assert {"Infeasible", "Deferred"} <= {condition.reason for pod in batch for condition in pod.status.conditions}
    orders = ["".join("s" if c.restart_policy == "Always" else "i" for c in pod.spec.init_containers) for pod in batch]
    assert all(any(part in order for order in orders) for part in ("is", "si", "isi", "ss", "ii"))
    reported: list[PodStatus | ContainerStatus] = [pod.status for pod in batch]
    reported += [status for pod in batch for status in pod.status.container_statuses]
    assert any(status.resources for status in reported)
    assert any(status.allocated_resources != ResourceList() for status in reported)

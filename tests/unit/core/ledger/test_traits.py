"""Traits: the workload of a pod, as far as the pod's own metadata tell."""

import json
from typing import Any

import pytest

from webhook.core.api.types import Pod, WatchedPod, reader
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.info import pod_info
from webhook.core.ledger.traits import BARE, NO_TRAITS, Traits
from webhook.core.ledger.unreviewed import STATIC, why_unreviewed
from webhook.core.values.amounts import NOTHING

read = reader(WatchedPod)
CREATED = "2026-11-30T01:00:05Z"
MINUTES = 29_933_340  # since 1970, at 2026-11-30T01:00:00Z


def traits(owner: tuple[str, str] | None = None, **metadata: Any) -> Traits:
    found = {"namespace": "shop", "name": "web-1", "creationTimestamp": CREATED} | metadata
    if owner is not None:
        found["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "uid": "u", "controller": True}]
    spec = {"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}, {"name": "b"}]}
    return pod_info(read(json.dumps({"metadata": found, "spec": spec}).encode())).traits


@pytest.mark.parametrize(
    ("owner", "hash_", "workload"),
    [
        (("ReplicaSet", "web-6d985cfd4d"), "6d985cfd4d", ("Deployment", "web")),
        (("ReplicaSet", "web-6d985cfd4d"), "", ("ReplicaSet", "web-6d985cfd4d")),
        (("ReplicaSet", "web-6d985cfd4d"), "other", ("ReplicaSet", "web-6d985cfd4d")),
        (("ReplicaSet", "-abc"), "abc", ("ReplicaSet", "-abc")),
        (("StatefulSet", "db"), "6d985cfd4d", ("StatefulSet", "db")),
        (("DaemonSet", "agent"), "", ("DaemonSet", "agent")),
        (("Job", f"backup-{MINUTES}"), "", ("CronJob", "backup")),
        (("Job", f"very-long-{MINUTES - 60 * 24 * 300}"), "", ("CronJob", "very-long")),
        (("Job", "report-20261130"), "", ("Job", "report-20261130")),
        (("Job", f"report-{MINUTES + 60 * 24 * 2}"), "", ("Job", f"report-{MINUTES + 60 * 24 * 2}")),
        (("Job", f"report-{MINUTES - 60 * 24 * 400}"), "", ("Job", f"report-{MINUTES - 60 * 24 * 400}")),
        (("Job", f"-{MINUTES}"), "", ("Job", f"-{MINUTES}")),
        (("Job", f"report-0{MINUTES}"), "", ("Job", f"report-0{MINUTES}")),
        (("Job", "report-²²"), "", ("Job", "report-²²")),
        (("Job", "backup"), "", ("Job", "backup")),
        (("Rollout", "web"), "6d985cfd4d", ("Rollout", "web")),
        (("Pod", "driver"), "", BARE),
        (None, "6d985cfd4d", BARE),
    ],
)
def test_the_workload_is_the_top_owner_as_far_as_the_pod_tells(
    owner: tuple[str, str] | None, hash_: str, workload: tuple[str, str]
) -> None:
    assert traits(owner, labels={"app": "web"} | ({"pod-template-hash": hash_} if hash_ else {})).workload == workload


def test_a_job_is_that_of_a_cronjob_by_when_each_pod_was_created() -> None:
    job = ("Job", f"backup-{MINUTES}")
    assert traits(job).workload == ("CronJob", "backup")
    assert traits(job, creationTimestamp="2010-01-01T00:00:00Z").workload == job
    assert traits(job, creationTimestamp="").workload == job
    assert traits(job).workload == ("CronJob", "backup")


def test_an_owner_that_is_not_the_controller_is_not_the_workload() -> None:
    reference = {"kind": "ReplicaSet", "name": "web-1", "uid": "u"}
    assert traits(ownerReferences=[reference]).workload == BARE


def test_pods_of_one_workload_share_their_traits() -> None:
    owner = ("ReplicaSet", "web-6d985cfd4d")
    labels = {"pod-template-hash": "6d985cfd4d"}
    assert traits(owner, labels=labels) is traits(owner, labels=labels, name="web-2")


def test_containers_without_a_memory_limit_are_counted() -> None:
    assert traits().unbounded == 1


def test_a_mirror_of_a_static_pod_is_marked() -> None:
    assert not traits().static
    assert traits(annotations={"kubernetes.io/config.mirror": "hash"}).static


def test_a_review_decodes_no_labels_and_asks_for_no_traits() -> None:
    body = {"metadata": {"name": "p", "labels": 7, "ownerReferences": []}}
    assert pod_info(reader(Pod)(json.dumps(body).encode())).traits is NO_TRAITS


def test_a_label_of_null_is_taken_as_absent() -> None:
    assert traits(labels={"pod-template-hash": None}).workload == BARE


def test_a_static_pod_is_static_before_anything_else() -> None:
    static = traits(annotations={"kubernetes.io/config.mirror": ""})
    assert why_unreviewed("kube-system", Entry("u", NOTHING, "n", (), static), "") == STATIC

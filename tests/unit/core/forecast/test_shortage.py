"""How many pods a controller lacks by its last report, and which rollouts wait for themselves."""

from typing import Any

import msgspec
import pytest

from webhook.core.api.workloads import Workload, read_workload
from webhook.core.forecast.shortage import ENDED, Shortage, shortage

Json = dict[str, Any]


def made(spec: Json | None = None, status: Json | None = None, **metadata: object) -> Workload:
    """Make a workload whose controller has seen its last edit."""
    seen = {"observedGeneration": 1} | (status or {})
    return read_workload(msgspec.json.encode({"metadata": {"generation": 1} | metadata, "spec": spec, "status": seen}))


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "ReplicationController"])
def test_a_controller_lacks_what_it_wants_and_does_not_have(kind: str) -> None:
    assert shortage(kind, made({"replicas": 5}, {"replicas": 2, "updatedReplicas": 2})) == Shortage(3)
    assert shortage(kind, made({"replicas": 5}, {"replicas": 5})) == ENDED
    assert shortage(kind, made({"replicas": 1}, {"replicas": 2})) == ENDED
    assert shortage(kind, made({"replicas": 0})) == ENDED


def test_a_report_from_before_the_last_edit_says_nothing() -> None:
    stale = made({"replicas": 5}, {"replicas": 5}, generation=2)
    assert shortage("ReplicaSet", stale) == Shortage(None)


def test_a_controller_that_is_being_deleted_wants_nothing() -> None:
    assert shortage("ReplicaSet", made({"replicas": 5}, deletionTimestamp="2026-01-01T00:00:00Z")) == ENDED


@pytest.mark.parametrize(
    ("spec", "status", "missing"),
    [
        ({"parallelism": 4}, {}, 4),
        ({"parallelism": 4}, {"active": 1}, 3),
        ({"parallelism": 4, "completions": 5}, {"active": 1, "succeeded": 3}, 1),
        ({"parallelism": 4}, {"succeeded": 1}, 0),
        ({"parallelism": 4, "suspend": True}, {}, 0),
        ({"parallelism": 4, "managedBy": "kueue.x-k8s.io/multikueue"}, {}, 0),
        ({"parallelism": 4}, {"conditions": [{"type": "Failed", "status": "True"}]}, 0),
    ],
)
def test_a_job_lacks_what_it_runs_at_one_time(spec: Json, status: Json, missing: int) -> None:
    assert shortage("Job", made(spec, status)).missing == missing


def rolling(**strategy: object) -> Json:
    return {"replicas": 4, "strategy": {"type": "RollingUpdate", "rollingUpdate": strategy}}


NEW_SET = made({"replicas": 1}, {"replicas": 0})


@pytest.mark.parametrize(
    ("spec", "status", "stuck"),
    [
        (rolling(maxSurge=1, maxUnavailable=0), {"replicas": 4, "updatedReplicas": 0, "availableReplicas": 4}, True),
        (rolling(), {"replicas": 4, "updatedReplicas": 0, "availableReplicas": 4}, False),  # 25%: one old pod goes
        (rolling(), {"replicas": 3, "updatedReplicas": 0, "availableReplicas": 3}, True),  # it has gone
        (rolling(maxUnavailable="50%"), {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 3}, False),
        (rolling(maxUnavailable=0), {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, False),  # no old pod
        ({"replicas": 4, "strategy": {"type": "Recreate"}}, {"replicas": 4}, False),
        (rolling(maxUnavailable=0) | {"paused": True}, {"replicas": 4, "availableReplicas": 4}, False),
        (rolling(maxUnavailable=0), {"observedGeneration": 0, "replicas": 4, "availableReplicas": 4}, False),
    ],
)
def test_a_rollout_waits_for_itself_where_no_old_pod_goes_before_a_new_one_comes(
    spec: Json, status: Json, *, stuck: bool
) -> None:
    assert shortage("ReplicaSet", NEW_SET, made(spec, status)) == Shortage(1, stuck)


def test_a_replica_set_that_lacks_nothing_or_has_no_deployment_waits_for_nothing() -> None:
    top = made(rolling(maxUnavailable=0), {"replicas": 4, "availableReplicas": 4})
    assert shortage("ReplicaSet", made({"replicas": 1}, {"replicas": 1}), top) == ENDED
    assert shortage("ReplicaSet", NEW_SET) == Shortage(1)


def test_a_stateful_set_that_replaced_a_pod_waits_for_itself_while_old_ones_are_left() -> None:
    assert shortage("StatefulSet", made({"replicas": 3}, {"replicas": 2, "updatedReplicas": 0})) == Shortage(1, True)
    assert shortage("StatefulSet", made({"replicas": 3}, {"replicas": 2, "updatedReplicas": 2})) == Shortage(1)


@pytest.mark.parametrize("strategy", [{"type": "OnDelete"}, {"rollingUpdate": {"partition": 2}}])
def test_old_pods_of_a_stateful_set_that_are_to_stay_hold_nothing_up(strategy: Json) -> None:
    spec = {"replicas": 3, "updateStrategy": strategy}
    assert shortage("StatefulSet", made(spec, {"replicas": 2, "updatedReplicas": 0})) == Shortage(1)


@pytest.mark.parametrize(
    ("strategy", "scheduled", "updated", "expected"),
    [
        ({}, 3, 3, Shortage(2)),
        ({}, 4, 1, Shortage(1, True)),  # the old pod of a node is gone, and the new one was refused
        ({}, 5, 1, ENDED),
        ({"rollingUpdate": {"maxSurge": 2}}, 5, 1, Shortage(2, True)),
        ({"rollingUpdate": {"maxSurge": 2}}, 5, 4, Shortage(1, True)),
        ({"type": "OnDelete"}, 5, 1, ENDED),
        ({"type": "OnDelete"}, 4, 1, Shortage(1)),
    ],
)
def test_a_daemon_set_lacks_a_pod_on_each_node_without_one(
    strategy: Json, scheduled: int, updated: int, expected: Shortage
) -> None:
    status = {
        "desiredNumberScheduled": 5,
        "currentNumberScheduled": scheduled,
        "updatedNumberScheduled": updated,
    }
    assert shortage("DaemonSet", made({"updateStrategy": strategy}, status)) == expected

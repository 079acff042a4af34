"""Plans: which edits make pods come, and how each kind of workload goes about it."""

import json
from typing import Any

import pytest

from tests.support.accounts import node
from tests.support.workloads import Json, template, workload
from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import Workload, read_workload, scaled
from webhook.core.forecast.plan import Edit, Plan, plan
from webhook.core.forecast.rollout import growth, in_place, on_nodes, recreation, rolling
from webhook.core.ledger.nodes import NodeInfo

OTHER = template(image="b")
FAILED = {"conditions": [{"type": "ReplicaFailure", "status": "True"}]}
OWNER = b'"metadata":{"ownerReferences":[{"kind":"X","name":"x","uid":"1","controller":true}]}'


def job(template: Json | None = None, **spec: Any) -> Workload:
    return workload(1, template, **spec)


def cron(suspend: bool = False, schedule: str = "@daily", **spec: Any) -> Workload:
    return workload(jobTemplate={"spec": {"template": template(), **spec}}, suspend=suspend, schedule=schedule)


def made(kind: str, new: Workload, old: Workload | None = None, nodes: tuple[NodeInfo, ...] = ()) -> Plan:
    found = plan(kind, Edit(new, old, nodes))
    assert found is not None
    return found


SILENT = {
    "the same again": ("Deployment", workload(3), workload(3, status={"replicas": 1})),
    "other settings": ("Deployment", workload(3, revisionHistoryLimit=1), workload(3)),
    "fewer than there are": ("Deployment", workload(2), workload(3, status={"replicas": 3})),
    "none": ("Deployment", workload(0), None),
    "new and paused": ("Deployment", workload(3, paused=True), None),
    "a new template while paused": ("Deployment", workload(3, OTHER, paused=True), workload(3, status={"replicas": 3})),
    "replaced only when deleted": (
        "StatefulSet",
        workload(3, OTHER, updateStrategy={"type": "OnDelete"}),
        workload(3, status={"replicas": 3}),
    ),
    "a partition above all": (
        "StatefulSet",
        workload(3, OTHER, updateStrategy={"rollingUpdate": {"partition": 3}}),
        workload(3, status={"replicas": 3}),
    ),
    "a new template of what nobody replaces": ("ReplicaSet", workload(3, OTHER), workload(3, status={"replicas": 3})),
    "a suspended job": ("Job", job(parallelism=3, suspend=True), None),
    "a job of fewer": ("Job", job(parallelism=2), job(parallelism=3)),
    "a job that is done": ("Job", job(parallelism=3), job(status={"succeeded": 1})),
    "another schedule": ("CronJob", cron(schedule="@hourly"), cron()),
    "a suspended cron job": ("CronJob", cron(suspend=True), None),
}


@pytest.mark.parametrize(("kind", "new", "old"), SILENT.values(), ids=SILENT)
def test_of_these_nothing_comes(kind: str, new: Workload, old: Workload | None) -> None:
    assert plan(kind, Edit(new, old)) is None


@pytest.mark.parametrize("kind", ["ReplicaSet", "Job"])
def test_what_a_controller_made_was_told_where_that_was_asked_for(kind: str) -> None:
    assert plan(kind, Edit(read_workload(b"{" + OWNER + b"}"), None)) is None
    assert plan(kind, Edit(read_workload(OWNER.join([b"{", b"}"]).replace(b"true", b"false")), None)) is not None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_more_replicas_are_more_of_the_same(kind: str) -> None:
    assert made(kind, workload(5)).course == growth(5, 0)
    assert made(kind, workload(5), workload(3, status={"replicas": 2})).course == growth(5, 2)


def test_fewer_than_were_asked_for_but_more_than_there_are_is_a_mild_plan() -> None:
    old = workload(10, status={"replicas": 6, **FAILED})
    found = made("Deployment", workload(8), old)
    assert (found.course, found.mild) == (growth(8, 6), True)
    assert not made("Deployment", workload(12), old).mild


@pytest.mark.parametrize(
    ("replicas", "strategy", "surge", "unavailable", "advice"),
    [
        (10, {}, 3, 2, "maxSurge: 0"),
        (3, {}, 1, 0, "maxSurge: 0"),
        (4, {"maxSurge": 2, "maxUnavailable": 0}, 2, 0, "maxSurge: 0, maxUnavailable: 1"),
        (4, {"maxSurge": "50%", "maxUnavailable": "0%"}, 2, 0, "maxSurge: 0, maxUnavailable: 1"),
        (3, {"maxSurge": 0, "maxUnavailable": "25%"}, 0, 1, "maxSurge: 0"),
        (10, {"maxSurge": "11%", "maxUnavailable": "39%"}, 2, 3, "maxSurge: 0"),
    ],
)
def test_a_new_template_rolls(replicas: int, strategy: Json, surge: int, unavailable: int, advice: str) -> None:
    new = workload(replicas, OTHER, strategy={"rollingUpdate": strategy})
    found = made("Deployment", new, workload(replicas, status={"replicas": replicas}))
    assert found.course == rolling(replicas, replicas, surge, unavailable)
    assert found.advice == advice


GENERATION = (
    b'{"metadata":{"generation":3},"spec":{"replicas":3},'
    b'"status":{"replicas":3,"updatedReplicas":3,"observedGeneration":%d}}'
)


@pytest.mark.parametrize(
    ("kind", "old", "unsettled"),
    [
        ("Deployment", workload(3, status={"replicas": 3}), False),
        ("Deployment", workload(3, status={"replicas": 2}), True),
        ("Deployment", workload(3, status={"replicas": 2, **FAILED}), False),
        ("ReplicaSet", workload(3, status={"replicas": 2}), True),
        ("StatefulSet", workload(3, status={"replicas": 2}), False),
        ("Deployment", read_workload(GENERATION % 2), True),
        ("StatefulSet", read_workload(GENERATION % 2), True),
        ("StatefulSet", read_workload(GENERATION % 3), False),
        ("Job", read_workload(b'{"metadata":{"generation":3},"spec":{"parallelism":0}}'), False),
    ],
)
def test_while_the_status_lags_behind_a_plan_is_unsettled(kind: str, old: Workload, unsettled: bool) -> None:
    assert bool(made(kind, workload(5), old).unsettled) is unsettled


def test_a_cron_job_does_not_say_which_edit_its_controller_has_seen() -> None:
    assert not made(
        "CronJob", cron(), read_workload(b'{"metadata":{"generation":3},"spec":{"suspend":true}}')
    ).unsettled


def test_a_new_template_under_recreate_replaces_all_at_once() -> None:
    new = workload(4, OTHER, strategy={"type": "Recreate"})
    assert made("Deployment", new, workload(3, status={"replicas": 3})).course == recreation(4, 3)


def test_of_which_template_pods_are_is_unknown_until_the_controller_has_looked() -> None:
    assert made("Deployment", workload(3, OTHER), read_workload(GENERATION % 2)).unsettled
    settled = made("Deployment", workload(3, OTHER), read_workload(GENERATION % 3))
    assert (settled.course, settled.exist, settled.unsettled) == (rolling(3, 3, 1, 0), 3, "")


@pytest.mark.parametrize("strategy", [{}, {"type": "Recreate"}])
@pytest.mark.parametrize("updated", [0, 2])
def test_of_what_an_unfinished_update_left_nothing_can_be_foreseen(strategy: Json, updated: int) -> None:
    old = workload(4, OTHER, {"replicas": 5, "updatedReplicas": updated})
    for wanted in (4, 9):
        assert made("Deployment", workload(wanted, strategy=strategy), old).unsettled, "it may be a rollback"
        assert made("StatefulSet", workload(wanted), old).unsettled
    assert made("Deployment", workload(9, OTHER), old).unsettled, "both ReplicaSets grow"


def test_a_deployment_that_is_resumed_rolls_what_was_held_back() -> None:
    paused = workload(4, OTHER, {"replicas": 4, "updatedReplicas": 0}, paused=True)
    found = made("Deployment", workload(4, OTHER), paused)
    assert (found.course, found.unsettled) == (rolling(4, 4, 1, 1), "")
    midway = workload(4, OTHER, {"replicas": 4, "updatedReplicas": 1}, paused=True)
    assert made("Deployment", workload(4, OTHER), midway).unsettled
    done = workload(4, OTHER, {"replicas": 4, "updatedReplicas": 4}, paused=True)
    assert plan("Deployment", Edit(workload(4, OTHER), done)) is None


def test_a_paused_deployment_scales_what_is_there() -> None:
    found = made("Deployment", workload(4, template(1), paused=True), workload(2, template(2), {"replicas": 2}))
    assert (found.course, found.new) == (growth(4, 2), found.old)
    assert found.new.spec.containers[0].resources.requests.memory == "2Mi"


def test_from_none_a_new_template_has_nothing_to_replace() -> None:
    assert made("Deployment", workload(4, OTHER), workload(0)).course == growth(4, 0)


def test_a_stateful_set_is_replaced_in_place_from_its_partition_on() -> None:
    old = workload(5, status={"replicas": 4})
    assert made("StatefulSet", workload(5, OTHER), old).course == in_place(5, 4, 0)
    from_two = workload(5, OTHER, updateStrategy={"rollingUpdate": {"partition": 2}})
    full = workload(5, status={"replicas": 5})
    assert made("StatefulSet", from_two, full).course == in_place(5, 5, 2)
    assert made("StatefulSet", from_two, old).unsettled, "what misses below the partition comes as it was before"


@pytest.mark.parametrize(
    ("asked", "at_one_time"),
    [({}, 1), ({"maxUnavailable": 2}, 2), ({"maxUnavailable": "40%"}, 2), ({"maxUnavailable": "1%"}, 1)],
)
def test_a_stateful_set_is_replaced_so_many_at_one_time(asked: Json, at_one_time: int) -> None:
    new = workload(5, OTHER, updateStrategy={"rollingUpdate": asked})
    found = made("StatefulSet", new, workload(5, status={"replicas": 5}))
    assert (found.course, found.controller) == (in_place(5, 5, 0, at_one_time), "StatefulSet")
    recreated = workload(5, OTHER, updateStrategy={"type": "Recreate"})
    assert made("StatefulSet", recreated, workload(5, status={"replicas": 5})).course == recreation(5, 5)


def test_a_daemon_set_has_a_pod_on_each_node_that_takes_it() -> None:
    taint = frozenset({"gpu"})
    nodes = (node("a"), node("b", pool="x"), node("c", pool="x", taints=taint), node("d", cordoned=True))
    suffers = node("e", taints=frozenset({"node.kubernetes.io/not-ready"}))
    assert made("DaemonSet", workload(), None, (*nodes, suffers)).course == growth(4, 0)
    selecting = template(nodeSelector={"pool": "x"})
    assert made("DaemonSet", workload(1, selecting), None, nodes).course == growth(1, 0)
    for key in ({"key": "gpu"}, {"operator": "Exists"}):
        tolerating = template(nodeSelector={"pool": "x"}, tolerations=[key])
        assert made("DaemonSet", workload(1, tolerating), None, nodes).course == growth(2, 0)


ON_EACH = {"currentNumberScheduled": 3, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3}


@pytest.mark.parametrize(
    ("asked", "without"), [(None, 1), (2, 2), ("40%", 2), ("34%", 2), ("33%", 1), ("0%", 1), (9, 9)]
)
def test_a_share_of_a_daemon_sets_nodes_is_rounded_up(asked: int | str | None, without: int) -> None:
    rolling_update = {} if asked is None else {"maxUnavailable": asked}
    new = workload(1, OTHER, updateStrategy={"rollingUpdate": rolling_update})
    found = made("DaemonSet", new, workload(status=ON_EACH), tuple(map(node, "abc")))
    assert found.course == on_nodes(3, 3, 0, without)


@pytest.mark.parametrize(
    "status", [{"desiredNumberScheduled": 2}, {"updatedNumberScheduled": 1}, {"currentNumberScheduled": 2}]
)
def test_where_the_pods_of_a_daemon_set_are_must_be_known(status: Json) -> None:
    nodes, old = tuple(map(node, "abc")), workload(status=ON_EACH | status)
    surging = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert made("DaemonSet", workload(1, OTHER, updateStrategy=surging), old, nodes).unsettled


def test_of_a_daemon_set_for_nodes_by_affinity_or_for_others_than_before_nothing_can_be_foreseen() -> None:
    nodes, old = tuple(map(node, "abc")), workload(status=ON_EACH)
    assert made("DaemonSet", workload(1, template(tolerations=[{"key": "x"}])), old, nodes).unsettled
    terms = [{"matchExpressions": [{"key": "x", "operator": "Exists"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    picky = workload(1, template(affinity={"nodeAffinity": required}))
    assert made("DaemonSet", picky, None, nodes).unsettled
    assert made("DaemonSet", picky, old, nodes).unsettled


def test_a_daemon_set_rolls_node_by_node() -> None:
    nodes, old = tuple(map(node, "abc")), workload(status=ON_EACH)
    assert not made("DaemonSet", workload(1, OTHER), old, nodes).unsettled
    assert made("DaemonSet", workload(1, OTHER), old, nodes).course == on_nodes(3, 3, 0, 1)
    surging = {"rollingUpdate": {"maxSurge": "40%", "maxUnavailable": 0}}
    found = made("DaemonSet", workload(1, OTHER, updateStrategy=surging), old, nodes)
    assert (found.course, found.advice) == (on_nodes(3, 3, 2, 0), "maxSurge: 0, maxUnavailable: 1")
    assert plan("DaemonSet", Edit(workload(1, OTHER, updateStrategy={"type": "OnDelete"}), old, nodes)) is None
    assert plan("DaemonSet", Edit(workload(), old, nodes)) is None


@pytest.mark.parametrize(
    ("spec", "pods"),
    [
        ({}, 1),
        ({"parallelism": 4}, 4),
        ({"parallelism": 4, "completions": 3}, 3),
        ({"parallelism": 4, "completions": 9}, 4),
    ],
)
def test_a_job_runs_so_many_at_one_time_and_a_cron_job_as_many_in_a_run(spec: Json, pods: int) -> None:
    assert made("Job", job(**spec)).course == growth(pods, 0)
    found = made("CronJob", cron(**spec))
    assert (found.course, found.mild) == (growth(pods, 0), True)
    assert found.pods == "pods of a run"


def test_a_job_grows_by_what_is_left_to_do() -> None:
    old = job(parallelism=2, completions=9, status={"active": 2, "succeeded": 4})
    assert made("Job", job(parallelism=8, completions=9), old).course == growth(5, 2)
    resumed = job(parallelism=3, suspend=True, status={"active": 0})
    assert made("Job", job(parallelism=3), resumed).course == growth(3, 0)


MANUAL = {"cronjob.kubernetes.io/instantiate": "manual"}


def of_a_controller(spec: Json, annotations: Json | None = None) -> Workload:
    owner = {"kind": "CronJob", "name": "night", "uid": "1", "controller": True}
    meta = {"ownerReferences": [owner], "annotations": annotations or {}}
    return read_workload(json.dumps({"metadata": meta, "spec": {"template": template(), **spec}}).encode())


def test_a_job_that_a_person_makes_of_a_cron_job_is_told_of() -> None:
    found = made("Job", of_a_controller({"parallelism": 4}, MANUAL))
    assert (found.course, found.mild) == (growth(4, 0), False)
    assert (
        plan("Job", Edit(of_a_controller({"parallelism": 4}, {"cronjob.kubernetes.io/instantiate": "x"}), None)) is None
    )


def test_a_job_that_a_controller_made_is_told_of_when_it_is_resumed_and_is_not_refused_then() -> None:
    suspended = of_a_controller({"parallelism": 4, "suspend": True})
    found = made("Job", of_a_controller({"parallelism": 4}), suspended)
    assert (found.course, found.mild) == (growth(4, 0), True)
    assert plan("Job", Edit(of_a_controller({"parallelism": 9}), of_a_controller({"parallelism": 4}))) is None


def test_a_job_that_is_resumed_with_another_template_is_what_that_asks_for() -> None:
    found = made("Job", job(template(1), parallelism=3), job(template(2), parallelism=3, suspend=True))
    assert found.new.spec.containers[0].resources.requests.memory == "1Mi"
    assert (found.course, found.exist) == (growth(3, 0), 0)
    assert plan("Job", Edit(job(template(1), suspend=True), job(template(2), suspend=True))) is None


@pytest.mark.parametrize("end", ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"])
def test_a_job_that_has_ended_makes_no_pods(end: str) -> None:
    ended = job(parallelism=1, completions=9, status={"conditions": [{"type": end, "status": "True"}]})
    assert plan("Job", Edit(job(parallelism=9, completions=9), ended)) is None


def test_a_job_of_another_cluster_makes_none_here() -> None:
    assert plan("Job", Edit(job(managedBy="kueue.x-k8s.io/multikueue"), None)) is None
    assert plan("Job", Edit(job(managedBy="kubernetes.io/job-controller"), None)) is not None


def test_a_cron_job_is_told_of_when_it_resumes_or_runs_something_else() -> None:
    assert made("CronJob", cron(), cron(suspend=True)).course == growth(1, 0)
    assert made("CronJob", cron(parallelism=2), cron()).course == growth(2, 0)


def test_a_template_asks_for_its_limits_where_it_requests_nothing() -> None:
    bare = {"spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}]}}
    assert made("Deployment", workload(1, bare)).new.spec.containers[0].resources.requests.memory == "1Gi"


@pytest.mark.parametrize("memory", ["much", {"a": 1}])
def test_a_template_that_cannot_be_read_is_an_error(memory: Any) -> None:
    with pytest.raises(ObjectError):
        plan(
            "Deployment",
            Edit(workload(1, {"spec": {"containers": [{"resources": {"limits": {"memory": memory}}}]}}), None),
        )


def test_a_scaled_workload_differs_in_nothing_else() -> None:
    live = workload(3, status={"replicas": 3})
    assert scaled(live, 5) == workload(5, status={"replicas": 3})

"""Plans: which edits make pods come, and how each kind of workload goes about it."""

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
    ("kind", "old", "mild"),
    [
        ("Deployment", workload(3, status={"replicas": 3}), False),
        ("Deployment", workload(3, status={"replicas": 2}), True),
        ("Deployment", workload(3, status={"replicas": 2, **FAILED}), False),
        ("ReplicaSet", workload(3, status={"replicas": 2}), True),
        ("StatefulSet", workload(3, status={"replicas": 2}), False),
        ("Deployment", read_workload(GENERATION % 2), True),
        ("StatefulSet", read_workload(GENERATION % 2), True),
        ("StatefulSet", read_workload(GENERATION % 3), False),
    ],
)
def test_while_pods_are_on_their_way_a_plan_is_mild(kind: str, old: Workload, mild: bool) -> None:
    assert made(kind, workload(5), old).mild is mild


def test_a_new_template_under_recreate_replaces_all_at_once() -> None:
    new = workload(4, OTHER, strategy={"type": "Recreate"})
    assert made("Deployment", new, workload(3, status={"replicas": 3})).course == recreation(4, 3)


def test_of_which_template_pods_are_is_unknown_until_the_controller_has_looked() -> None:
    assert plan("Deployment", Edit(workload(3, OTHER), read_workload(GENERATION % 2))) is None
    assert made("Deployment", workload(3, OTHER), read_workload(GENERATION % 3)).course == rolling(3, 3, 1, 0)


@pytest.mark.parametrize("strategy", [{}, {"type": "Recreate"}])
def test_what_an_unfinished_update_left_may_be_what_a_rollback_wants(strategy: Json) -> None:
    stalled = workload(4, OTHER, {"replicas": 4, "updatedReplicas": 0})
    assert plan("Deployment", Edit(workload(4, strategy=strategy), stalled)) is None
    assert plan("StatefulSet", Edit(workload(4), stalled)) is None
    halfway = workload(4, OTHER, {"replicas": 5, "updatedReplicas": 2})
    found = made("Deployment", workload(4, strategy=strategy), halfway)
    assert (found.course.come, found.course.going, found.course.kept, found.course.wanted) == (1, 2, 3, 4)
    assert made("StatefulSet", workload(4), workload(4, OTHER, {"replicas": 4, "updatedReplicas": 2})).course.come == 2


def test_a_deployment_that_is_resumed_rolls_what_was_held_back() -> None:
    paused = workload(4, OTHER, {"replicas": 4, "updatedReplicas": 1}, paused=True)
    assert made("Deployment", workload(4, OTHER), paused).course == rolling(3, 3, 1, 1)._replace(kept=1)
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
    assert made("StatefulSet", from_two, old).course == in_place(5, 4, 2)


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


def test_a_daemon_set_rolls_node_by_node() -> None:
    nodes, old = tuple(map(node, "abc")), workload(status={"currentNumberScheduled": 3})
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

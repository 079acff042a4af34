"""Whoever applies or scales a workload is told at once how much of it will fit, and the controllers prove it right."""

import json
import time
from subprocess import CompletedProcess
from urllib.parse import urlencode

import pytest

from devcluster.api import ApiError, Object
from devcluster.gate import CONFIGURATIONS, NAME
from devcluster.processes import until
from tests.e2e.conftest import NODE, AddNodes
from tests.e2e.pods import container
from tests.e2e.story import Story
from tests.e2e.workload import SECONDS

UPDATE_SECONDS = 60.0

pytestmark = pytest.mark.live

GI = 1 << 30
EACH = "1Gi"
FULL = {"requests": "75%"}  # of one node of 8Gi: six pods
LESS = "ask for less memory, or raise thresholds.memory.requests"
DENIED = 'admission webhook "workloads.headroom.internal" denied the request: '


def template(image: str = "none", memory: str = EACH, **spec: object) -> Object:
    containers = [container(memory, memory) | {"image": image}]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}}


def workload(kind: str, replicas: int | None, made_of: Object | None = None, **spec: object) -> Object:
    """A Deployment or another kind of group apps, called web."""
    selector = {"matchLabels": {"app": "web"}}
    spec = {"selector": selector, "template": made_of or template(), **spec}
    spec |= {} if replicas is None else {"replicas": replicas}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def deployment(replicas: int, image: str = "none", **spec: object) -> Object:
    return workload("Deployment", replicas, template(image), **spec)


def job(**spec: object) -> Object:
    return {"template": template(restartPolicy="Never"), **spec}


def rolling(surge: int | str, unavailable: int | str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def warnings(done: CompletedProcess[str]) -> list[str]:
    """What kubectl warned of; it said nothing else."""
    lines = done.stderr.splitlines()
    assert all(line.startswith("Warning: ") for line in lines), lines
    told = [line.removeprefix("Warning: ") for line in lines]
    assert all(len(line) <= 120 for line in told), told
    return told


def applied(story: Story, manifest: Object, *flags: str) -> list[str]:
    return warnings(story.kubectl("apply", *flags, "-f", "-", given=manifest))


def scaled(story: Story, what: str, replicas: int) -> list[str]:
    return warnings(story.kubectl("scale", what, f"--replicas={replicas}"))


def living(story: Story) -> list[Object]:
    found = story.api.items(story.pods, labelSelector="app=web")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def come_to(story: Story, pods: int, kind: str = "deployments") -> None:
    """Wait until so many live, and none is on its way out, and both their controller and Headroom have counted them."""
    until(lambda: len(living(story)) == pods, f"{pods} pods", SECONDS)
    path = f"/apis/apps/v1/namespaces/{story.namespace}/{kind}/web"
    until(lambda: _counted(story.api.get(path)) == pods, "the controller's count", SECONDS)
    until(lambda: len(story.api.items(story.pods)) == pods, "the end of those that were deleted", SECONDS)
    story.headroom.account()


def _counted(workload: Object) -> int:
    status = workload["status"]
    same = status.get("replicas", 0) == status.get("updatedReplicas", status.get("replicas", 0))
    current = status.get("observedGeneration") == workload["metadata"]["generation"]
    return int(status.get("replicas", 0)) if same and current else -1


def available(story: Story) -> int:
    """How many of the Deployment's pods its controller has seen ready."""
    found = story.api.get(web(story))
    return int(found["status"].get("availableReplicas", 0))


def web(story: Story) -> str:
    """The API path of the Deployment."""
    return f"/apis/apps/v1/namespaces/{story.namespace}/deployments/web"


def writes(story: Story, since: str) -> int:
    """How often the Deployment was written after a revision, by anybody: each write is a line of the watch."""
    asked = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "2", "fieldSelector": "metadata.name=web"}
    now = story.api.get(web(story))["metadata"]["resourceVersion"]
    lines: list[str] = []

    def come_so_far() -> bool:
        lines[:] = story.api.text(f"{web(story).rpartition('/')[0]}?{urlencode(asked)}").splitlines()
        return any(json.loads(line)["object"]["metadata"]["resourceVersion"] == now for line in lines)

    until(come_so_far, "the writes of the Deployment", SECONDS)
    return len(lines)


def answers(story: Story) -> float:
    """How many were given, a word or none."""
    return story.headroom.exposition().value("headroom_early_answers_total")


def rolled_out(story: Story, image: str) -> bool:
    images = [pod["spec"]["containers"][0]["image"] for pod in living(story)]
    return bool(images) and set(images) == {image}


def rolled_on(story: Story, image: str) -> bool:
    """Whether all run the image; where not, their ReplicaSets are touched, so that their controller tries again now.

    Left alone it gets there too: refused, it tries again after twice as long as before, from 5 ms to 16 minutes.
    """
    story.kubectl("annotate", "replicasets", "--all", "--overwrite", f"touched={time.monotonic_ns()}")
    return rolled_out(story, image)


@pytest.fixture
def six_fit(add_nodes: AddNodes, story: Story) -> Story:
    """A cluster where six pods of 1Gi fit."""
    add_nodes(1)
    story.headroom.configure(FULL, warnAt="100%")
    # Controllers are quick to replace a pod of an earlier test while its namespace is being deleted.
    until(lambda: story.headroom.account().requests == 0, "the end of all other pods", SECONDS)
    return story


def only(fit: int, of: int, free: str, pods: str = "replicas") -> list[str]:
    return [f"only {fit} of {of} {pods} fit: memory requests of the cluster, 1Gi each, {free} free of 6Gi"]


def test_applying_ten_replicas_of_which_six_fit_says_so_once_and_six_come_to_be(six_fit: Story) -> None:
    assert applied(six_fit, deployment(10), "--dry-run=server") == only(6, 10, "6Gi")
    assert applied(six_fit, deployment(10)) == only(6, 10, "6Gi")
    come_to(six_fit, 6)
    assert six_fit.headroom.account().free_requests == 0


def test_scaling_counts_what_is_there_and_what_fits_is_silent(six_fit: Story) -> None:
    assert applied(six_fit, deployment(4), "--server-side") == []
    come_to(six_fit, 4)
    assert scaled(six_fit, "deployment/web", 6) == []
    come_to(six_fit, 6)
    assert scaled(six_fit, "deployment/web", 9) == only(6, 9, "0")
    assert scaled(six_fit, "deployment/web", 5) == []
    come_to(six_fit, 5)


def test_an_edit_that_changes_neither_replicas_nor_pods_is_silent(six_fit: Story) -> None:
    before = answers(six_fit)
    applied(six_fit, deployment(10))
    come_to(six_fit, 6)
    until(lambda: available(six_fit) == 6, "the last word of the controller", SECONDS)
    assert warnings(six_fit.kubectl("annotate", "deployment/web", "note=1")) == []
    assert answers(six_fit) == before + 1, "what controllers write, and notes, do not even reach Headroom"
    since = six_fit.api.get(web(six_fit))["metadata"]["resourceVersion"]
    assert applied(six_fit, deployment(10, revisionHistoryLimit=3)) == []
    # A write of the controller's while that is under way has the API server ask about it once more.
    assert before + 2 <= answers(six_fit) <= before + 1 + writes(six_fit, since)


def test_a_rolling_update_at_a_full_bound_is_told_about_max_surge_and_goes_through_without_it(six_fit: Story) -> None:
    applied(six_fit, deployment(6, strategy=rolling(1, 0)))
    come_to(six_fit, 6)
    assert applied(six_fit, deployment(6, "other", strategy=rolling(1, 0))) == [
        "update stalls at 0 of 6: memory requests of the cluster, 1Gi each, 0 free",
        f"set maxSurge: 0, maxUnavailable: 1, {LESS}",
    ]
    assert not rolled_out(six_fit, "other")
    assert applied(six_fit, deployment(6, strategy=rolling(1, 0))) == [], "a rollback needs no more than what is there"
    come_to(six_fit, 6)
    assert applied(six_fit, deployment(6, "third", strategy=rolling(0, 1))) == []
    until(lambda: rolled_out(six_fit, "third"), "the rolling update's end", UPDATE_SECONDS)
    come_to(six_fit, 6)


def test_a_surge_without_room_is_told_where_the_update_gets_there_all_the_same(six_fit: Story) -> None:
    applied(six_fit, deployment(6))
    come_to(six_fit, 6)
    told, pace = applied(six_fit, deployment(6, "other"))
    assert told.startswith(
        "no room for 2 of 2 surge pods: memory requests of the cluster, 1Gi each, 0 free; maxSurge: 0"
    )
    assert pace == "the update ends, as slowly as the ReplicaSet controller retries: up to 16 minutes between two tries"
    until(lambda: rolled_on(six_fit, "other"), "the rolling update's end", UPDATE_SECONDS)


def test_recreate_needs_no_room_beside_what_it_replaces(six_fit: Story) -> None:
    applied(six_fit, deployment(6, strategy={"type": "Recreate"}))
    come_to(six_fit, 6)
    assert applied(six_fit, deployment(6, "other", strategy={"type": "Recreate"})) == []
    until(lambda: rolled_out(six_fit, "other"), "the new pods", SECONDS)


def test_deny_refuses_what_will_not_all_fit_and_nothing_else(six_fit: Story) -> None:
    six_fit.headroom.configure(FULL, warnAt="100%", workloads="deny")
    path = f"/apis/apps/v1/namespaces/{six_fit.namespace}/deployments"
    with pytest.raises(ApiError) as refused:
        six_fit.api.create(path, deployment(10))
    assert refused.value.code == 403
    told = refused.value.message
    assert told.startswith(
        f"{DENIED}Deployment {six_fit.namespace}/web exceeds the cluster's memory headroom (only 6 of 10 replicas "
        "would fit, "
    )
    assert "it adds 10Gi of requests, 6Gi is free (0 of 6Gi committed" in told
    assert applied(six_fit, deployment(6)) == []
    come_to(six_fit, 6)
    done = six_fit.kubectl("scale", "deployment/web", "--replicas=7", check=False)
    assert done.returncode == 1
    assert "only 6 of 7 replicas would" in done.stderr

    def denied() -> list[Object]:
        return [line for line in six_fit.headroom.audit_lines(six_fit.namespace) if line["decision"] == "deny"]

    until(lambda: len(denied()) >= 2, "the audit lines", SECONDS)
    assert [(line["kind"], line["name"], line["operation"], line["short_by_requests_bytes"]) for line in denied()] == [
        ("Deployment", "web", "CREATE", 4 * GI),
        ("Deployment", "web", "UPDATE", GI),
    ]
    assert scaled(six_fit, "deployment/web", 3) == []


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_controller_that_is_made_over_its_orphans_brings_no_pod(six_fit: Story, kind: str) -> None:
    plural = f"{kind.lower()}s"
    applied(six_fit, workload(kind, 6))
    come_to(six_fit, 6, plural)
    six_fit.headroom.configure(FULL, warnAt="100%", workloads="deny")
    uids = {pod["metadata"]["uid"] for pod in living(six_fit)}
    six_fit.kubectl("delete", f"{kind.lower()}/web", "--cascade=orphan")
    more = six_fit.kubectl("apply", "-f", "-", given=workload(kind, 7), check=False)
    assert "only 6 of 7 replicas would" in more.stderr
    assert applied(six_fit, workload(kind, 6)) == []
    come_to(six_fit, 6, plural)
    until(lambda: all("ownerReferences" in pod["metadata"] for pod in living(six_fit)), "their adoption", SECONDS)
    assert {pod["metadata"]["uid"] for pod in living(six_fit)} == uids


def test_an_update_over_a_bound_that_was_lowered_says_how_many_running_pods_it_takes_away(six_fit: Story) -> None:
    applied(six_fit, deployment(6, strategy=rolling(1, 1)))
    come_to(six_fit, 6)
    six_fit.headroom.configure({"requests": "50%"}, warnAt="100%")
    assert applied(six_fit, deployment(6, "other", strategy=rolling(1, 1))) == [
        "update stalls at 0 of 6 and takes 1 running pod away: memory requests of the cluster, 1Gi each, 0 free",
        f"set maxSurge: 0, maxUnavailable: 3 (gets to 4 of 6), {LESS}",
    ]
    until(lambda: len(six_fit.api.items(six_fit.pods)) == 5, "the end of one of them", SECONDS)
    assert rolled_out(six_fit, "none"), "and nothing came in its place"
    six_fit.kubectl("patch", "deployment/web", "--patch", json.dumps({"spec": {"strategy": rolling(0, 3)}}))
    until(lambda: rolled_on(six_fit, "other") and len(living(six_fit)) == 4, "what was said to help", UPDATE_SECONDS)


def test_each_of_two_pools_has_its_own_answer(add_nodes: AddNodes, story: Story) -> None:
    add_nodes(2)
    label = {"metadata": {"labels": {"pool": "small"}}}
    story.api.patch("/api/v1/nodes/" + story.api.items("/api/v1/nodes")[0]["metadata"]["name"], label)
    pools = [{"name": "small", "nodeSelector": {"pool": "small"}, "thresholds": {"memory": {"requests": "25%"}}}]
    story.headroom.configure({"requests": "75%"}, pools=pools, warnAt="100%")
    there = workload("Deployment", 3, template(nodeSelector={"pool": "small"}))
    until(lambda: story.headroom.account("small").allocatable == NODE, "the pool's node", SECONDS)
    assert applied(story, there, "--dry-run=server") == [
        "only 2 of 3 replicas fit: memory requests of pool small, 1Gi each, 2Gi free of 2Gi"
    ]
    assert applied(story, deployment(3)) == []


def test_a_stateful_set_is_told_and_replaced_in_place(six_fit: Story) -> None:
    assert applied(six_fit, workload("StatefulSet", 8)) == only(6, 8, "6Gi")
    come_to(six_fit, 6, "statefulsets")
    assert scaled(six_fit, "statefulset/web", 6) == []
    come_to(six_fit, 6, "statefulsets")
    assert applied(six_fit, workload("StatefulSet", 6, template("other"))) == []
    until(lambda: rolled_out(six_fit, "other"), "the new pods", SECONDS)
    come_to(six_fit, 6, "statefulsets")
    assert applied(six_fit, workload("StatefulSet", 6, template(memory="2Gi"))) == [
        "update stalls at 0 of 6 and takes 1 running pod away: memory requests of the cluster, 2Gi each, 0 free",
        LESS,
    ]
    come_to(six_fit, 5, "statefulsets")
    assert rolled_out(six_fit, "other"), "the last of them made way for a larger one, for which there is no room"


def test_a_replica_set_of_its_own_is_told_and_one_of_a_deployment_only_once(six_fit: Story) -> None:
    assert applied(six_fit, workload("ReplicaSet", 7)) == only(6, 7, "6Gi")
    come_to(six_fit, 6, "replicasets")


def test_a_job_is_told_of_the_pods_that_run_at_one_time_and_a_cron_job_of_a_run(six_fit: Story) -> None:
    batch = {"apiVersion": "batch/v1", "metadata": {"name": "web"}}
    ten = job(parallelism=10, completions=8)
    assert applied(six_fit, {**batch, "kind": "Job", "spec": ten}, "--dry-run=server") == only(6, 8, "6Gi", "pods")
    suspended = {**batch, "kind": "Job", "spec": {**ten, "suspend": True}}
    assert applied(six_fit, suspended, "--dry-run=server") == []
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": ten}}
    assert applied(six_fit, {**batch, "kind": "CronJob", "spec": cron}) == only(6, 8, "6Gi", "pods of a run")


def test_a_person_who_makes_a_job_of_a_cron_job_is_told(six_fit: Story) -> None:
    batch = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}}
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job(parallelism=8, completions=8)}}
    applied(six_fit, {**batch, "spec": spec})
    made = six_fit.kubectl("create", "job", "--from=cronjob/web", "now", "--dry-run=server")
    assert warnings(made) == only(6, 8, "6Gi", "pods")


def test_a_suspended_job_is_told_when_it_is_resumed_as_it_is_then(six_fit: Story) -> None:
    batch = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"}}
    assert applied(six_fit, {**batch, "spec": job(parallelism=4, completions=4, suspend=True)}) == []
    resources = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    template_ = {"spec": {"containers": [{"name": "main", "resources": resources}]}}
    larger = json.dumps({"spec": {"template": template_}})
    assert warnings(six_fit.kubectl("patch", "job/web", "--patch", larger)) == []
    resumed = json.dumps({"spec": {"suspend": False}})
    assert warnings(six_fit.kubectl("patch", "job/web", "--patch", resumed)) == [
        "only 3 of 4 pods fit: memory requests of the cluster, 2Gi each, 6Gi free of 6Gi"
    ]


def test_a_daemon_set_is_told_only_where_its_pods_can_be_refused(six_fit: Story) -> None:
    huge = workload("DaemonSet", None, template(memory="7Gi"))
    six_fit.headroom.configure(FULL, warnAt="100%", exempt={"daemonSets": True})
    assert applied(six_fit, huge, "--dry-run=server") == []
    six_fit.headroom.configure(FULL, warnAt="100%")
    assert applied(six_fit, huge, "--dry-run=server") == [
        "none of 1 pods fit: memory requests of the cluster, 7Gi each, 6Gi free of 6Gi"
    ]


def test_policies_that_refuse_nothing_and_say_nothing(six_fit: Story) -> None:
    six_fit.headroom.configure(FULL, warnAt="100%", mode="warn", workloads="deny")
    assert applied(six_fit, deployment(10), "--dry-run=server") == [
        "4 of 10 replicas exceed the memory requests threshold (mode warn: admitted anyway)"
    ]
    for silent in ({"mode": "audit"}, {"workloads": "allow"}, {"exempt": {"namespaces": [six_fit.namespace]}}):
        six_fit.headroom.configure(FULL, warnAt="100%", **silent)
        assert applied(six_fit, deployment(10), "--dry-run=server") == []


def test_where_nobody_answers_workloads_are_applied_all_the_same(six_fit: Story) -> None:
    path = f"{CONFIGURATIONS}/{NAME}"
    gate = six_fit.api.get(path)
    hooks = {hook["name"]: hook["clientConfig"] for hook in gate["webhooks"]}
    asked = hooks["workloads.headroom.internal"]["url"]
    hooks["workloads.headroom.internal"]["url"] = "https://127.0.0.1:1/workloads"
    six_fit.api.replace(path, gate)
    until(lambda: applied(six_fit, deployment(10), "--dry-run=server") == [], "silence", SECONDS)
    gate = six_fit.api.get(path)
    for hook in gate["webhooks"]:
        if hook["name"] == "workloads.headroom.internal":
            hook["clientConfig"]["url"] = asked
    six_fit.api.replace(path, gate)
    until(lambda: applied(six_fit, deployment(10), "--dry-run=server") != [], "answers again", SECONDS)

"""Controllers that ask for more than fits get exactly what fits, and people see why there is no more."""

from typing import NamedTuple

import pytest

from devcluster.processes import until
from tests.e2e.conftest import NODE, AddNodes
from tests.e2e.pods import asking
from tests.e2e.story import Story
from tests.e2e.workload import SECONDS, Workload

pytestmark = pytest.mark.live

MI = 1 << 20


class Case(NamedTuple):
    """A cluster, a threshold in thousandths of a percent, and what each pod asks for, in Mi."""

    nodes: int
    share: int
    asked: int

    @property
    def fit(self) -> int:
        """How many pods fit: the bound is rounded down to a byte, and the pods to a whole one."""
        return self.nodes * NODE * self.share // 100_000 // (self.asked * MI)

    @property
    def threshold(self) -> str:
        """As the configuration has it."""
        return f"{self.share / 1000:g}%"


CASES = [
    Case(1, 100_000, 1000),
    Case(2, 33_333, 200),
    Case(3, 75_000, 768),
    Case(5, 12_500, 125),
    Case(3, 150_000, 1024),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.nodes}-nodes-at-{c.threshold}-by-{c.asked}Mi")
def test_scaling_far_past_the_bound_gives_exactly_what_the_arithmetic_says(
    add_nodes: AddNodes, story: Story, case: Case
) -> None:
    add_nodes(case.nodes)
    story.headroom.configure({"requests": case.threshold})
    web = Workload(story, f"{case.asked}Mi")
    web.apply(2)
    web.settles_at(2)
    web.scale(case.fit * 3 + 5)
    web.settles_at(case.fit)
    left = story.headroom.account().free_requests
    assert 0 <= left < case.asked * MI


def test_applying_a_deployment_past_the_bound_leaves_what_fits_and_says_why_where_people_look(
    add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(2)
    story.headroom.configure({"requests": "50%", "limits": "50%"})
    web = Workload(story, "1Gi")
    web.apply(20)
    web.settles_at(8)
    until(lambda: web.condition("ReplicaFailure") is not None, "the Deployment's condition", SECONDS)
    condition = web.condition("ReplicaFailure")
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    refusal = "exceeds the cluster's memory headroom: it adds 1Gi of requests, 0 is free (8Gi of 8Gi committed"
    assert refusal in condition["message"]
    assert "; it adds 1Gi of limits, 0 is free (8Gi of 8Gi committed" in condition["message"]
    until(lambda: any(refusal in message for message in web.events()), "the ReplicaSet's event", SECONDS)
    described = story.kubectl("describe", "replicaset", web.replica_set()["metadata"]["name"]).stdout
    assert refusal in described


def test_a_raised_threshold_lets_in_exactly_the_difference_once_the_controller_tries_again(
    add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "30%"})
    web = Workload(story, "500Mi")
    web.apply(60)
    web.settles_at(24 * 1024 * 30 // 100 // 500)
    story.headroom.configure({"requests": "45%"})
    web.touch()
    web.settles_at(24 * 1024 * 45 // 100 // 500)


def test_a_lowered_threshold_evicts_nobody_and_a_scale_down_passes(add_nodes: AddNodes, story: Story) -> None:
    add_nodes(1)
    story.headroom.configure({"requests": "100%"})
    web = Workload(story, "1Gi")
    web.apply(6)
    web.settles_at(6)
    before = {pod["metadata"]["uid"] for pod in web.pods()}
    story.headroom.configure({"requests": "25%"})
    assert story.headroom.account().free_requests == -(4 << 30)
    story.refused(asking("more", 1))
    assert {pod["metadata"]["uid"] for pod in web.pods()} == before
    web.scale(2)
    web.settles_at(2)
    until(lambda: story.headroom.account().free_requests == 0, "the end of the pods that were scaled away", SECONDS)
    story.refused(asking("more", 1))


def test_what_a_finished_job_held_is_free_again(add_nodes: AddNodes, story: Story) -> None:
    add_nodes(1)
    story.headroom.configure({"requests": "50%"})
    once = asking("once", "4Gi")["spec"] | {"restartPolicy": "Never", "schedulerName": "default-scheduler"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": {"spec": once}}}
    story.kubectl("apply", "-f", "-", given=job)
    path = f"/apis/batch/v1/namespaces/{story.namespace}/jobs/once"
    until(lambda: story.api.get(path)["status"].get("succeeded") == 1, "the job's end", SECONDS)
    assert [pod["status"]["phase"] for pod in story.api.items(story.pods)] == ["Succeeded"]
    assert story.headroom.account().free_requests == 4 << 30
    story.create(asking("next", "4Gi"))

"""Resizes in place: growth is judged and reserved for, and nothing else is; on pods that are bound to a node."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from devcluster.api import ApiError, Object
from devcluster.processes import until
from tests.e2e import kubelet
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking, container, pod
from tests.e2e.story import DENIED, Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

MI = 1 << 20
GI = 1 << 30
INFEASIBLE = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
CONFLICT = 409
LIMIT = 64 * GI  # of each pod: a QoS class must not change, and limits are bounded nowhere here


def run(story: Story, name: str, requests: int) -> None:
    """Have a pod run on a node, and its resources in force."""
    one = container(requests, LIMIT)
    one["resources"]["requests"]["cpu"] = "100m"
    story.create(pod(name, one, nodeName="node-1"))
    kubelet.started(story.api, f"{story.pods}/{name}")


def sized(requests: int | None = None, cpu: str | None = None) -> Object:
    """The patch that gives the pod's one container another size."""
    wanted = {"memory": None if requests is None else str(requests), "cpu": cpu}
    asked = {resource: amount for resource, amount in wanted.items() if amount is not None}
    return {"spec": {"containers": [{"name": "main", "resources": {"requests": asked}}]}}


def resize(story: Story, name: str, requests: int | None = None, cpu: str | None = None, **query: str) -> str:
    """Try to resize a pod; return what Headroom said against it, nothing if it may."""
    try:
        story.api.patch(f"{story.pods}/{name}/resize", sized(requests, cpu), "strategic", **query)
    except ApiError as error:
        if not error.message.startswith(DENIED):
            raise
        return error.message.removeprefix(DENIED)
    return ""


def fill_but(story: Story, spared: int) -> None:
    """Fill the bound but for so many bytes with one pod."""
    story.create(asking("filler", story.headroom.account().free_requests - spared))
    assert story.headroom.account().free_requests == spared


def test_growth_passes_up_to_the_bound_and_is_counted(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)
    assert resize(story, "web", 256 * MI + GI) == ""
    assert story.headroom.account().free_requests == 0


def test_growth_past_the_bound_is_refused_with_what_would_fit(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)
    told = story.kubectl(
        "patch", "pod", "web", "--subresource=resize", "--patch", json.dumps(sized(768 * MI + GI)), check=False
    )
    assert told.returncode != 0
    assert (
        f"growth of pod {story.namespace}/web exceeds the cluster's memory headroom: it adds 1.5Gi of requests, 1Gi is "
        "free (11Gi of 12Gi committed"
    ) in told.stderr
    assert story.headroom.account().free_requests == GI

    def refused() -> list[Object]:
        return [line for line in story.headroom.audit_lines(story.namespace) if line["decision"] == "deny"]

    until(lambda: bool(refused()), "its audit line", SECONDS)
    (line,) = refused()
    assert (line["kind"], line["operation"], line["asked_requests_bytes"]) == ("Pod/resize", "UPDATE", 1536 * MI)
    assert line["short_by_requests_bytes"] == 512 * MI


def test_what_does_not_grow_passes_though_the_cluster_is_over(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 2 * GI)
    fill_but(story, 0)
    story.headroom.configure({"requests": "10%"})
    over = story.headroom.account().free_requests
    assert over < 0
    assert resize(story, "web", cpu="200m") == ""
    assert resize(story, "web", GI) == ""
    assert story.headroom.account().free_requests == over  # until the kubelet has made it smaller
    kubelet.actuate(story.api, f"{story.pods}/web")
    until(lambda: story.headroom.account().free_requests == over + GI, "the account of the smaller pod", SECONDS)
    assert "growth of pod" in resize(story, "web", 2 * GI)
    assert resize(story, "web", GI - MI, cpu="300m") == ""


def test_a_dry_run_is_judged_and_changes_nothing(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)
    assert resize(story, "web", 256 * MI + GI, dryRun="All") == ""
    assert "growth of pod" in resize(story, "web", 257 * MI + GI, dryRun="All")
    assert story.headroom.account().free_requests == GI


def test_of_two_that_grow_at_once_one_gets_what_only_one_can_have(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    names = ("one", "two")
    for name in names:
        run(story, name, 256 * MI)
    fill_but(story, GI)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda name: resize(story, name, 256 * MI + GI), names))
    assert sorted(map(bool, told)) == [False, True]
    assert story.headroom.account().free_requests == 0


def test_nobody_is_refused_for_an_attempt_of_its_own_that_lost_a_race(story: Story) -> None:
    """The API server tries again from the newer object, and Headroom is asked again: it is the same growth."""
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)

    def stir(number: int) -> str:
        try:
            if number % 2:
                story.api.patch(f"{story.pods}/web", {"metadata": {"labels": {"number": str(number)}}})
                return ""
            return resize(story, "web", 256 * MI + GI)
        except ApiError as error:
            if error.code != CONFLICT:
                raise
            return ""  # the API server gives up after five attempts that lost

    with ThreadPoolExecutor(8) as pool:
        told = [each for each in pool.map(stir, range(80)) if each]
    assert not told
    assert resize(story, "web", 256 * MI + GI) == ""
    assert story.headroom.account().free_requests == 0


def test_a_pod_that_grows_step_by_step_faster_than_it_is_seen_gets_as_far_as_the_bound(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)
    told = [resize(story, "web", (256 + 128 * step) * MI) for step in range(1, 11)]
    assert [bool(each) for each in told] == [False] * 8 + [True] * 2
    assert story.headroom.account().free_requests == 0


def test_a_resize_that_became_feasible_is_counted_and_metered_and_hides_no_other(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    run(story, "web", 256 * MI)
    fill_but(story, GI)
    before = story.headroom.exposition().value("headroom_unreviewed_growths_total")
    assert resize(story, "web", 768 * MI) == ""
    story.api.patch(f"{story.pods}/web/status", {"status": {"conditions": [INFEASIBLE]}})
    until(lambda: story.headroom.account().free_requests == GI, "the account without what is infeasible", SECONDS)
    assert "growth of pod" in resize(story, "web", 257 * MI + GI)
    story.create(asking("other", 768 * MI))
    story.api.patch(f"{story.pods}/web/status", {"status": {"conditions": []}})
    until(lambda: story.headroom.account().free_requests == -256 * MI, "the account with what is feasible", SECONDS)
    assert story.headroom.exposition().value("headroom_unreviewed_growths_total") == before + 1
    until(lambda: f"pod '{story.namespace}/web' grew without a review" in story.headroom.log(), "the log line", SECONDS)

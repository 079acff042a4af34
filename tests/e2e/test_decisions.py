"""The promise itself: no pod gets in that takes a sum past its bound, and every pod that fits does."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from devcluster.api import Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking, container, pod
from tests.e2e.story import DENIED, Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

MI = 1 << 20
GI = 1 << 30


def restricted(manifest: Object) -> Object:
    """The same pod, as Headroom's own namespace demands it (Pod Security, restricted)."""
    spec = manifest["spec"]
    spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for each in spec["containers"]:
        each["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return manifest


def test_a_pod_that_fits_is_created_and_counted(story: Story) -> None:
    story.headroom.configure({"requests": "50%", "limits": "100%"})
    before = story.headroom.account()
    story.create(asking("web", 256 * MI, 512 * MI))
    after = story.headroom.account()
    assert after.requests - before.requests == 256 * MI
    assert after.limits - before.limits == 512 * MI


def test_a_pod_that_does_not_fit_is_refused_in_one_line_with_its_figures(
    story: Story, control_plane: ControlPlane
) -> None:
    story.headroom.configure({"requests": "50%"})
    story.create(asking("old", "3Gi"))
    told = story.kubectl("create", "-f", "-", given=asking("big", "10Gi"), check=False)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith("Error from server (Forbidden)")
    assert line.partition(DENIED)[2] == (
        f"pod {story.namespace}/big exceeds the cluster's memory headroom: it adds 10Gi of requests, 9Gi is free (3Gi "
        "of 12Gi committed; threshold 50% of allocatable). No node that counts now can hold it either: it asks 10Gi, "
        "the largest it may use has 8Gi. Lower its requests, free memory, or have thresholds.memory.requests raised in "
        "ConfigMap headroom-system/headroom-config"
    )
    assert not story.api.exists(f"{story.pods}/big")


def test_the_last_byte_of_the_requests_fits_and_one_more_does_not(story: Story) -> None:
    story.headroom.configure({"requests": "33.333%"})
    free = story.headroom.account().free_requests
    story.refused_for(1, asking("over", free + 1))
    story.create(asking("last", free))
    assert story.headroom.account().free_requests == 0
    story.refused_for(1, asking("more", 1))


def test_the_last_byte_of_the_limits_fits_and_one_more_does_not(story: Story) -> None:
    story.headroom.configure({"limits": "66.667%"})
    free = story.headroom.account().free_limits
    told = story.refused_for(1, asking("over", 0, free + 1), "limits")
    assert "exceeds the cluster's memory headroom: it adds " in told
    assert " of limits, " in told
    story.create(asking("last", 0, free))
    assert story.headroom.account().free_limits == 0
    story.refused_for(1, asking("more", 0, 1), "limits")


def test_each_sum_is_refused_by_its_own_name_and_both_by_both(story: Story) -> None:
    story.headroom.configure({"requests": "25%", "limits": "50%"})
    account = story.headroom.account()
    requests, limits = account.free_requests, account.free_limits
    keys = "thresholds.memory.limits", "thresholds.memory.requests"
    told = {
        "limits": story.refused(asking("wide", requests, limits + 1)),
        "requests": story.refused(asking("deep", requests + 1, limits)),
        "both": story.refused(asking("vast", limits + 1, limits + 1)),
    }
    named = {name: tuple(key in text for key in keys) for name, text in told.items()}
    assert named == {"limits": (True, False), "requests": (False, True), "both": (True, True)}
    story.create(asking("both", requests, limits))


def test_a_container_without_a_limit_counts_its_request_among_the_limits(story: Story) -> None:
    story.headroom.configure({"limits": "50%"}, missingLimits="count-request")
    free = story.headroom.account().free_limits
    mixed = container(1 * MI, 2 * MI, "limited")
    story.refused_for(1, pod("over", mixed, container(free - 2 * MI + 1)), "limits")
    story.create(pod("last", mixed, container(free - 2 * MI)))
    assert story.headroom.account().free_limits == 0


def test_a_container_without_a_limit_counts_nothing_there_when_told_so(story: Story) -> None:
    story.headroom.configure({"limits": "50%"}, missingLimits="ignore")
    before = story.headroom.account()
    story.create(pod("mixed", container(1 * MI, 2 * MI, "limited"), container(before.limits_bound)))
    assert story.headroom.account().limits - before.limits == 2 * MI


def test_a_pod_that_raises_no_exhausted_sum_is_let_in(story: Story) -> None:
    story.headroom.configure({"requests": "50%", "limits": "100%"})
    free = story.headroom.account().free_requests
    story.create(asking("all", free, free))
    story.refused(asking("byte", 1, 1))
    story.create(asking("nothing"))
    story.create(asking("only-a-limit", 0, 1))


def test_creates_at_the_same_moment_never_share_the_same_headroom(story: Story) -> None:
    story.headroom.configure({"requests": "40%"})
    share = story.headroom.account().free_requests // 10
    with ThreadPoolExecutor(16) as clients:
        told = list(clients.map(lambda number: story.tries(asking(f"web-{number}", share)), range(64)))
    assert told.count("") == 10
    assert 0 <= story.headroom.account().free_requests < share


def test_deletion_gives_headroom_back(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    free = story.headroom.account().free_requests
    story.create(asking("first", free))
    story.refused(asking("second", 1))
    story.delete("first")
    assert story.headroom.account().free_requests == free
    story.create(asking("second", free))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_counts_no_more_though_it_is_still_there(story: Story, phase: str) -> None:
    story.headroom.configure({"requests": "50%"})
    free = story.headroom.account().free_requests
    story.create(asking("done", free))
    story.refused(asking("next", free))
    story.api.patch(f"{story.pods}/done/status", {"status": {"phase": phase}})
    assert story.headroom.account().free_requests == free
    story.create(asking("next", free))
    assert story.api.exists(f"{story.pods}/done")


def test_a_terminating_pod_counts_until_it_is_gone(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    free = story.headroom.account().free_requests
    held = asking("held", free)
    held["metadata"]["finalizers"] = ["headroom.internal/test"]
    story.create(held)
    story.delete("held")
    assert story.api.get(f"{story.pods}/held")["metadata"]["deletionTimestamp"]
    assert story.headroom.account().free_requests == 0
    story.refused(asking("next", free))
    story.api.patch(f"{story.pods}/held", {"metadata": {"finalizers": None}})
    assert story.headroom.account().free_requests == free
    story.create(asking("next", free))


def test_a_dry_run_is_decided_and_reserves_nothing(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    free = story.headroom.account().free_requests
    told = story.kubectl("create", "--dry-run=server", "-f", "-", given=asking("over", free + 1), check=False)
    assert told.returncode == 1
    assert "exceeds the cluster's memory headroom" in told.stderr
    (line,) = story.audited(1)
    assert line["short_by_requests_bytes"] == 1
    for _ in range(3):
        story.kubectl("create", "--dry-run=server", "-f", "-", given=asking("whole", free))
    shown = story.headroom.exposition()
    assert shown.value("headroom_reserved_memory_bytes") == 0
    assert story.headroom.account().free_requests == free
    story.create(asking("whole", free))
    reviews = "headroom_admission_reviews_total"
    decided = story.headroom.exposition()
    assert decided.value(reviews, dry_run="true", verdict="deny") >= 1
    assert decided.value(reviews, dry_run="true") - decided.value(reviews, dry_run="true", verdict="deny") >= 3


def asks_nobody(story: Story, pods: str) -> bool:
    """Create a pod for show; say whether Headroom has answered no review meanwhile."""
    asked = story.headroom.exposition().value("headroom_admission_reviews_total")
    story.api.create(pods, restricted(asking("for-show", 1)), dryRun="All")
    return story.headroom.exposition().value("headroom_admission_reviews_total") == asked


@pytest.mark.parametrize("namespace_left_out", ["kube-system", "headroom-system"])
def test_a_namespace_that_is_left_out_is_never_asked_about_but_counted(story: Story, namespace_left_out: str) -> None:
    story.headroom.configure({"requests": "25%"})  # so that a node can hold what goes past it
    free = story.headroom.account().free_requests
    pods = f"/api/v1/namespaces/{namespace_left_out}/pods"
    story.api.create(pods, restricted(asking("needed", free + GI)))
    try:
        assert story.headroom.account().free_requests == -GI
        # Somebody else may create a pod at that moment; not each time.
        until(partial(asks_nobody, story, pods), "a create that Headroom is not asked about", SECONDS)
        story.refused_for(2 * GI, asking("more", GI))
    finally:
        story.api.delete_now(f"{pods}/needed")
    assert story.headroom.account().free_requests == free


def test_a_name_made_by_the_api_server_is_the_one_in_the_refusal(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    nameless: Object = asking("unused", "100Ti")
    nameless["metadata"] = {"generateName": "web-", "name": ""}
    told = story.refused(nameless)
    assert told.startswith(f"pod {story.namespace}/web-")
    assert not told.startswith(f"pod {story.namespace}/web- ")

"""Pods that no node can hold, and DaemonSets: by default nobody takes headroom away from others with them."""

from collections.abc import Callable

import pytest

from devcluster import nodes
from devcluster.api import Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.e2e.conftest import NODE
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking, container
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("tenant")]

MI, GI, PI = 1 << 20, 1 << 30, 1 << 50
TENANT = "jane"
BOUND = 18 * GI  # three quarters of three nodes of 8Gi
QUARTERS = {"requests": "75%"}


@pytest.fixture
def tenant(control_plane: ControlPlane, story: Story, no_nodes: None) -> None:
    """Three nodes of 8Gi of which 18Gi may be requested, and a user with the role `edit` in the story's namespace."""
    nodes.add(control_plane, 3)
    story.headroom.configure(QUARTERS, warnAt="100%")
    story.headroom.sees(3 * NODE)
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{story.namespace}/rolebindings"
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": TENANT}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    story.api.create(path, {"metadata": {"name": "edit"}, "subjects": [user], "roleRef": role})
    until(lambda: story.headroom.account().requests == 0, "the end of all other pods", SECONDS)


def apply_daemon_set(story: Story, memory: str) -> list[str]:
    """Apply a DaemonSet as the tenant; return what it was warned of."""
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container(memory, memory)]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": spec}
    done = story.kubectl("apply", f"--as={TENANT}", "-f", "-", given=manifest)
    return [line.removeprefix("Warning: ") for line in done.stderr.splitlines()]


def agents(story: Story) -> list[Object]:
    return story.api.items(story.pods, labelSelector="app=agent")


def refusals(story: Story) -> set[str]:
    """The reasons for which pods of the DaemonSet were refused."""
    lines = story.headroom.audit_lines(story.namespace)
    return {line["reason"] for line in lines if line["decision"] == "deny" and line["owner_name"] == "agent"}


def waits(story: Story, figure: str) -> int:
    """What is `pending`, `unplaceable` or `apart` in the cluster, in bytes of requests."""
    name = f"headroom_scope_memory_requests_{figure}_bytes"
    return int(story.headroom.exposition().value(name, scope="cluster"))


def comes_to(story: Story, figure: Callable[[], int], expected: int) -> None:
    until(lambda: figure() == expected, f"{expected} instead of {figure()}", SECONDS)


def test_a_daemon_set_of_1pi_is_refused_and_costs_nobody_anything(story: Story) -> None:
    assert apply_daemon_set(story, "1Pi") == [
        "none of 3 pods fit: memory requests of the cluster, 1Pi each, 18Gi free of 18Gi"
    ]
    until(lambda: bool(refusals(story)), "a refusal", SECONDS)
    assert refusals(story) == {"MemoryCommitmentExceeded"}
    story.create(asking("elsewhere", MI))
    assert agents(story) == []
    assert (story.headroom.account().requests, waits(story, "apart")) == (MI, 0)


def test_a_daemon_set_of_which_two_pods_fit_does_not_pass_the_bound(story: Story) -> None:
    assert apply_daemon_set(story, "6500Mi") == [
        "only 2 of 3 pods fit: memory requests of the cluster, 6500Mi each, 18Gi free of 18Gi"
    ]
    until(lambda: len(agents(story)) == 2 and bool(refusals(story)), "two pods and a refusal", SECONDS)
    assert story.headroom.account().requests == 13000 * MI
    assert story.fits(asking("rest", BOUND - 13000 * MI))


def test_where_daemon_sets_are_exempt_what_runs_nowhere_costs_others_nothing(story: Story) -> None:
    story.headroom.configure(QUARTERS, warnAt="100%", exempt={"daemonSets": [story.namespace]})
    assert apply_daemon_set(story, "1Pi") == []
    comes_to(story, lambda: waits(story, "apart"), 3 * PI)
    assert len(agents(story)) == 3
    assert story.headroom.account().requests == 0
    story.refused_for(MI, asking("all-and-more", BOUND + MI))
    story.create(asking("elsewhere", "8Gi"))
    assert story.headroom.account().requests == 8 * GI


def test_a_pod_that_no_node_can_hold_is_warned_of_and_named_where_it_is_in_the_way(story: Story) -> None:
    done = story.kubectl("create", f"--as={TENANT}", "-f", "-", given=asking("huge", "17Gi"))
    assert done.stderr.splitlines() == [
        f"Warning: pod {story.namespace}/huge waits for a larger node: it asks 17Gi, the largest it may use has 8Gi"
    ]
    assert story.headroom.account().requests == 17 * GI
    assert (waits(story, "pending"), waits(story, "unplaceable"), waits(story, "apart")) == (17 * GI, 17 * GI, 0)
    told = story.refused_for(GI, asking("next", "2Gi"))
    assert "(17Gi of 18Gi committed, 17Gi of it for pods that no node can hold; threshold " in told


def test_deny_refuses_it_and_other_pods_come_as_ever(story: Story) -> None:
    story.headroom.configure(QUARTERS, warnAt="100%", unplaceable="deny")
    told = story.refused(asking("huge", "17Gi"))
    assert told == (
        f"pod {story.namespace}/huge cannot run: no node that counts now can hold it: it asks 17Gi, the largest it may "
        "use has 8Gi. It would wait until a larger node comes, which unplaceable: deny refuses. Ask for less"
    )
    story.create(asking("fits", "8Gi"))
    (line,) = story.audited(1)
    assert (line["decision"], line["reason"]) == ("deny", "Unplaceable")
    assert story.headroom.exposition().value("headroom_admission_reviews_total", reason="Unplaceable") >= 1


def test_what_a_mode_lets_in_costs_others_nothing_before_it_is_bound(story: Story) -> None:
    warned = [{"namespaces": [story.namespace], "mode": "warn"}]
    story.headroom.configure(QUARTERS, warnAt="100%", overrides=warned)
    story.create(asking("huge", "17Gi"))
    comes_to(story, lambda: waits(story, "apart"), 17 * GI)
    assert story.headroom.account().requests == 0
    target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "huge"}, "target": target}
    story.api.create(f"{story.pods}/huge/binding", binding)
    comes_to(story, lambda: story.headroom.account().requests, 17 * GI)
    assert waits(story, "apart") == 0


def test_when_a_larger_node_comes_it_counts_and_is_placed(control_plane: ControlPlane, story: Story) -> None:
    warned = [{"namespaces": [story.namespace], "mode": "warn"}]
    story.headroom.configure(QUARTERS, warnAt="100%", overrides=warned)
    story.create(asking("huge", "17Gi", schedulerName="default-scheduler"))
    story.create(asking("other", "17Gi", nodeSelector={"size": "large"}))
    comes_to(story, lambda: waits(story, "apart"), 34 * GI)
    story.headroom.configure(QUARTERS, warnAt="100%")
    comes_to(story, lambda: story.headroom.account().requests, 34 * GI)
    story.headroom.configure(QUARTERS, warnAt="100%", overrides=warned)
    comes_to(story, lambda: waits(story, "apart"), 34 * GI)
    nodes.add(control_plane, 1, nodes.Shape(memory="32Gi"), first=4)
    comes_to(story, lambda: story.headroom.account().requests, 17 * GI)
    until(lambda: story.api.get(f"{story.pods}/huge")["spec"].get("nodeName") == "node-4", "the scheduler", SECONDS)
    nodes.label(control_plane, "node-4", {"size": "large"})
    comes_to(story, lambda: waits(story, "pending"), 17 * GI)
    nodes.cordon(control_plane, "node-4")
    comes_to(story, lambda: waits(story, "apart"), 17 * GI)

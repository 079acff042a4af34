"""What the configuration lets through all the same: counted, said aloud, and never a way round for everybody else."""

import pytest

from devcluster.api import Object
from tests.e2e.pods import asking, container, pod
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

MI = 1 << 20
LONGEST_WARNING = 120
DAEMON_SET = {"apiVersion": "apps/v1", "kind": "DaemonSet"}


def said(story: Story, manifest: Object) -> list[str]:
    """Create the pod with kubectl; return the warnings that it prints."""
    lines = story.kubectl("create", "-f", "-", given=manifest).stderr.splitlines()
    assert all(line.startswith("Warning: ") for line in lines)
    warnings = [line.removeprefix("Warning: ") for line in lines]
    assert all(len(warning) <= LONGEST_WARNING for warning in warnings)
    return warnings


def past_the_bound(story: Story) -> Object:
    """A pod of a bit more than is free, and that a node can hold: other ones would not count before they are bound."""
    return asking("over", story.headroom.account().free_requests + 2 * MI)


def test_warn_lets_in_what_does_not_fit_with_a_warning_and_counts_it(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, mode="warn")
    (warning,) = said(story, past_the_bound(story))
    assert warning.startswith("past the threshold: memory requests of the cluster")
    assert warning.endswith("over by 2Mi")
    assert story.headroom.account().free_requests == -2 * MI
    story.headroom.configure({"requests": "25%"}, mode="enforce")
    story.refused_for(3 * MI, asking("next", MI))


def test_audit_lets_in_what_does_not_fit_in_silence_and_writes_it_down(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, mode="audit")
    assert said(story, past_the_bound(story)) == []
    assert story.headroom.account().free_requests == -2 * MI
    (line,) = story.audited(1)
    assert (line["decision"], line["mode"]) == ("audit", "audit")
    assert line["reason"] == "MemoryCommitmentExceeded"
    assert line["short_by_requests_bytes"] == 2 * MI


def test_an_override_holds_in_its_namespaces_alone(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, overrides=[{"namespaces": ["other-*"], "mode": "warn"}])
    over = past_the_bound(story)
    story.refused(over)
    story.headroom.configure({"requests": "25%"}, overrides=[{"namespaces": ["test-*"], "mode": "warn"}])
    assert len(said(story, over)) == 1


def test_an_exempt_namespace_is_never_refused_but_counted_and_audited(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, exempt={"namespaces": [story.namespace]})
    assert said(story, past_the_bound(story)) == []
    assert story.headroom.account().free_requests == -2 * MI
    (line,) = story.audited(1)
    assert (line["decision"], line["reason"]) == ("allow", "Exempt")


def test_a_critical_pod_on_the_hosts_network_is_let_in_where_the_owner_says(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, exempt={"systemPods": [story.namespace]})
    over = past_the_bound(story)
    system = {"hostNetwork": True, "priorityClassName": "system-node-critical"}
    for field, value in system.items():
        story.refused(over | {"spec": over["spec"] | {field: value}})
    assert said(story, over | {"spec": over["spec"] | system}) == []
    assert story.headroom.account().free_requests == -2 * MI
    story.headroom.configure({"requests": "25%"}, exempt={"systemPods": ["other"]})
    more = asking("next", MI)
    story.refused(more | {"spec": more["spec"] | system})


def test_near_the_bound_a_pod_gets_in_with_a_warning(story: Story) -> None:
    story.headroom.configure({"requests": "25%"}, warnAt="80%")
    account = story.headroom.account()
    line = account.requests_bound * 8 // 10 - account.requests
    assert said(story, asking("up-to-it", line)) == []
    (warning,) = said(story, asking("past-it", MI))
    assert warning.startswith("memory requests of the cluster at 80.")


def test_a_pod_without_limits_is_refused_where_limits_are_demanded(story: Story) -> None:
    story.headroom.configure({"requests": "50%"}, missingLimits="deny")
    told = story.refused(pod("half", container(MI, MI, "limited"), container(MI)))
    assert "missingLimits: deny" in told
    assert "resources.limits.memory" in told
    story.create(asking("whole", MI, MI))


def test_a_pod_without_requests_is_refused_where_requests_are_demanded(story: Story) -> None:
    story.headroom.configure({"requests": "50%"}, missingRequests="deny")
    assert "missingRequests: deny" in story.refused(asking("free-rider"))
    story.create(asking("honest", MI))


@pytest.mark.parametrize(
    ("claim", "node"),
    [
        ({"annotations": {"kubernetes.io/config.mirror": "claimed"}}, "node-1"),
        ({"ownerReferences": [{**DAEMON_SET, "name": "claimed", "uid": "claimed", "controller": True}]}, None),
    ],
    ids=["mirror-pod", "daemon-set-pod"],
)
def test_an_exemption_cannot_be_claimed(story: Story, claim: Object, node: str | None) -> None:
    story.headroom.configure({"requests": "50%"})
    claimed = past_the_bound(story)
    claimed["metadata"] |= claim
    claimed["spec"]["nodeName"] = node
    story.refused_for(2 * MI, claimed)

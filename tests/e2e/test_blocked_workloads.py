"""Blocked Deployments in a cluster with real controllers: named while they lack pods, nudged when room comes back."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from devcluster.processes import until
from tests.e2e.conftest import AddNodes
from tests.e2e.headroom import Headroom
from tests.e2e.refusals import blocked
from tests.e2e.story import Story
from tests.e2e.workload import SECONDS, Workload
from tests.support.kustomize import MANIFESTS
from webhook.controllers.owner_reads import ANNOTATION
from webhook.core.reporting.blocked import Blocked

pytestmark = pytest.mark.live

NUDGE = MANIFESTS / "components" / "nudge" / "rbac.yaml"
APART = 4.0  # seconds between two tries, after which the next comes 8 s later: the controller's backoff doubles


@pytest.fixture
def may_nudge(headroom: Headroom) -> Iterator[None]:
    headroom.cluster.kubectl("apply", "-f", NUDGE)
    yield
    headroom.cluster.kubectl("delete", "-f", NUDGE)


def backs_off(web: Workload) -> bool:
    """Say whether the controller has just tried once more, so long after the try before."""
    tries = [datetime.fromisoformat(each) for each in web.refusals()[-2:]]
    now = datetime.now(UTC)
    return len(tries) == 2 and (tries[1] - tries[0]).total_seconds() >= APART > (now - tries[1]).total_seconds() * 4


def test_a_deployment_that_waits_long_gets_its_pods_when_room_comes_back(
    add_nodes: AddNodes, may_nudge: None, story: Story
) -> None:
    add_nodes(1)
    story.headroom.configure({"requests": "50%"}, nudge=True)
    web = Workload(story, "1Gi")
    web.apply(7)
    until(lambda: len(web.pods()) == 4 and backs_off(web), "a controller that waits", SECONDS)
    tries = len(web.refusals())
    story.headroom.configure({"requests": "100%"}, nudge=True)
    began = time.monotonic()
    until(lambda: len(web.pods()) == 7, "the pods that were missing", SECONDS)
    print(f"the pods came {time.monotonic() - began:.1f} s after the room, after {tries} tries in vain")
    assert ANNOTATION in web.replica_set()["metadata"]["annotations"]


def test_a_rollout_that_waits_for_its_own_old_pods_is_named_until_there_is_room(
    add_nodes: AddNodes, story: Story
) -> None:
    def shown() -> list[Blocked]:
        return blocked(story.headroom.cluster, story.namespace)

    add_nodes(1)
    story.headroom.configure({"requests": "50%"})
    web = Workload(story, "1Gi")
    web.apply(4)
    web.settles_at(4)
    spec = {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    resources = {"requests": {"memory": "1100Mi"}, "limits": {"memory": "1100Mi"}}
    template = {"spec": {"containers": [{"name": "main", "resources": resources}]}}
    story.kubectl("patch", "deployment", "web", "-p", json.dumps({"spec": {**spec, "template": template}}))
    until(lambda: [each.stuck for each in shown()] == [True], "a rollout that waits", SECONDS)
    (waits,) = shown()
    assert (waits.owner.kind, waits.top and (waits.top.kind, waits.top.name)) == ("ReplicaSet", ("Deployment", "web"))
    assert waits.missing == 1
    story.headroom.configure({"requests": "100%"})
    web.touch_all()
    until(lambda: not shown(), "the end of the rollout", SECONDS)

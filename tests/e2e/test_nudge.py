"""With `nudge: true`, a Deployment that was refused again and again gets its pods as soon as there is room."""

import time
from collections.abc import Iterator

import pytest

from devcluster.processes import until
from tests.e2e.conftest import AddNodes
from tests.e2e.headroom import Headroom
from tests.e2e.story import Story
from tests.e2e.workload import SECONDS, Workload
from tests.support.kustomize import MANIFESTS
from webhook.controllers.owner_reads import ANNOTATION

pytestmark = pytest.mark.live

NUDGE = MANIFESTS / "components" / "nudge" / "rbac.yaml"
TRIES = 11  # the controller's backoff doubles from 5 ms on: after so many it waits for 10 s


@pytest.fixture
def may_nudge(headroom: Headroom) -> Iterator[None]:
    headroom.cluster.kubectl("apply", "-f", NUDGE)
    yield
    headroom.cluster.kubectl("delete", "-f", NUDGE)


def test_a_deployment_that_waits_long_gets_its_pods_when_room_comes_back(
    add_nodes: AddNodes, may_nudge: None, story: Story
) -> None:
    add_nodes(1)
    story.headroom.configure({"requests": "50%"}, nudge=True)
    web = Workload(story, "1Gi")
    web.apply(7)
    until(lambda: len(web.pods()) == 4 and web.refusals() >= TRIES, f"{TRIES} refusals", SECONDS)
    story.headroom.configure({"requests": "100%"}, nudge=True)
    began = time.monotonic()
    until(lambda: len(web.pods()) == 7, "the pods that were missing", SECONDS)
    print(f"the pods came {time.monotonic() - began:.1f} s after the room, refused {web.refusals()} times before")
    assert ANNOTATION in web.replica_set()["metadata"]["annotations"]

"""The API server is upgraded to a version that counts pods by another rule: nobody has to tell Headroom."""

from collections.abc import Iterator

import pytest

from devcluster import namespaces, nodes
from devcluster.binaries import RELEASES, VARIABLE
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.conftest import local
from tests.e2e.headroom import SECONDS, Headroom
from tests.e2e.pods import container, pod
from tests.e2e.story import Story
from webhook.core.pods.rules import RULE_SETS

pytestmark = pytest.mark.live

GI = 1 << 30


@pytest.fixture
def older(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlPlane]:
    monkeypatch.setenv(VARIABLE, RELEASES[0].minor)
    with ControlPlane(tmp_path_factory.mktemp("older"), controllers=False) as plane:
        nodes.add(plane, 1)
        yield plane


@pytest.fixture
def headroom(older: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headroom]:
    with Replicas(older, tmp_path_factory.mktemp("headroom")) as replicas:
        yield local(older, replicas)


def test_after_an_upgrade_every_pod_is_counted_by_the_new_rule(
    older: ControlPlane, headroom: Headroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    with namespaces.temporary(older) as namespace:
        story = Story(headroom, namespace)
        headroom.configure({"requests": "100%"})
        first = container("1Gi", name="first")
        story.create(pod("web", container(), nodeName="node-1", initContainers=[first]))
        held = {"name": "first", "image": "none", "imageID": "", "ready": True, "restartCount": 0}
        report = [{**held, "allocatedResources": {"memory": "5Gi"}}]
        story.api.patch(f"{story.pods}/web/status", {"status": {"initContainerStatuses": report}})
        assert headroom.account().requests == GI  # 1.36 does not look at what is allocated to an init container
        assert in_force(headroom) == {"1.36"}

        older.stop_apiserver()
        monkeypatch.setenv(VARIABLE, RELEASES[1].minor)
        older.start_apiserver()
        until(lambda: in_force(headroom) == {"1.36", "1.37"}, "the rules of both versions", SECONDS)
        until(lambda: headroom.account().requests == 5 * GI, "the account by the larger of both", SECONDS)
        assert story.refused(pod("more", container("4Gi")))
        assert story.fits(pod("more", container("3Gi")))


def in_force(headroom: Headroom) -> set[str]:
    """The versions whose rules count."""
    shown = headroom.exposition()
    return {each.version for each in RULE_SETS if shown.value("headroom_kubernetes_rules", version=each.version)}

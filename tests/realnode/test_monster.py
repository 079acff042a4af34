"""The demonstration application in containers: its memory is real, and so is the cgroup that bounds it."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from devcluster import namespaces
from devcluster.api import ApiError, Object
from devcluster.processes import until
from devcluster.realnode import images
from devcluster.realnode.images import MONSTER
from tests.realnode.conftest import Installed
from tests.realnode.resizing import memory, resize

MIB = 2**20
SECONDS = 120.0


class Monster(NamedTuple):
    """One pod of the application on the first node, which may eat 400 MiB in steps of 16, whatever its limit is."""

    cluster: Installed
    path: str

    @property
    def pod(self) -> Object:
        """It, as it is now."""
        return self.cluster.api.get(self.path)

    @property
    def status(self) -> Object:
        """The status of its container."""
        found: Object = self.pod["status"]["containerStatuses"][0]
        return found

    @property
    def ready(self) -> bool:
        """Whether its readiness probe says so."""
        return any(each["ready"] for each in self.pod["status"].get("containerStatuses", []))

    def feed(self, mib: int) -> None:
        """Have it eat, by the API server's way to pods."""
        self.cluster.api.create(f"{self.path}:8080/proxy/hungry", {}, steps=mib // 16, seconds=300)


@pytest.fixture(scope="module")
def application(installed: Installed) -> None:
    """Its image, on the nodes."""
    installed.load([images.monster(installed.work)])


@pytest.fixture
def monster(real: Installed, application: None, request: pytest.FixtureRequest) -> Iterator[Monster]:
    """One with the limit that the test names, ready."""
    with namespaces.temporary(real) as namespace:
        path = f"/api/v1/namespaces/{namespace}/pods/monster"
        container = {
            "name": "main",
            "image": MONSTER,
            "env": [{"name": "DEMO_CAP_MIB", "value": "400"}],
            "resources": memory(request.param),
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        }
        spec = {"nodeSelector": {"kubernetes.io/hostname": "real-1"}, "containers": [container]}
        real.api.create(path.rpartition("/")[0], {"metadata": {"name": "monster"}, "spec": spec})
        found = Monster(real, path)
        until(lambda: found.ready, "the monster ready", SECONDS)
        yield found


@pytest.mark.parametrize("monster", ["512Mi"], indirect=True)
def test_what_is_held_cannot_be_taken_away_by_a_resize(monster: Monster) -> None:
    node = monster.cluster.nodes[0]
    monster.feed(400)
    assert 400 * MIB < node.memory_usage(monster.pod) < 512 * MIB
    resize(monster.cluster, monster.path, "256Mi")

    def told() -> bool:
        conditions = monster.pod["status"].get("conditions", [])
        found = [each for each in conditions if each["type"] == "PodResizeInProgress"]
        return any("Error" in each.get("reason", "") for each in found)

    until(told, "the kubelet telling that it cannot", SECONDS)
    assert node.memory_limit(monster.pod) == 512 * MIB
    assert monster.status["restartCount"] == 0


@pytest.mark.parametrize("monster", ["256Mi"], indirect=True)
def test_one_that_eats_past_its_limit_is_killed_by_its_cgroup(monster: Monster) -> None:
    with pytest.raises(ApiError):  # the connection ends with it
        monster.feed(400)
    node = monster.cluster.nodes[0]
    # The kernel kills the worker that ate; gunicorn, the container's first process, starts another one.
    until(lambda: node.oom_kills(monster.pod) > 0, "the end of what ate", SECONDS)
    assert node.memory_usage(monster.pod) <= node.memory_limit(monster.pod) == 256 * MIB
    until(lambda: monster.ready, "the monster ready again", SECONDS)

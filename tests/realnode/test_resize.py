"""Resizes in place that a real kubelet carries out, read from the cgroup."""

from collections.abc import Iterator

import pytest

from devcluster import namespaces
from devcluster.api import ApiError, Object
from devcluster.nodes import NODES
from devcluster.processes import until
from devcluster.realnode.configs import PAUSE
from tests.realnode.conftest import Installed
from tests.realnode.resizing import memory, resize
from tests.realnode.stream import LABEL, TAINT
from webhook.core.values.quantity import nanos

MIB = 2**20
SECONDS = 60.0


@pytest.fixture
def running(real: Installed) -> Iterator[tuple[str, Object]]:
    """The path of a pod of 512Mi that runs on a real node, and the pod."""
    with namespaces.temporary(real) as namespace:
        path = f"/api/v1/namespaces/{namespace}/pods/resized"
        container = {"name": "main", "image": PAUSE, "resources": memory("512Mi")}
        spec = {"nodeSelector": {"kubernetes.io/hostname": "real-1"}, "containers": [container]}
        real.api.create(path.rpartition("/")[0], {"metadata": {"name": "resized"}, "spec": spec})
        until(lambda: real.api.get(path)["status"]["phase"] == "Running", "the pod running", SECONDS)
        yield path, real.api.get(path)


def in_bytes(quantity: str) -> int:
    """A quantity of memory in bytes."""
    return nanos(quantity) // 10**9


def leave_free(real: Installed, pods: str, free_mib: int) -> None:
    """Commit memory requests on the simulated node until so much is free below the threshold of 75 %."""
    allocatable = sum(in_bytes(node["status"]["allocatable"]["memory"]) for node in real.api.items(NODES))
    committed = sum(
        in_bytes(container["resources"].get("requests", {}).get("memory", "0"))
        for pod in real.api.items("/api/v1/pods")
        for container in pod["spec"]["containers"]
    )
    rest = (allocatable * 3 // 4 - committed) // MIB - free_mib
    filler = {"name": "main", "image": "none", "resources": memory(f"{rest}Mi")}
    spec = {"nodeSelector": LABEL, "tolerations": [TAINT], "containers": [filler]}
    real.api.create(pods, {"metadata": {"name": "filler"}, "spec": spec})


def test_a_resize_is_judged_and_then_carried_out(real: Installed, running: tuple[str, Object]) -> None:
    path, pod = running
    node = real.nodes[0]
    assert node.memory_limit(pod) == 512 * MIB
    resize(real, path, "1Gi")
    until(lambda: node.memory_limit(pod) == 1024 * MIB, "the cgroup grown to 1Gi", SECONDS)
    resize(real, path, "256Mi")
    until(lambda: node.memory_limit(pod) == 256 * MIB, "the cgroup shrunk to 256Mi", SECONDS)
    assert real.api.get(path)["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_resize_past_the_threshold_is_refused_and_changes_nothing(
    real: Installed, running: tuple[str, Object]
) -> None:
    path, pod = running
    leave_free(real, path.rpartition("/")[0], 1024)
    with pytest.raises(ApiError, match=r"pods\.headroom\.internal"):  # the node itself has room for it
        resize(real, path, "1792Mi")
    assert real.nodes[0].memory_limit(pod) == 512 * MIB
    resize(real, path, "1Gi")
    until(lambda: real.nodes[0].memory_limit(pod) == 1024 * MIB, "the cgroup grown to 1Gi", SECONDS)

"""One Headroom for all tests here, in the cluster that HEADROOM_KUBECONFIG names or in a control plane of our own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from devcluster import gate, nodes
from devcluster.cluster import Cluster, existing_cluster
from devcluster.controlplane import ControlPlane
from devcluster.processes import tail
from devcluster.replicas import Replicas
from tests.e2e import patient
from tests.e2e.headroom import Headroom, forget
from tests.e2e.story import Story

AddNodes = Callable[[int], None]

PATIENT = (sys.executable, Path(patient.__file__), "serve")
NODE = 8 << 30  # bytes of memory of a node
GATE = f"{gate.CONFIGURATIONS}/{gate.NAME}"
METRICS = "/api/v1/namespaces/headroom-system/services/headroom:http/proxy/metrics"


@pytest.fixture(scope="package")
def replicas(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """One replica on this machine's loopback."""
    forget(cluster)
    with Replicas(cluster, tmp_path_factory.mktemp("headroom"), serve=PATIENT) as started:
        yield started


@pytest.fixture(scope="package")
def headroom(cluster: Cluster, request: pytest.FixtureRequest) -> Headroom:
    """The Headroom that the API server calls: the one that runs as pods in the cluster, or else `replicas`."""
    if existing_cluster() is not None and gate.is_closed(cluster):
        return _installed(cluster)
    return local(cluster, request.getfixturevalue("replicas"))


@pytest.fixture
def story(headroom: Headroom, namespace: str) -> Story:
    """A namespace of the test's own, once all pods of earlier tests are gone."""
    headroom.account()
    return Story(headroom, namespace)


@pytest.fixture(scope="module")
def room(cluster: Cluster, headroom: Headroom) -> Iterator[None]:
    """Nodes with memory to commit: three of 8Gi, or those of an existing cluster."""
    if existing_cluster() is not None:
        yield
        return
    nodes.add(cluster, 3)
    headroom.sees(3 * NODE)
    yield
    nodes.remove_all(cluster)
    headroom.sees(0)


@pytest.fixture
def no_nodes(control_plane: ControlPlane, headroom: Headroom) -> Iterator[None]:
    """For tests that add nodes of their own."""
    yield
    nodes.remove_all(control_plane)
    headroom.sees(0)


@pytest.fixture
def add_nodes(control_plane: ControlPlane, headroom: Headroom, no_nodes: None) -> AddNodes:
    """Return a function that adds nodes of 8Gi and waits until Headroom counts them."""

    def add(count: int) -> None:
        nodes.add(control_plane, count)
        headroom.sees(count * NODE)

    return add


def local(cluster: Cluster, replicas: Replicas) -> Headroom:
    """Return the only replica of `replicas`, reached directly."""
    replica = replicas[0]

    def show() -> str:
        answer = urllib3.request("GET", f"{replica.metrics_url}/metrics", retries=False)
        assert answer.status == 200, f"/metrics answers {answer.status}; the end of the log:\n{tail(replica.log)}"
        return answer.data.decode()

    return Headroom(cluster, show, replica.log.read_text)


def _installed(cluster: Cluster) -> Headroom:
    # Not tested by its author, who had no cluster that runs pods.
    if any("service" not in webhook["clientConfig"] for webhook in cluster.api.get(GATE)["webhooks"]):
        pytest.fail("the cluster asks a Headroom that does not run in it: end that one (`make down`)")

    def say() -> str:
        return cluster.kubectl("--namespace=headroom-system", "logs", "deployment/headroom").stdout

    return Headroom(cluster, lambda: cluster.api.text(METRICS), say)

"""Where the scheduler puts the replicas: on two nodes and in two zones if there are two, however full these are."""

from collections.abc import Iterator

import pytest

from devcluster import namespaces, nodes
from devcluster.api import Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.support.kustomize import MANIFESTS, one, render

pytestmark = pytest.mark.live

SECONDS = 120.0
ZONE = "topology.kubernetes.io/zone"


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of their own: on the shared one, Headroom may run and refuse pods, because it has not seen the nodes yet."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace on a control plane whose only nodes are those that a test adds."""
    with namespaces.temporary(control_plane) as name:
        yield name
    nodes.remove_all(control_plane)


def shipped(replicas: int) -> Object:
    """The Deployment of the base, for a namespace without Headroom's service account."""
    found = one(render(MANIFESTS / "base"), "Deployment")
    del found["metadata"]["namespace"]
    found["spec"]["replicas"] = replicas
    found["spec"]["template"]["spec"]["serviceAccountName"] = "default"
    return found


def placed(plane: ControlPlane, namespace: str, replicas: int) -> list[str]:
    """Create the Deployment, and return the nodes of its pods."""
    plane.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", shipped(replicas))

    def bound() -> list[str]:
        pods = plane.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector="app.kubernetes.io/name=headroom")
        return [pod["spec"]["nodeName"] for pod in pods if "nodeName" in pod["spec"]]

    until(lambda: len(bound()) == replicas, f"{replicas} replicas bound to nodes", SECONDS)
    return bound()


def fill(plane: ControlPlane, namespace: str, node: str) -> None:
    """Take most of a node, so that the scheduler likes every other one better."""
    asked = {"requests": {"memory": "6Gi", "cpu": "3"}, "limits": {"memory": "6Gi", "cpu": "3"}}
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "none", "resources": asked}]}
    plane.api.create(f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "filler"}, "spec": spec})


def test_on_two_nodes_without_zones_each_gets_one(control_plane: ControlPlane, namespace: str) -> None:
    first, second = nodes.add(control_plane, 2)
    fill(control_plane, namespace, first)
    assert sorted(placed(control_plane, namespace, 2)) == [first, second]


def test_in_two_zones_each_gets_one(control_plane: ControlPlane, namespace: str) -> None:
    first = nodes.add(control_plane, 1, nodes.Shape(labels={ZONE: "a"}))
    others = nodes.add(control_plane, 2, nodes.Shape(labels={ZONE: "b"}), first=2)
    fill(control_plane, namespace, first[0])
    found = placed(control_plane, namespace, 2)
    assert first[0] in found
    assert len(set(others) & set(found)) == 1


def test_a_cluster_of_one_node_still_gets_both(control_plane: ControlPlane, namespace: str) -> None:
    (only,) = nodes.add(control_plane, 1)
    assert placed(control_plane, namespace, 2) == [only, only]

"""The control plane is a real one: what is written stays, what should move by itself moves, and nothing else does."""

from collections.abc import Iterator

import pytest
import urllib3

from devcluster import nodes
from devcluster.api import Api, ApiError, Object
from devcluster.binaries import release
from devcluster.controlplane import ControlPlane
from devcluster.nodes import Shape
from devcluster.processes import until

pytestmark = pytest.mark.live
SECONDS = 120


def pod(name: str, **spec: object) -> Object:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "none"}], **spec}}


def phase(plane: ControlPlane, namespace: str, name: str) -> str:
    return str(plane.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")["status"]["phase"])


def node_named(plane: ControlPlane, name: str) -> Object:
    return plane.api.get(f"/api/v1/nodes/{name}")


def readiness(node: Object) -> str:
    return next(str(each["status"]) for each in node["status"]["conditions"] if each["type"] == "Ready")


@pytest.fixture
def node(control_plane: ControlPlane) -> Iterator[str]:
    (name,) = nodes.add(control_plane, 1, Shape(memory="2Gi", cpu="2", pods=20, allocatable={"memory": "1536Mi"}))
    yield name
    nodes.remove_all(control_plane)


def test_a_node_has_the_capacity_it_was_given_and_is_held_ready(control_plane: ControlPlane, node: str) -> None:
    lease = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}"
    until(lambda: control_plane.api.exists(lease), "the lease that KWOK renews", SECONDS)
    found = node_named(control_plane, node)
    assert readiness(found) == "True"
    assert "taints" not in found["spec"]
    assert found["status"]["capacity"] == {"memory": "2Gi", "cpu": "2", "pods": "20"}
    assert found["status"]["allocatable"] == {"memory": "1536Mi", "cpu": "2", "pods": "20"}


def test_a_pod_gets_running_and_goes_when_it_is_deleted(control_plane: ControlPlane, namespace: str, node: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    control_plane.api.create(pods, pod("web", initContainers=[{"name": "first", "image": "none"}]))
    until(lambda: phase(control_plane, namespace, "web") == "Running", "running", SECONDS)
    found = control_plane.api.get(f"{pods}/web")
    assert found["spec"]["nodeName"] == node
    assert found["status"]["podIP"].startswith("10.244.")
    assert found["status"]["containerStatuses"][0]["ready"] is True
    control_plane.api.delete(f"{pods}/web")
    until(lambda: not control_plane.api.exists(f"{pods}/web"), "the deletion", SECONDS)


def test_a_job_completes(control_plane: ControlPlane, namespace: str, node: str) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": pod("once", restartPolicy="Never")["spec"]}
    control_plane.api.create(jobs, {"metadata": {"name": "once"}, "spec": {"template": template}})
    until(lambda: control_plane.api.get(f"{jobs}/once")["status"].get("succeeded") == 1, "the job's end", SECONDS)


def test_a_node_reported_not_ready_is_tainted_until_it_is_ready_again(control_plane: ControlPlane, node: str) -> None:
    def tainted() -> bool:
        return any("not-ready" in taint["key"] for taint in node_named(control_plane, node)["spec"].get("taints", ()))

    nodes.set_ready(control_plane, node, "False")
    until(tainted, "the taint", SECONDS)
    assert readiness(node_named(control_plane, node)) == "False"
    nodes.set_ready(control_plane, node)
    until(lambda: not tainted(), "the taint's end", SECONDS)


def test_nodes_can_be_cordoned_labelled_tainted_and_resized(control_plane: ControlPlane, node: str) -> None:
    nodes.cordon(control_plane, node)
    nodes.label(control_plane, node, {"pool": "high"})
    nodes.resize(control_plane, node, {"memory": "1Gi"})
    found = node_named(control_plane, node)
    assert found["spec"]["unschedulable"] is True
    assert found["metadata"]["labels"]["pool"] == "high"
    assert found["status"]["allocatable"] == {"memory": "1Gi", "cpu": "2", "pods": "20"}
    nodes.cordon(control_plane, node, on=False)
    assert "unschedulable" not in node_named(control_plane, node)["spec"]
    nodes.remove(control_plane, node)
    assert not control_plane.api.exists(f"/api/v1/nodes/{node}")


def test_controllers_act_under_accounts_of_their_own(control_plane: ControlPlane, namespace: str, node: str) -> None:
    """Which is how a webhook tells a DaemonSet's pod from one that only says so."""
    accounts = control_plane.api.items("/api/v1/namespaces/kube-system/serviceaccounts")
    assert "daemon-set-controller" in {account["metadata"]["name"] for account in accounts}


def test_kubectl_is_there_and_its_complaint_becomes_an_error(control_plane: ControlPlane) -> None:
    assert release().version in control_plane.kubectl("version").stdout
    with pytest.raises(RuntimeError, match=r"kubectl get nonsense ended with 1: .*nonsense"):
        control_plane.kubectl("get", "nonsense")
    assert control_plane.kubectl("get", "nonsense", check=False).returncode == 1


def test_without_controllers_a_node_simply_is_ready_and_a_pod_stays_as_it_is(
    bare_control_plane: ControlPlane, bare_namespace: str
) -> None:
    (node,) = nodes.add(bare_control_plane, 1, Shape(taints=[{"key": "gpu", "effect": "NoSchedule"}]))
    found = node_named(bare_control_plane, node)
    assert readiness(found) == "True"
    assert [taint["key"] for taint in found["spec"]["taints"]] == ["gpu"]
    bare_control_plane.api.create(f"/api/v1/namespaces/{bare_namespace}/pods", pod("web", nodeName=node))
    assert phase(bare_control_plane, bare_namespace, "web") == "Pending"
    nodes.remove_all(bare_control_plane)


def test_an_api_server_that_was_stopped_comes_back_with_its_data(
    bare_control_plane: ControlPlane, bare_namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{bare_namespace}/pods"
    made = bare_control_plane.api.create(pods, pod("kept"))
    url = bare_control_plane.url
    bare_control_plane.stop_apiserver()
    with pytest.raises(urllib3.exceptions.HTTPError):
        bare_control_plane.api.get(pods)
    bare_control_plane.start_apiserver()
    assert bare_control_plane.url == url
    assert bare_control_plane.api.get(f"{pods}/kept")["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_paused_api_server_answers_nothing_until_it_goes_on(bare_control_plane: ControlPlane) -> None:
    bare_control_plane.pause_apiserver()
    try:
        with pytest.raises(urllib3.exceptions.TimeoutError):
            bare_control_plane.api.text("/readyz", timeout=0.5)
    finally:
        bare_control_plane.resume_apiserver()
    until(bare_control_plane._ready, "its answers", SECONDS)


def test_a_service_accounts_kubeconfig_has_its_rights_and_no_more(
    bare_control_plane: ControlPlane, bare_namespace: str
) -> None:
    accounts = f"/api/v1/namespaces/{bare_namespace}/serviceaccounts"
    bare_control_plane.api.create(accounts, {"metadata": {"name": "reader"}})
    path = bare_control_plane.work / "reader.kubeconfig"
    reader = Api(bare_control_plane.service_account_kubeconfig(bare_namespace, "reader", path))
    whoami = reader.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert whoami["status"]["userInfo"]["username"] == f"system:serviceaccount:{bare_namespace}:reader"
    with pytest.raises(ApiError, match="403 Forbidden"):
        reader.items("/api/v1/pods")
    assert path.stat().st_mode & 0o077 == 0

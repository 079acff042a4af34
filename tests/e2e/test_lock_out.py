"""Headroom is down, with its gate closed as it ships: what waits for it, what never does, and how the gate is opened.

The control plane has the static policy that protects the gate (docs/emergency.md).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import yaml

from devcluster import gate, nodes
from devcluster.api import ApiError, Object
from devcluster.binaries import NEWEST, VARIABLE
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import ACCOUNT, NAMESPACE
from tests.e2e.pods import asking
from tests.support.kustomize import one
from webhook.controllers.gate_probe import GateProbe
from webhook.kube.client import Api, configure

pytestmark = pytest.mark.live

STATIC = Path(__file__).parents[2] / "manifests" / "static-admission"
GATE = f"{gate.CONFIGURATIONS}/{gate.NAME}"
NOT_CALLED = 'failed calling webhook "pods.headroom.internal"'
SECONDS = 60.0
EVERYBODY = "/api/v1/namespaces/default/pods"
NODE = ("--as=system:node:node-1", "--as-group=system:nodes", "--as-group=system:authenticated")
ADMIN = ("--as=somebody", "--as-group=admins", "--as-group=system:authenticated")
EMERGENCY = ("--as=somebody", "--as-group=admins", "--as-group=headroom-emergency", "--as-group=system:authenticated")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A node, Headroom's objects without a process, and a pod that was there before the gate."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, NEWEST.minor)
        work = tmp_path_factory.mktemp("lock-out")
        with ControlPlane(work, controllers=False, apiserver_flags=static_policy(work)) as plane:
            nodes.add(plane, 1)
            plane.api.create(EVERYBODY, asking("before", "1Mi"))
            bind(plane, "before", "default")
            grant(plane, "admins")
            yield plane


def static_policy(folder: Path) -> list[str]:
    """The API server's flags for the static policy as it ships, with the path of this checkout."""
    configuration = yaml.safe_load((STATIC / "admission-configuration.yaml").read_text())
    configuration["plugins"][0]["configuration"]["staticManifestsDir"] = str(STATIC / "policies")
    file = folder / "admission-configuration.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return [f"--admission-control-config-file={file}"]


@pytest.fixture
def shipped(plane: ControlPlane) -> Iterator[list[Object]]:
    """All manifests; the gate is closed, and calls a Service that is not there."""
    rendered: list[Object] = list(yaml.safe_load_all(plane.kubectl("kustomize", gate.BASE).stdout))
    close(plane)
    yield rendered
    gate.open_again(plane)
    until(lambda: creates(plane) == "", "an open gate", SECONDS)


def close(plane: ControlPlane) -> None:
    closed = gate.apply_all_but_the_gate(plane)
    plane.api.apply(GATE, closed)
    until(lambda: NOT_CALLED in creates(plane), "a closed gate", SECONDS)


def creates(plane: ControlPlane, pod: Object | None = None, namespace: str = "default") -> str:
    """Create a pod as a dry run; return why not, empty if it was created."""
    try:
        plane.api.create(f"/api/v1/namespaces/{namespace}/pods", pod or asking("probe", "1Mi"), dryRun="All")
    except ApiError as error:
        return error.message
    return ""


def bind(plane: ControlPlane, name: str, namespace: str) -> None:
    target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
    plane.api.create(f"/api/v1/namespaces/{namespace}/pods/{name}/binding", binding)


def grant(plane: ControlPlane, group: str) -> None:
    kind = "rbac.authorization.k8s.io"
    role = {"apiGroup": kind, "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": kind, "kind": "Group", "name": group}
    binding = {"metadata": {"name": group}, "roleRef": role, "subjects": [subject]}
    plane.api.create(f"/apis/{kind}/v1/clusterrolebindings", binding)


def mirror(namespace: str) -> str:
    """A mirror pod as a kubelet makes it."""
    node = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "1", "controller": True}
    pod = asking("static-node-1", "1Mi", nodeName="node-1")
    pod["metadata"] |= {
        "namespace": namespace,
        "annotations": {"kubernetes.io/config.mirror": "abc"},
        "ownerReferences": [node],
    }
    return json.dumps(pod)


def test_pods_wait_and_what_the_cluster_itself_needs_does_not(plane: ControlPlane, shipped: list[Object]) -> None:
    assert NOT_CALLED in creates(plane)
    assert NOT_CALLED in creates(plane, namespace="kube-public"), "only what the gate leaves out does not wait"
    assert creates(plane, namespace="kube-system") == ""
    system = asking("calico", "1Mi", hostNetwork=True, priorityClassName="system-node-critical")
    assert creates(plane, system, "kube-system") == ""
    template = one(shipped, "Deployment")["spec"]["template"]
    own = {"metadata": {"name": "headroom-0", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    assert creates(plane, own, "headroom-system") == "", "Headroom's own pods, under the strictest Pod Security level"


def test_mirror_pods_wait_in_no_namespace_and_only_a_kubelet_can_make_one(
    plane: ControlPlane, shipped: list[Object]
) -> None:
    for namespace in ("default", "kube-system"):
        plane.kubectl("create", "-f", "-", *NODE, input=mirror(namespace))
        plane.kubectl("delete", "pod", "static-node-1", f"--namespace={namespace}", "--force")
    refused = plane.kubectl("create", "-f", "-", *ADMIN, input=mirror("default"), check=False)
    assert NOT_CALLED in refused.stderr
    plain = json.dumps(asking("plain", "1Mi", nodeName="node-1"))
    refused = plane.kubectl("create", "-f", "-", *NODE, input=plain, check=False)
    assert NOT_CALLED in refused.stderr


def test_nodes_leases_and_everything_that_is_no_new_pod_goes_on(plane: ControlPlane, shipped: list[Object]) -> None:
    api = plane.api
    lease = {"metadata": {"name": "node-1"}, "spec": {"holderIdentity": "node-1", "leaseDurationSeconds": 40}}
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    api.create(leases, lease)
    api.patch(f"{leases}/node-1", {"spec": {"leaseDurationSeconds": 41}})
    api.create(nodes.NODES, {"metadata": {"name": "node-2"}})
    api.patch(f"{nodes.NODES}/node-2/status", {"status": {"allocatable": {"memory": "1Gi"}}})
    api.delete(f"{nodes.NODES}/node-2")
    api.patch(f"{EVERYBODY}/before/status", {"status": {"phase": "Running"}})
    api.patch(f"{EVERYBODY}/before", {"metadata": {"labels": {"changed": "yes"}}})
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    api.create(deployments, {"metadata": {"name": "web"}, "spec": spec})
    api.patch(f"{deployments}/web/scale", {"spec": {"replicas": 3}})
    api.delete(f"{deployments}/web")
    api.patch("/api/v1/namespaces/headroom-system/configmaps/headroom-config", {"metadata": {"labels": {"x": "y"}}})
    api.create(f"{EVERYBODY}/before/eviction", {"metadata": {"name": "before"}}, dryRun="All")


def test_one_command_opens_the_gate_and_one_closes_it(plane: ControlPlane, shipped: list[Object]) -> None:
    assert NOT_CALLED in creates(plane)
    plane.kubectl("delete", "validatingwebhookconfiguration", "headroom")
    until(lambda: creates(plane) == "", "an open gate", SECONDS)
    close(plane)
    assert NOT_CALLED in creates(plane)


def test_the_probe_sees_it_with_the_rights_that_it_has(
    plane: ControlPlane, shipped: list[Object], tmp_path: Path
) -> None:
    told = list[tuple[bool, str]]()
    account = plane.service_account_kubeconfig(NAMESPACE, ACCOUNT, tmp_path / "kubeconfig")
    api = Api(configure(str(account)))
    probe = GateProbe(api, lambda: True, lambda: True, Event(), lambda *what: told.append(what))

    def reach() -> bool | None:
        probe.look()
        return probe.reachable

    assert reach() is False
    ((reachable, text),) = told
    assert not reachable
    assert NOT_CALLED in text
    gate.open_again(plane)
    until(lambda: creates(plane) == "", "an open gate", SECONDS)
    assert reach() is True
    assert plane.api.items("/api/v1/namespaces/headroom-probe/pods") == []
    api.close()


def test_with_the_static_policy_only_the_emergency_group_opens_the_gate(
    plane: ControlPlane, shipped: list[Object]
) -> None:
    for command in (("delete", "validatingwebhookconfiguration", "headroom"), ("delete", *ALL)):
        refused = plane.kubectl(*command, *ADMIN, check=False)
        assert "may be deleted by the group headroom-emergency only" in refused.stderr, command
    for change in (
        [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}],
        [{"op": "add", "path": "/webhooks/0/namespaceSelector", "value": {"matchLabels": {"no": "body"}}}],
        [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CONNECT"]}],
        [{"op": "remove", "path": "/webhooks/0"}],
        [{"op": "add", "path": "/webhooks/0/matchConditions/-", "value": {"name": "never", "expression": "false"}}],
    ):
        said = patch(plane, ADMIN, change)
        assert "may be changed by the group headroom-emergency only" in said, change
    assert patch(plane, ADMIN, [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "eA=="}]) == ""
    other = {"metadata": {"name": "another"}, "webhooks": []}
    plane.api.create(gate.CONFIGURATIONS, other)
    plane.kubectl("delete", "validatingwebhookconfiguration", "another", *ADMIN)
    plane.kubectl("delete", "validatingwebhookconfiguration", "headroom", *EMERGENCY)
    until(lambda: creates(plane) == "", "an open gate", SECONDS)


ALL = ("validatingwebhookconfigurations", "--all")


def patch(plane: ControlPlane, who: tuple[str, ...], change: list[Object]) -> str:
    """Change the gate; return why not, empty if it was changed."""
    text = json.dumps(change)
    done = plane.kubectl(
        "patch", "validatingwebhookconfiguration", "headroom", "--type=json", f"--patch={text}", *who, check=False
    )
    return done.stderr if done.returncode else ""

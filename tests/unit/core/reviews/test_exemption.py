"""Exemptions, each tried as an attacker would: what a user can write into a pod exempts nothing by itself."""

from typing import Any

import pytest

from tests.support.accounts import config
from tests.support.sample_reviews import asking, sample
from webhook.core.reviews.exemption import exemption
from webhook.core.reviews.review import ReviewError, decode

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"
MANAGER = "system:kube-controller-manager"
ATTACKER = "mallory@example.com"
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "1f6b8a4b9c0d"}}
OWNED = {
    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": True}]
}
CRITICAL = {"priorityClassName": "system-node-critical"}
# As many namespaces as the default leaves: kube-system for both.
DEFAULT = config().exempt
EVERYWHERE = config("exempt: {daemonSets: true}").exempt
NONE = config("exempt: {namespaces: [], priorityClasses: [], daemonSets: false}").exempt


def why(settings: object = DEFAULT, **pod: Any) -> str | None:
    request = asking(**pod)
    assert isinstance(settings, type(DEFAULT))
    return exemption(request, request.pod(), settings)


def test_an_ordinary_pod_is_not_exempt() -> None:
    assert why() is None


# -- namespaces ------------------------------------------------------------------------------------------------------


def test_a_namespace_is_exempt_by_its_whole_name_or_its_pattern() -> None:
    settings = config("exempt: {namespaces: [kube-system, infra-*]}").exempt
    assert why(settings, namespace="kube-system") == "namespace kube-system is exempt"
    assert why(settings, namespace="infra-eu") == "namespace infra-eu is exempt"
    for other in ("kube-system2", "my-kube-system", "infra", "xinfra-eu", ""):
        assert why(settings, namespace=other) is None


def test_the_namespace_is_that_of_the_request_whatever_the_pod_says() -> None:
    assert why(namespace="default", metadata={"namespace": "kube-system"}) is None
    with pytest.raises(ReviewError, match=r'request\.namespace is "Kube-system", and not a DNS label'):
        why(namespace="Kube-system")


# -- priority classes ------------------------------------------------------------------------------------------------


def test_a_critical_priority_class_counts_in_its_namespaces_only() -> None:
    settings = config("exempt: {namespaces: [], priorityClassNamespaces: [kube-system, monitoring]}").exempt
    for namespace in ("kube-system", "monitoring"):
        told = why(settings, namespace=namespace, spec=CRITICAL)
        assert told == f"priority class system-node-critical is exempt in namespace {namespace}"
    assert why(settings, namespace="default", spec=CRITICAL) is None
    assert why(settings, namespace="monitoring", spec={"priorityClassName": "high"}) is None
    assert why(settings, namespace="monitoring", spec={"priority": 2_000_001_000}) is None


# -- mirror pods -----------------------------------------------------------------------------------------------------


def test_a_mirror_pod_is_exempt_when_its_own_node_makes_it() -> None:
    told = why(NONE, user="system:node:worker-1", metadata=MIRROR, spec={"nodeName": "worker-1"})
    assert told == "mirror pod, made by its own node"
    request = decode(sample("mirror-pod"))
    assert exemption(request, request.pod(), NONE) == told


@pytest.mark.parametrize(
    ("user", "metadata", "node"),
    [
        pytest.param(ATTACKER, MIRROR, "worker-1", id="the annotation and a nodeName by an ordinary user"),
        pytest.param("system:node:worker-1", MIRROR, "worker-2", id="for another node"),
        pytest.param("system:node:worker-1", MIRROR, "", id="for no node"),
        pytest.param("system:node:", MIRROR, "", id="a node without a name for no node"),
        pytest.param("system:node:worker-1", {}, "worker-1", id="no mirror pod"),
        pytest.param("system:node:worker-1", {"annotations": None}, "worker-1", id="no annotations"),
        pytest.param("worker-1", MIRROR, "worker-1", id="a user with the name of the node"),
        pytest.param("system:node:worker-10", MIRROR, "worker-1", id="a node whose name begins alike"),
        pytest.param("xsystem:node:worker-1", MIRROR, "worker-1", id="a user whose name ends alike"),
        pytest.param("system:serviceaccount:kube-system:node", MIRROR, "worker-1", id="a service account"),
        pytest.param("", MIRROR, "worker-1", id="nobody"),
    ],
)
def test_nobody_else_can_claim_a_mirror_pod(user: str, metadata: dict[str, Any], node: str) -> None:
    assert why(user=user, metadata=metadata, spec={"nodeName": node}) is None


# -- system pods ------------------------------------------------------------------------------------------------------

SYSTEM_PODS = config("exempt: {systemPods: [calico-*]}").exempt


@pytest.mark.parametrize("name", ["system-node-critical", "system-cluster-critical"])
def test_a_critical_pod_on_the_hosts_network_is_exempt_where_the_owner_says(name: str) -> None:
    spec = {"priorityClassName": name, "hostNetwork": True}
    told = f"pod of priority class {name} on the host's network, exempt in namespace calico-system"
    assert why(SYSTEM_PODS, namespace="calico-system", spec=spec) == told
    assert why(SYSTEM_PODS, namespace="default", spec=spec) is None
    assert why(DEFAULT, namespace="calico-system", spec=spec) is None


@pytest.mark.parametrize(
    "spec",
    [
        {"priorityClassName": "system-node-critical"},
        {"priorityClassName": "system-node-critical", "hostNetwork": False},
        {"hostNetwork": True},
        {"priorityClassName": "", "hostNetwork": True},
        {"priorityClassName": "high", "hostNetwork": True},
    ],
)
def test_neither_the_hosts_network_nor_the_class_is_enough(spec: dict[str, Any]) -> None:
    assert why(SYSTEM_PODS, namespace="calico-system", spec=spec) is None


# -- DaemonSets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [CONTROLLER, MANAGER])
def test_a_daemon_sets_pod_is_exempt_when_the_controller_itself_makes_it(user: str) -> None:
    assert why(EVERYWHERE, user=user, metadata=OWNED) == "DaemonSet pod, made by the DaemonSet controller"
    assert why(NONE, user=user, metadata=OWNED) is None


def test_a_daemon_sets_pod_is_exempt_only_in_the_namespaces_of_such() -> None:
    made = {"user": CONTROLLER, "metadata": OWNED}
    some = config("exempt: {namespaces: [], daemonSets: [kube-system, agents-*]}").exempt
    for namespace in ("kube-system", "agents-eu"):
        assert why(some, namespace=namespace, **made) == "DaemonSet pod, made by the DaemonSet controller"
    for namespace in ("default", "agents"):
        assert why(some, namespace=namespace, **made) is None
    assert why(namespace="default", **made) is None, "whoever may edit any namespace can make a DaemonSet there"


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        pytest.param(ATTACKER, {}, id="a forged ownerReference"),
        pytest.param("system:serviceaccount:kube-system:replicaset-controller", {}, id="another controller"),
        pytest.param("system:serviceaccount:default:daemon-set-controller", {}, id="an account of the same name"),
        pytest.param("daemon-set-controller", {}, id="a user of the same name"),
        pytest.param(CONTROLLER, {"kind": "ReplicaSet"}, id="the pod of something else"),
        pytest.param(CONTROLLER, {"controller": False}, id="an owner that is not its controller"),
        pytest.param(CONTROLLER, {"controller": None}, id="an owner that does not say so"),
    ],
)
def test_nobody_else_can_claim_a_daemon_sets_pod(user: str, owner: dict[str, Any]) -> None:
    references = [OWNED["ownerReferences"][0] | owner]
    assert why(EVERYWHERE, user=user, metadata={"ownerReferences": references}) is None


def test_a_pod_without_owners_is_nobodys_even_for_the_controller() -> None:
    assert why(EVERYWHERE, user=CONTROLLER) is None

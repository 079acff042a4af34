"""What Headroom's account may do: what is needed, and of all the rest only what everybody may."""

from pathlib import Path

import pytest

from devcluster.api import Api
from devcluster.cluster import Cluster
from tests.e2e.headroom import Headroom

pytestmark = pytest.mark.live

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
Rule = tuple[str, str, str]

CLUSTER_WIDE: set[Rule] = {
    *((verb, resource, "") for verb in ("list", "watch") for resource in ("pods", "nodes", "resourcequotas")),
    *((verb, "events", "") for verb in ("create", "get", "patch")),
    *(("get", f"{kind}.apps", "") for kind in ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("get", "jobs.batch", ""),
    ("get", "replicationcontrollers", ""),
    ("list", "pods.metrics.k8s.io", ""),
}
OWN_NAMESPACE: set[Rule] = {
    *((verb, "configmaps", "headroom-config") for verb in ("get", "list", "watch")),
    *((verb, "configmaps", "headroom-allotments") for verb in ("get", "list", "watch", "update")),
    *((verb, "configmaps", "headroom-refusals") for verb in ("list", "watch", "patch")),
    ("create", "configmaps", ""),
    *((verb, "leases.coordination.k8s.io", "headroom") for verb in ("get", "update")),
    ("create", "leases.coordination.k8s.io", ""),
}


def rules(api: Api, namespace: str) -> set[Rule]:
    """Everything that an account may do to resources in a namespace: verb, resource, and the only name if there is."""
    status = api.create(REVIEW, {"spec": {"namespace": namespace}})["status"]
    assert not status["incomplete"], status
    return {
        (verb, resource if group == "" else f"{resource}.{group}", name)
        for rule in status["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def as_account(cluster: Cluster, namespace: str, name: str, folder: Path) -> Api:
    return Api(cluster.service_account_kubeconfig(namespace, name, folder / f"{namespace}-{name}"))


@pytest.mark.parametrize("namespace", ["headroom-system", "default", "kube-system"])
def test_headrooms_account_may_do_exactly_this(headroom: Headroom, tmp_path: Path, namespace: str) -> None:
    cluster = headroom.cluster
    everybody = rules(as_account(cluster, "default", "default", tmp_path), namespace)
    own = rules(as_account(cluster, "headroom-system", "headroom", tmp_path), namespace)
    assert own - everybody == CLUSTER_WIDE | (OWN_NAMESPACE if namespace == "headroom-system" else set())
    assert not any("*" in rule for rule in own)

"""Nodes without machines: Node objects with a capacity and the condition Ready; KWOK stands in for their kubelets."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devcluster.api import Object
from devcluster.binaries import release
from devcluster.cluster import Cluster

NODES = "/api/v1/nodes"
PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of a node; quantities as Kubernetes writes them.

    `allocatable` has only the resources that differ from the capacity.
    """

    memory: str = "8Gi"
    cpu: str = "4"
    pods: int = 110
    allocatable: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()


def add(cluster: Cluster, count: int, shape: Shape | None = None, *, first: int = 1) -> list[str]:
    """Add `count` nodes, numbered from node-`first` on, each Ready and with only the taints of its shape."""
    names = [f"node-{number}" for number in range(first, first + count)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda name: add_one(cluster, name, shape or Shape()), names))
    return names


def add_one(cluster: Cluster, name: str, shape: Shape) -> None:
    """Add one node, and remove the not-ready taint that admission sets, as the node controller would."""
    cluster.api.create(NODES, _manifest(name, shape))
    taint(cluster, name, shape.taints)


def taint(cluster: Cluster, name: str, taints: Sequence[Mapping[str, str]]) -> None:
    """Set the taints of the node; it keeps no others."""
    cluster.api.patch(f"{NODES}/{name}", {"spec": {"taints": [dict(each) for each in taints] or None}})


def label(cluster: Cluster, name: str, labels: Mapping[str, str | None]) -> None:
    """Set labels; None removes one."""
    cluster.api.patch(f"{NODES}/{name}", {"metadata": {"labels": dict(labels)}})


def cordon(cluster: Cluster, name: str, *, on: bool = True) -> None:
    """Cordon the node, or, with `on=False`, uncordon it."""
    cluster.api.patch(f"{NODES}/{name}", {"spec": {"unschedulable": on or None}})


def set_ready(cluster: Cluster, name: str, status: str = "True") -> None:
    """Set the condition Ready to "True", "False" or "Unknown", as its kubelet or the node controller would."""
    cluster.api.patch(f"{NODES}/{name}/status", {"status": {"conditions": [_ready(status)]}}, "strategic")


def resize(cluster: Cluster, name: str, allocatable: Mapping[str, str]) -> None:
    """Change the allocatable of the node, as a kubelet with a new configuration would."""
    cluster.api.patch(f"{NODES}/{name}/status", {"status": {"allocatable": dict(allocatable)}})


def remove(cluster: Cluster, name: str) -> None:
    """Delete the node; its pods stay until a controller or a test deletes them."""
    cluster.api.delete(f"{NODES}/{name}")


def remove_all(cluster: Cluster) -> None:
    """Delete every node."""
    cluster.api.delete(NODES)


def _manifest(name: str, shape: Shape) -> Object:
    capacity = {"memory": shape.memory, "cpu": shape.cpu, "pods": str(shape.pods)}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels | dict(shape.labels),
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {
            "capacity": capacity,
            "allocatable": capacity | dict(shape.allocatable),
            "conditions": [_ready("True"), *map(_no_pressure, ("Memory", "Disk", "PID"))],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "nodeInfo": _node_info(),
        },
    }


def _ready(status: str) -> Object:
    reason = {"True": "KubeletReady", "False": "KubeletNotReady"}.get(status, "NodeStatusUnknown")
    return _condition("Ready", status, reason)


def _no_pressure(resource: str) -> Object:
    return _condition(f"{resource}Pressure", "False", "KubeletHasEnough")


def _condition(kind: str, status: str, reason: str) -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "there is no machine behind this node",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _node_info() -> Object:
    unknown = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion")
    known = {"kubeletVersion": release().version, "containerRuntimeVersion": "none://0", "operatingSystem": "linux"}
    return dict.fromkeys(unknown, "") | known | {"architecture": "amd64"}

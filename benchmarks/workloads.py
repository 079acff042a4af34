"""Workloads: Deployments and their ReplicaSets, whose pods the load generator creates instead of a controller."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import DATA
from devcluster.api import Api, Object

HASH = "6d985cfd4d"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
REPLICA_SETS = "/apis/apps/v1/namespaces/{}/replicasets"


def make(api: Api, namespace: str, count: int) -> Sequence[Object]:
    """Make `count` ReplicaSets, each with its own Deployment; running controllers would delete their pods."""
    return [_make(api, namespace, f"web-{number}") for number in range(1, count + 1)]


def owners_file(path: Path, owners: Sequence[Object]) -> Path:
    """Write the owners into a file for the load generator: a name and a uid in each line."""
    path.write_text("".join(f"{each['metadata']['name']} {each['metadata']['uid']}\n" for each in owners))
    return path


def owned_pod(path: Path) -> Path:
    """Write the pod to create into a file; a ReplicaSet owns it, as it owns pods of a Deployment."""
    pod = json.loads((DATA / "create.json").read_text())
    pod["metadata"] |= {
        "generateName": "@OWNER@-",
        "labels": {"app": "web", "pod-template-hash": HASH},
        "ownerReferences": [_reference("ReplicaSet", "@OWNER@", "@OWNER_UID@")],
    }
    path.write_text(json.dumps(pod, separators=(",", ":")))
    return path


def _make(api: Api, namespace: str, name: str) -> Object:
    labels = {"app": name}
    spec: Object = {"replicas": 0, "selector": {"matchLabels": labels}, "template": _template(labels)}
    deployment = api.create(DEPLOYMENTS.format(namespace), {"metadata": {"name": name}, "spec": spec})
    owner = _reference("Deployment", name, deployment["metadata"]["uid"])
    named: Object = {"name": f"{name}-{HASH}", "ownerReferences": [owner]}
    return api.create(REPLICA_SETS.format(namespace), {"metadata": named, "spec": spec})


def _template(labels: Object) -> Object:
    container = {"name": "web", "image": "registry.example/shop/web:1.4.2"}
    return {"metadata": {"labels": labels}, "spec": {"containers": [container]}}


def _reference(kind: str, name: str, uid: str) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }

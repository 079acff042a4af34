"""AdmissionReviews for tests: as an API server sends them (tests/data/reviews), or built from a few fields."""

import json
from pathlib import Path
from typing import Any

from webhook.core.reviews.review import AdmissionRequest, decode

SAMPLES = Path(__file__).parents[1] / "data" / "reviews"

Json = dict[str, Any]


def sample(name: str) -> bytes:
    """Read a review as an API server sends it."""
    return (SAMPLES / f"{name}.json").read_bytes()


def body(**request: Any) -> bytes:
    """Make a review whose request has a uid and these fields, spelt as in JSON."""
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "review-1"} | request}
    return json.dumps(whole).encode()


def asking(
    memory: str | None = "1Gi",
    *,
    namespace: str = "default",
    name: str = "web-7",
    uid: str = "pod-1",
    user: str = "jane@example.com",
    spec: Json | None = None,
    metadata: Json | None = None,
    **request: Any,
) -> AdmissionRequest:
    """Make the request to create a pod with one container; with `memory=None` the pod asks for nothing."""
    resources = {"requests": {"memory": memory}, "limits": {"memory": memory}} if memory else {}
    pod = {
        "metadata": {"name": name, "namespace": namespace, "uid": uid} | (metadata or {}),
        "spec": {"containers": [{"name": "app", "resources": resources}]} | (spec or {}),
    }
    made: Json = {
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": namespace,
        "name": name,
        "userInfo": {"username": user},
        "object": pod,
    }
    return decode(body(**(made | request)))


def resize(
    old: Json,
    new: Json,
    *,
    revision: str = "7",
    name: str = "web-7",
    status: Json | None = None,
    metadata: Json | None = None,
    spec: Json | None = None,
    **request: Any,
) -> bytes:
    """Make the review of a resize of a pod with one container, from its old and its new resources.

    Both objects have the same status, as in the API server.
    """
    meta = {"name": name, "namespace": "default", "uid": "pod-1", "resourceVersion": revision} | (metadata or {})

    def sized(resources: Json) -> Json:
        containers = [{"name": "app", "resources": resources}]
        return {"metadata": meta, "spec": {"nodeName": "n", "containers": containers, **(spec or {})}, "status": status}

    made: Json = {
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "subResource": "resize",
        "operation": "UPDATE",
        "namespace": "default",
        "name": name,
        "userInfo": {"username": "jane@example.com"},
        "object": sized(new),
        "oldObject": sized(old),
    }
    return body(**(made | request))


def resizing(old: Json, new: Json, **more: Any) -> AdmissionRequest:
    """Make the request of a resize; arguments are as for `resize`."""
    return decode(resize(old, new, **more))


def confining(
    old: Json,
    new: Json,
    size: str = "2Gi",
    *,
    revision: str = "7",
    name: str = "web-7",
    uid: str = "pod-1",
    **request: Any,
) -> AdmissionRequest:
    """Make the request to update a pod with one container, from the old and the new parts of its spec."""
    namespace = request.get("namespace", "default")
    meta = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": revision}

    def placed(spec: Json) -> Json:
        return {"metadata": meta, "spec": {"containers": [{"name": "app", "resources": memory(size)}], **spec}}

    made: Json = {
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "UPDATE",
        "namespace": "default",
        "name": name,
        "userInfo": {"username": "jane@example.com"},
        "object": placed(new),
        "oldObject": placed(old),
    }
    return decode(body(**(made | request)))


def memory(requests: str, limits: str | None = None, cpu: str | None = None) -> Json:
    """Make the resources of a container."""
    asked = {"memory": requests} | ({"cpu": cpu} if cpu else {})
    return {"requests": asked} | ({"limits": {"memory": limits}} if limits else {})

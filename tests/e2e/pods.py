"""Builders of pods that ask for memory, short to write in a test."""

from devcluster.api import Object

Memory = int | str | None

# No scheduler places a pod with this schedulerName, and no kubelet runs it: it stays as the test made it, and counts.
NOBODY = "nobody"


def memory(requests: Memory = None, limits: Memory = None) -> Object:
    """Make the `resources` of a container or of a pod; a number is in bytes, None leaves the entry out."""
    asked = {"requests": requests, "limits": limits}
    return {key: {"memory": str(value)} for key, value in asked.items() if value is not None}


def container(requests: Memory = None, limits: Memory = None, name: str = "main", **more: object) -> Object:
    """Make a container or an init container."""
    return {"name": name, "image": "none", "resources": memory(requests, limits), **more}


def pod(name: str, *containers: Object, **spec: object) -> Object:
    """Make a pod of these containers that stays as it is."""
    spec = {"schedulerName": NOBODY, "containers": list(containers) or [container()], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def asking(name: str, requests: Memory = None, limits: Memory = None, **spec: object) -> Object:
    """Make a pod of one container with these requests and limits."""
    return pod(name, container(requests, limits), **spec)

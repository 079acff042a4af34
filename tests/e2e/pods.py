"""Pods that ask for memory, as short as a test wants to write them."""

from devcluster.api import Object

Memory = int | str | None

# Nobody places such a pod and nobody runs it: it stays as the test made it, and counts all the same.
NOBODY = "nobody"


def memory(requests: Memory = None, limits: Memory = None) -> Object:
    """The `resources` of a container or of a pod; a number is bytes, None leaves it out."""
    asked = {"requests": requests, "limits": limits}
    return {key: {"memory": str(value)} for key, value in asked.items() if value is not None}


def container(requests: Memory = None, limits: Memory = None, name: str = "main", **more: object) -> Object:
    """One container, or one init container."""
    return {"name": name, "image": "none", "resources": memory(requests, limits), **more}


def pod(name: str, *containers: Object, **spec: object) -> Object:
    """A pod of these containers that nothing will move."""
    spec = {"schedulerName": NOBODY, "containers": list(containers) or [container()], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def asking(name: str, requests: Memory = None, limits: Memory = None, **spec: object) -> Object:
    """A pod of one container that asks for so much."""
    return pod(name, container(requests, limits), **spec)

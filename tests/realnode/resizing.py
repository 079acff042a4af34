"""Sizes of containers, and asking for another one in place."""

from devcluster.api import Object
from devcluster.cluster import Cluster


def memory(quantity: str) -> Object:
    """Requests and limits of that much memory."""
    return {"requests": {"memory": quantity}, "limits": {"memory": quantity}}


def resize(cluster: Cluster, path: str, quantity: str) -> None:
    """Ask for another size of the container `main` of a pod."""
    containers = [{"name": "main", "resources": memory(quantity)}]
    cluster.api.patch(f"{path}/resize", {"spec": {"containers": containers}}, "strategic")

"""Deployments of storms, and how often a replica refused."""

from devcluster.api import Object
from tests.stress.clients import pod
from tests.stress.scene import Scene

REFUSALS = r'headroom_admission_reviews_total\{[^}]*verdict="deny"[^}]*\}'


def apps(place: Scene) -> str:
    """Where the Deployments are."""
    return f"/apis/apps/v1/namespaces/{place.namespace}/deployments"


def template(name: str, size: int) -> Object:
    """What a workload makes its pods from."""
    return {"metadata": {"labels": {"app": name}}, "spec": pod(name, size)["spec"]}


def deployment(name: str, replicas: int, size: int) -> Object:
    """A Deployment whose pods nobody places."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, size)}
    return {"metadata": {"name": name}, "spec": spec}

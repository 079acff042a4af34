"""Deployments for storms, and how often a replica refused their pods."""

from devcluster.api import Object
from tests.stress.clients import pod
from tests.stress.scene import Scene

REFUSALS = r'headroom_admission_reviews_total\{[^}]*verdict="deny"[^}]*\}'


def apps(place: Scene) -> str:
    """Return the API path of the scene's Deployments."""
    return f"/apis/apps/v1/namespaces/{place.namespace}/deployments"


def template(name: str, size: int) -> Object:
    """Make the pod template of a workload."""
    return {"metadata": {"labels": {"app": name}}, "spec": pod(name, size)["spec"]}


def deployment(name: str, replicas: int, size: int) -> Object:
    """Make a Deployment whose pods no scheduler places."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, size)}
    return {"metadata": {"name": name}, "spec": spec}

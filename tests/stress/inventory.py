"""Everything that a cluster has, of every kind that its API server lists: by it a test sees what is left behind.

Events are left out: they say what happened, and the API server forgets them after an hour. So are the Leases of nodes
and of the control plane, which renew them whenever they run.
"""

from collections.abc import Iterator

from devcluster.api import Api

EVENTS = {"events"}
HEARTBEATS = ("coordination.k8s.io/v1/leases kube-",)  # in kube-system and kube-node-lease


def listed(api: Api, *, without: str = "") -> set[str]:
    """Return the path of each object, such as `apps/v1/deployments headroom-system/headroom`.

    Objects in the namespace `without` are left out.
    """
    found = {path for kind in _kinds(api) for path in _paths(api, kind) if not path.startswith(HEARTBEATS)}
    return {path for path in found if not without or f" {without}/" not in path}


def within(namespace: str, objects: set[str]) -> set[str]:
    """Return the objects in a namespace, and the namespace itself."""
    return {each for each in objects if f" {namespace}/" in each or each == f"v1/namespaces {namespace}"}


def _kinds(api: Api) -> Iterator[tuple[str, str]]:
    """Return the group and version, and the plural, of each kind that can be listed."""
    preferred = [group["preferredVersion"]["groupVersion"] for group in api.get("/apis")["groups"]]
    for version in ("v1", *preferred):
        for found in api.get(f"{_root(version)}/{version}")["resources"]:
            if "list" in found["verbs"] and found["name"] not in EVENTS:
                yield version, found["name"]


def _paths(api: Api, kind: tuple[str, str]) -> Iterator[str]:
    version, plural = kind
    for found in api.items(f"{_root(version)}/{version}/{plural}"):
        meta = found["metadata"]
        yield f"{version}/{plural} " + "/".join(filter(None, (meta.get("namespace"), meta["name"])))


def _root(version: str) -> str:
    return "/apis" if "/" in version else "/api"

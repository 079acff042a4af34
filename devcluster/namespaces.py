"""A namespace for one test. Its pods must be gone after the test, because the next test would count them."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from devcluster.api import TIMED_OUT, ApiError
from devcluster.cluster import Cluster
from devcluster.processes import until

NAMESPACES = "/api/v1/namespaces"
PREFIX = "test-"
TIMEOUT_SECONDS = 120.0


@contextmanager
def temporary(cluster: Cluster, labels: Mapping[str, str] | None = None) -> Iterator[str]:
    """Make a namespace in which pods can be created at once; delete it with all its pods at the end."""
    name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
    cluster.api.create(NAMESPACES, {"metadata": {"name": name, "labels": dict(labels or {})}})
    try:
        if cluster.controllers:
            # The API server refuses pods until a controller has created this account.
            account = f"{NAMESPACES}/{name}/serviceaccounts/default"
            until(lambda: cluster.api.exists(account), f"the default service account of {name}", TIMEOUT_SECONDS)
        yield name
    finally:
        remove(cluster, name)


def remove(cluster: Cluster, name: str) -> None:
    """Delete the namespace with its pods; controllers, if they run, delete its other contents in the background."""
    path = f"{NAMESPACES}/{name}"
    cluster.api.delete(path)
    # A namespace that is being deleted accepts no new objects, so no controller can create these pods again, except by
    # a create that the API server had begun before.
    until(lambda: _no_pods(cluster, path), f"the deletion of the pods of {name}", TIMEOUT_SECONDS)
    if not cluster.controllers:
        cluster.api.replace(f"{path}/finalize", {"metadata": {"name": name}, "spec": {"finalizers": []}})


def _no_pods(cluster: Cluster, path: str) -> bool:
    try:
        cluster.api.delete_now(f"{path}/pods")
        return not cluster.api.items(f"{path}/pods")
    except ApiError as error:
        if error.code not in {404, TIMED_OUT}:
            raise
        return error.code == 404

"""Reads controllers of pods, to see whether they still lack any, and touches them so that they try again at once.

A change of the object makes its controller look at it at once, whatever its backoff: the event puts its key into the
work queue, past the rate limiter. Sources in k8s.io/kubernetes/pkg/controller: `updateRS` in replicaset/replica_set.go
(for ReplicationControllers, too), `enqueueStatefulSet` in statefulset/stateful_set.go, `updateDaemonset` in
daemon/daemon_controller.go, and `updateJob` in job/job_controller.go (after a second).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.events.reference import Reference, controller
from webhook.core.forecast.shortage import Shortage, shortage
from webhook.core.values.domain import DOMAIN
from webhook.kube.client import Api
from webhook.kube.stream import NotFound, Unanswered

ANNOTATION: Final = f"{DOMAIN}/nudged-at"
_TIMEOUT = 0.5  # seconds for one call
_DEPLOYMENT = ("apps/v1", "Deployment")
_COLLECTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("v1", "ReplicationController"): "/api/v1/namespaces/{}/replicationcontrollers/{}",
    ("apps/v1", "DaemonSet"): "/apis/apps/v1/namespaces/{}/daemonsets/{}",
    _DEPLOYMENT: "/apis/apps/v1/namespaces/{}/deployments/{}",
    ("apps/v1", "ReplicaSet"): "/apis/apps/v1/namespaces/{}/replicasets/{}",
    ("apps/v1", "StatefulSet"): "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    ("batch/v1", "Job"): "/apis/batch/v1/namespaces/{}/jobs/{}",
}


class GoneError(Exception):
    """The controller does not exist, or another of its name does."""


class OwnerReads:
    """Reads and touches controllers; each call may raise `KubeError` and `GoneError`. Only one thread may use it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def read(self, owner: Reference) -> tuple[Shortage, Reference | None] | None:
        """Return what a controller lacks, and its owner if it has one; None if its kind cannot be read."""
        found = self._find(owner)
        if found is None:
            return None
        top = controller(found.metadata.owner_references, owner.namespace)
        above = self._above(top) if top is not None and owner.kind == "ReplicaSet" else None
        return shortage(owner.kind, found, above), top

    def touch(self, owner: Reference, at: str) -> None:
        """Note on a controller that it was touched `at` this time, so that it tries again; its kind must be known."""
        path = self._path(owner)
        if path is None:
            return
        # A patch with another uid than the object's is refused: this can touch no other object of the same name.
        body = {"metadata": {"uid": owner.uid, "annotations": {ANNOTATION: at}}}
        try:
            self._api.patch(path, msgspec.json.encode(body), timeout=_TIMEOUT)
        except NotFound as error:
            raise GoneError(str(error)) from error

    def _above(self, top: Reference) -> Workload | None:
        """Read the Deployment above a ReplicaSet; None if that is not what it is, or it is gone."""
        try:
            return self._find(top) if (top.api_version, top.kind) == _DEPLOYMENT else None
        except GoneError:
            return None

    def _find(self, owner: Reference) -> Workload | None:
        path = self._path(owner)
        if path is None:
            return None
        try:
            found = read_workload(self._api.get(path, timeout=_TIMEOUT).body)
        except NotFound as error:
            raise GoneError(str(error)) from error
        except ObjectError as error:
            raise Unanswered(f"GET {path}: {error}") from error
        if found.metadata.uid != owner.uid:
            raise GoneError(f"{path} has another uid")
        return found

    def _path(self, owner: Reference) -> str | None:
        path = _COLLECTIONS.get((owner.api_version, owner.kind))
        return path.format(owner.namespace, owner.name) if path else None

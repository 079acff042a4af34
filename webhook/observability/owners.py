"""Owners: looks up the controller of a pod, and the owner of that controller, in the API server.

Anyone may send a review, and write any owner reference into it. Therefore no Event is written from the reference alone:
the object is read first, in the namespace of the request, and must exist with that uid. People look at the Deployment,
while the pod names a ReplicaSet, and the ReplicaSet names the Deployment. The same holds for Jobs and CronJobs.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from webhook.core.api.types import OwnerReference
from webhook.core.events.reference import Reference, controller
from webhook.kube.client import Api
from webhook.kube.stream import NotFound, Unanswered

_TIMEOUT = 2.0  # seconds
_REMEMBERED = 1_000
_COLLECTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("v1", "ReplicationController"): "/api/v1/namespaces/{}/replicationcontrollers/{}",
    ("apps/v1", "DaemonSet"): "/apis/apps/v1/namespaces/{}/daemonsets/{}",
    ("apps/v1", "Deployment"): "/apis/apps/v1/namespaces/{}/deployments/{}",
    ("apps/v1", "ReplicaSet"): "/apis/apps/v1/namespaces/{}/replicasets/{}",
    ("apps/v1", "StatefulSet"): "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    ("batch/v1", "Job"): "/apis/batch/v1/namespaces/{}/jobs/{}",
}


class _Meta(msgspec.Struct, rename="camel"):
    uid: str = ""
    owner_references: tuple[OwnerReference, ...] = ()


class _Object(msgspec.Struct):
    metadata: _Meta


_read = msgspec.json.Decoder(_Object).decode


class Owners:
    """Looks up owners, one call for each, and remembers the last 1,000. Only one thread may use it."""

    def __init__(self, api: Api, timeout: float | None = None) -> None:
        self._api = api
        self._within = timeout  # seconds for one call
        self._known: OrderedDict[Reference, Reference] = OrderedDict()

    def top(self, owner: Reference) -> Reference | None:
        """Return the controller of an owner, or the owner itself if it has none; raises `KubeError`.

        None: the owner does not exist, or its kind cannot be looked up.
        """
        if (known := self.known(owner)) is not None:
            return known
        path = _COLLECTIONS.get((owner.api_version, owner.kind))
        found = self._find(path.format(owner.namespace, owner.name)) if path else None
        if found is None or found.uid != owner.uid:
            return None  # made up, or deleted: it is not remembered
        return self._remember(owner, controller(found.owner_references, owner.namespace) or owner)

    def known(self, owner: Reference) -> Reference | None:
        """Return the same from memory, without a call; None if it is not remembered."""
        if owner in self._known:
            self._known.move_to_end(owner)
        return self._known.get(owner)

    def _find(self, path: str) -> _Meta | None:
        try:
            return _read(self._api.get(path, timeout=self._within or _TIMEOUT).body).metadata
        except NotFound:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unanswered(f"GET {path}: {error}") from error

    def _remember(self, owner: Reference, top: Reference) -> Reference:
        self._known[owner] = top
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return top

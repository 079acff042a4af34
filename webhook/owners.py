"""Owners: who made the pod's maker. People look at the Deployment, while the pod names a ReplicaSet; so with jobs."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from webhook.answer import KubeError
from webhook.core.notices.regarding import Regarding, controller
from webhook.core.pods.objects import OwnerReference
from webhook.kube import Api

_WITHIN = 2.0  # seconds
_REMEMBERED = 1_000
_COLLECTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("apps/v1", "ReplicaSet"): "/apis/apps/v1/namespaces/{}/replicasets/{}",
    ("batch/v1", "Job"): "/apis/batch/v1/namespaces/{}/jobs/{}",
}


class _Meta(msgspec.Struct, rename="camel"):
    uid: str = ""
    owner_references: tuple[OwnerReference, ...] = ()


class _Object(msgspec.Struct):
    metadata: _Meta


_read = msgspec.json.Decoder(_Object).decode


class Owners:
    """Looks owners up, one call for each; for one thread."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[Regarding, Regarding] = OrderedDict()

    def top(self, owner: Regarding) -> Regarding:
        """Return the controller of a ReplicaSet or a Job; the owner itself where it has none or nobody can tell."""
        path = _COLLECTIONS.get((owner.api_version, owner.kind))
        if path is None:
            return owner
        if owner in self._known:
            self._known.move_to_end(owner)
            return self._known[owner]
        try:
            found = _read(self._api.get(path.format(owner.namespace, owner.name), within=_WITHIN).body).metadata
        except (KubeError, msgspec.DecodeError, UnicodeDecodeError):
            return owner  # asked again the next time; whoever looks there meanwhile is told as well
        if found.uid != owner.uid:
            return owner  # made up, or of an object that is gone
        return self._remember(owner, controller(found.owner_references, owner.namespace) or owner)

    def _remember(self, owner: Regarding, top: Regarding) -> Regarding:
        self._known[owner] = top
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return top

"""Orphans: the pods that a workload finds when it is made, read from the API server by the workload's own selector.

It is read only where something would be said of the workload otherwise, and so is hardly ever read.
"""

from collections.abc import Callable
from urllib.parse import quote

from webhook.admission.fetch import Fetch, MissingError
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.forecast.adoption import (
    Found,
    UnsettledError,
    adopted,
    adopts,
    adopts_set,
    read_found,
    selector_text,
    sets_of,
)

_MOST_SETS = 2  # ReplicaSets to read: a Deployment that goes by one template has one with pods, in an update two
_MOST_PODS = 1_000
_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class Orphans:
    """Looks orphans up for any number of threads; `pace` raises where it was done too often."""

    def __init__(self, fetch: Fetch, pace: Callable[[], None]) -> None:
        self._fetch = fetch
        self._pace = pace

    def of(self, kind: str, namespace: str, new: Workload) -> list[str]:
        """Return the names of the pods that a new workload adopts; raises `FetchError` and `UnsettledError`."""
        if not adopts(kind, new):
            return []
        found = self._find(namespace, new)
        if kind != "Deployment":
            return adopted(kind, new.metadata.name, new, found)
        sets = sets_of(found)
        if len(sets) > _MOST_SETS:
            raise UnsettledError("its selector finds pods of many ReplicaSets")
        return [pod for name, pods in sets.items() if self._adopts(namespace, name, new) for pod in pods]

    def _find(self, namespace: str, new: Workload) -> list[Found]:
        self._pace()
        query = {"labelSelector": selector_text(new.spec.selector), "limit": str(_MOST_PODS)}
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        return read_found(self._fetch(path, query, accept=_LIST))

    def _adopts(self, namespace: str, name: str, new: Workload) -> bool:
        self._pace()
        path = f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/replicasets/{quote(name, safe='')}"
        try:
            found = read_workload(self._fetch(path))
        except MissingError as error:
            raise UnsettledError("pods that its selector finds have lost their ReplicaSet") from error
        return adopts_set(new.metadata.name, new, found)

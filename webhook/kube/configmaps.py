"""Reads and writes ConfigMaps of Headroom's own namespace."""

import json
from collections.abc import Mapping

import msgspec

from webhook.kube.client import Api
from webhook.kube.stream import NotFound

_LABELS = {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/managed-by": "headroom"}


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="0")
    uid: str = ""
    creation_timestamp: str = msgspec.field(name="creationTimestamp", default="")


class ConfigMap(msgspec.Struct):
    """The fields of a ConfigMap that Headroom uses."""

    metadata: _Meta
    data: dict[str, str] = {}

    @property
    def revision(self) -> int:
        """The resourceVersion as a number."""
        return int(self.metadata.resource_version)


_read = msgspec.json.Decoder(ConfigMap).decode


class ConfigMaps:
    """Calls for the ConfigMaps of one namespace. Each raises `KubeError`.

    A call takes at most its `timeout` in seconds; None stands for the one given here.
    """

    def __init__(self, api: Api, namespace: str, timeout: float) -> None:
        self._api = api
        self._namespace = namespace
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._timeout = timeout

    def get(self, name: str, timeout: float | None = None) -> ConfigMap | None:
        """Read a ConfigMap; None if there is none of that name."""
        try:
            return _read(self._api.get(f"{self._path}/{name}", timeout=timeout or self._timeout).body)
        except NotFound:
            return None

    def create(self, name: str, data: dict[str, str], timeout: float | None = None) -> int:
        """Create a ConfigMap and return its revision; raises `Conflict` if there is one of that name."""
        body = self._manifest(name, data)
        return _read(self._api.create(self._path, body, timeout=timeout or self._timeout).body).revision

    def replace(self, name: str, data: dict[str, str], revision: int, timeout: float | None = None) -> int:
        """Replace the ConfigMap if it still has `revision`, and return the new one; else `Conflict` or `NotFound`."""
        body = self._manifest(name, data, resourceVersion=str(revision))
        path = f"{self._path}/{name}"
        return _read(self._api.replace(path, body, timeout=timeout or self._timeout).body).revision

    def patch(self, name: str, data: Mapping[str, str | None], revision: int = 0, timeout: float | None = None) -> int:
        """Set keys, or remove those that are None, and leave the others alone; return the new revision.

        With a `revision`, only if the ConfigMap still has it, else `Conflict`. Raises `NotFound`.
        """
        metadata = {"resourceVersion": str(revision)} if revision else {}
        body = json.dumps({"metadata": metadata, "data": data}).encode()
        return _read(self._api.patch(f"{self._path}/{name}", body, timeout=timeout or self._timeout).body).revision

    def _manifest(self, name: str, data: dict[str, str], **metadata: str) -> bytes:
        metadata |= {"name": name, "namespace": self._namespace}
        return json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": _LABELS}, "data": data}
        ).encode()

"""ConfigMaps of Headroom's own namespace, read and written whole."""

import json

import msgspec

from webhook.kube.client import Api
from webhook.kube.stream import NotFound

_LABELS = {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/managed-by": "headroom"}


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="0")
    uid: str = ""


class ConfigMap(msgspec.Struct):
    """What is needed of a ConfigMap."""

    metadata: _Meta
    data: dict[str, str] = {}

    @property
    def revision(self) -> int:
        """The resourceVersion as a number."""
        return int(self.metadata.resource_version)


_read = msgspec.json.Decoder(ConfigMap).decode


class ConfigMaps:
    """The calls for one namespace; they raise `KubeError`, and take `timeout` seconds at the most."""

    def __init__(self, api: Api, namespace: str, timeout: float) -> None:
        self._api = api
        self._namespace = namespace
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self.timeout = timeout

    def get(self, name: str) -> ConfigMap | None:
        """Read one; None: there is none."""
        try:
            return _read(self._api.get(f"{self._path}/{name}", timeout=self.timeout).body)
        except NotFound:
            return None

    def create(self, name: str, data: dict[str, str]) -> int:
        """Make one and return its revision; `Conflict` where there is one already."""
        return _read(self._api.create(self._path, self._manifest(name, data), timeout=self.timeout).body).revision

    def replace(self, name: str, data: dict[str, str], revision: int) -> int:
        """Compare and swap: return the new revision; `Conflict` or `NotFound` where it lost."""
        body = self._manifest(name, data, resourceVersion=str(revision))
        return _read(self._api.replace(f"{self._path}/{name}", body, timeout=self.timeout).body).revision

    def _manifest(self, name: str, data: dict[str, str], **metadata: str) -> bytes:
        metadata |= {"name": name, "namespace": self._namespace}
        return json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": _LABELS}, "data": data}
        ).encode()

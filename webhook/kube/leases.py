"""Reads and writes one Lease of Headroom's own namespace."""

import json
from datetime import UTC, datetime

import msgspec

from webhook.kube.client import Api
from webhook.kube.stream import NotFound


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(msgspec.Struct):
    """The fields of a Lease that Headroom uses."""

    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)

    @property
    def holder(self) -> str:
        """Who holds it; empty: nobody."""
        return self.spec.holder_identity or ""

    @property
    def revision(self) -> str:
        """Its resourceVersion, which each renewal changes."""
        return self.metadata.resource_version


_read = msgspec.json.Decoder(Lease).decode


class Leases:
    """Calls for the Lease `name` of one namespace; each takes at most `timeout` seconds, and raises `KubeError`."""

    def __init__(self, api: Api, namespace: str, name: str, timeout: float) -> None:
        self._api, self._namespace, self._name, self._timeout = api, namespace, name, timeout
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    def get(self) -> Lease | None:
        """Read it; None if there is none."""
        try:
            return _read(self._api.get(f"{self._path}/{self._name}", timeout=self._timeout).body)
        except NotFound:
            return None

    def create(self, holder: str, seconds: int, now: float) -> Lease:
        """Make it; raises `Conflict` if there is one. `now` is in seconds since 1970, `seconds` how long it lasts."""
        return _read(self._api.create(self._path, self._manifest(holder, seconds, now, 0), self._timeout).body)

    def replace(self, seen: Lease, holder: str, seconds: int, now: float) -> Lease:
        """Give it to a holder (empty: to nobody) if it has not changed since it was seen; else raises `Conflict`."""
        changes = (seen.spec.lease_transitions or 0) + int(holder != seen.holder and bool(holder))
        body = self._manifest(holder, seconds, now, changes, resourceVersion=seen.revision)
        return _read(self._api.replace(f"{self._path}/{self._name}", body, self._timeout).body)

    def _manifest(self, holder: str, seconds: int, now: float, changes: int, **metadata: str) -> bytes:
        at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": at, "leaseTransitions": changes}
        return json.dumps(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace, **metadata},
                "spec": spec,
            }
        ).encode()

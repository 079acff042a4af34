"""Writes Kubernetes Events, which `kubectl describe` shows below the object that they are about.

Events are written as core/v1, because its count, last time and message may change. In events.k8s.io/v1 the note cannot
change once it is written (k8s.io/kubernetes/pkg/apis/core/validation/events.go), so old figures would stay for as long
as the count goes up. There is one Event for each object and reason, and its name is made from both, so all replicas
count in the same Event. The API server deletes it --event-ttl (one hour by default) after the last write.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.core.values.domain import DOMAIN
from webhook.kube.client import Api
from webhook.kube.stream import Conflict, NotFound

COMPONENT: Final = f"{DOMAIN}/admission"
_TIMEOUT = 2.0  # seconds for each call
_ATTEMPTS = 3
_TEXT = 1024  # bytes; events.k8s.io/v1 allows no more
_LONGEST_COUNT = 2**31 - 1
_JSON = {field: field for field in Reference._fields} | {"api_version": "apiVersion"}
_OWN_NAME = 200  # characters of the object's name: the whole name of the Event may have 253


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion")


class _Event(msgspec.Struct, rename="camel"):
    metadata: _Meta
    count: int | None = None
    last_timestamp: str | None = None


_read = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


class EventWriter:
    """Writes Events in the name of one replica."""

    def __init__(self, api: Api, replica: str) -> None:
        self._api = api
        self._replica = replica

    def write(self, regarding: Reference, occurrence: Occurrence, count: int, first: float, last: float) -> None:
        """Add `count` occurrences to the Event about `regarding`, or create it; raises `KubeError`.

        `first` and `last` are the times of the first and the last of them, in seconds since 1970.
        """
        text = shortened(occurrence.text, _TEXT)
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._write(regarding, occurrence, text, count, first, last)
            except (Conflict, NotFound):  # another replica wrote first; or the Event expired, or its namespace is gone
                if not left:
                    raise
            else:
                return

    def _write(
        self, regarding: Reference, occurrence: Occurrence, text: str, count: int, first: float, last: float
    ) -> None:
        collection = f"/api/v1/namespaces/{regarding.namespace}/events"
        path = f"{collection}/{name_of(regarding, occurrence.reason)}"
        found = self._find(path)
        if found is not None:
            self._api.patch(path, _encode(_added(found, text, count, last)), timeout=_TIMEOUT)
            return
        times = {"count": count, "firstTimestamp": _timestamp(first), "lastTimestamp": _timestamp(last)}
        body = self._manifest(regarding, occurrence) | times | {"message": text}
        self._api.create(collection, _encode(body), timeout=_TIMEOUT)

    def _find(self, path: str) -> _Event | None:
        try:
            return _read(self._api.get(path, timeout=_TIMEOUT).body)
        except NotFound:
            return None

    def _manifest(self, regarding: Reference, occurrence: Occurrence) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name_of(regarding, occurrence.reason), "namespace": regarding.namespace},
            "involvedObject": {_JSON[field]: text for field, text in regarding._asdict().items()},
            "type": occurrence.type,
            "reason": occurrence.reason,
            "action": occurrence.action,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._replica,
        }


def name_of(regarding: Reference, reason: str) -> str:
    """Return the name of the Event about an object and a reason; a later object of the same name has another Event."""
    digest = sha256(f"{COMPONENT}/{regarding.uid}/{reason}".encode()).hexdigest()
    return f"{regarding.name[:_OWN_NAME].rstrip('-.')}.{digest[:16]}"


def shortened(text: str, most: int) -> str:
    """Cut a text to at most so many bytes."""
    data = text.encode(errors="replace")
    return text if len(data) <= most else data[: most - len("…".encode())].decode(errors="ignore") + "…"


def _added(found: _Event, text: str, count: int, last: float) -> dict[str, Any]:
    """Return the patch; its resourceVersion makes it a compare-and-swap, so that no replica's count is lost."""
    return {
        "metadata": {"resourceVersion": found.metadata.resource_version},
        "message": text,
        "count": min(_LONGEST_COUNT, (found.count or 0) + count),
        "lastTimestamp": max(found.last_timestamp or "", _timestamp(last)),
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

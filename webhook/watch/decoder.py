"""Decodes the API's JSON: pages of a list and lines of a watch.

It passes on only what is kept of each object: of a page with 500 pods, a tenth of what was decoded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import GenericAlias
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from webhook.kube.stream import refusal
from webhook.watch.events import Bookmark, Changed, Deleted, Event, T, Unreadable

# ValueError: UnicodeDecodeError, a revision that is not a number, and what `Resource.read` and `Resource.take` raise.
_FAULTS = (msgspec.DecodeError, ValueError, RecursionError)


class Metadata(Protocol):
    """The metadata that every object must have."""

    @property
    def resource_version(self) -> str: ...


class Object(Protocol):
    """An API object, decoded into a struct."""

    @property
    def metadata(self) -> Metadata: ...


K = TypeVar("K", bound=Object)


class RelistRequired(Exception):  # noqa: N818 - it says what to do next, and need not be an error
    """The watch cannot go on from the last revision: list again."""


@dataclass(frozen=True, slots=True)
class Resource(Generic[K, T]):
    """The resource that is kept in sync.

    `path` is the path of the collection, and `kind` the type of its objects. `read` is a slower and more tolerant
    decoder for objects that do not fit that type. `take` returns what is kept of an object. Both raise ValueError for
    an object that they cannot use. `fields` is a field selector such as `metadata.name=headroom-config`.
    """

    path: str
    kind: type[K]
    read: Callable[[bytes], K]
    take: Callable[[K], T]
    fields: str = ""


class Page(NamedTuple, Generic[T]):
    """One page of a list; `more` is the continue token for the next page, empty on the last."""

    objects: list[T]
    unreadable: list[Unreadable]
    revision: int
    more: str


class _ListMeta(msgspec.Struct):
    revision: str = msgspec.field(name="resourceVersion")
    more: str = msgspec.field(name="continue", default="")


class _Head(msgspec.Struct):
    metadata: _ListMeta


class _Page(_Head, Generic[K]):
    items: list[K] | None = None  # Go writes null for a nil slice


class _RawPage(_Head):
    items: list[msgspec.Raw] | None = None


class _Names(msgspec.Struct):
    revision: str = msgspec.field(name="resourceVersion")
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _Named(msgspec.Struct):
    metadata: _Names


# One pass over a line reads its type, which Go's encoder writes first, and decodes the object in place. That takes half
# the time of splitting the line first.
class _Added(msgspec.Struct, Generic[K], tag_field="type", tag="ADDED"):
    object: K


class _Modified(msgspec.Struct, Generic[K], tag_field="type", tag="MODIFIED"):
    object: K


class _Deleted(msgspec.Struct, Generic[K], tag_field="type", tag="DELETED"):
    object: K


class _Bookmark(msgspec.Struct, tag_field="type", tag="BOOKMARK"):
    object: _Named


class _Error(msgspec.Struct, tag_field="type", tag="ERROR"):
    object: msgspec.Raw


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Decoder(Generic[K, T]):
    """Decodes the lists and watches of one resource."""

    def __init__(self, resource: Resource[K, T]) -> None:
        self._read = resource.read
        self._take = resource.take
        kind = (resource.kind,)
        self._page: msgspec.json.Decoder[_Page[K]] = msgspec.json.Decoder(GenericAlias(_Page, kind))
        changes = GenericAlias(_Added, kind) | GenericAlias(_Modified, kind) | GenericAlias(_Deleted, kind)
        self._line: msgspec.json.Decoder[_Added[K] | _Modified[K] | _Deleted[K] | _Bookmark | _Error]
        self._line = msgspec.json.Decoder(changes | _Bookmark | _Error)
        self._raw_line = msgspec.json.Decoder(_Line)
        self._named = msgspec.json.Decoder(_Named)

    def page(self, body: bytes) -> Page[T]:
        """Decode a page. An object that does not fit becomes `Unreadable`; the others are not affected."""
        try:
            page = self._page.decode(body)
            kept = list(map(self._take, page.items or ()))
            return Page(kept, [], int(page.metadata.revision), page.metadata.more)
        except _FAULTS:
            return self._page_by_object(body)

    def event(self, line: bytes) -> Event[T]:
        """Decode a line of a watch; raises `RelistRequired` for a line that is not an event and for an ERROR event."""
        try:
            read = self._line.decode(line)
            match read:
                case _Added() | _Modified():
                    return Changed(self._take(read.object), int(read.object.metadata.resource_version))
                case _Deleted():
                    return Deleted(self._take(read.object), int(read.object.metadata.resource_version))
                case _Bookmark():
                    return Bookmark(int(read.object.metadata.revision))
        except _FAULTS:
            return self._event_by_parts(line)
        raise RelistRequired(f"the API server ended the watch: {refusal(read.object)}")

    def _page_by_object(self, body: bytes) -> Page[T]:
        try:
            page = msgspec.json.decode(body, type=_RawPage)
            revision = int(page.metadata.revision)
        except _FAULTS as error:
            raise RelistRequired(f"a page that is not a list: {error}") from error
        objects, unreadable = [], []
        for item in page.items or []:
            try:
                objects.append(self._take(self._read(bytes(item))))
            except _FAULTS as error:
                unreadable.append(self._unreadable(item, str(error)))
        return Page(objects, unreadable, revision, page.metadata.more)

    def _event_by_parts(self, line: bytes) -> Event[T]:
        try:
            kind, raw = (parts := self._raw_line.decode(line)).type, parts.object
            revision = int(self._named.decode(raw).metadata.revision)
        except _FAULTS as error:
            raise RelistRequired(f"a line that is not an event: {error}") from error
        if kind not in {"ADDED", "MODIFIED", "DELETED"}:
            raise RelistRequired(f"an event of an unknown type: {kind[:40]!r}")
        try:
            kept = self._take(self._read(bytes(raw)))
        except _FAULTS as error:
            return self._unreadable(raw, str(error), deleted=kind == "DELETED")
        return Deleted(kept, revision) if kind == "DELETED" else Changed(kept, revision)

    def _unreadable(self, raw: msgspec.Raw, fault: str, *, deleted: bool = False) -> Unreadable:
        try:
            names = self._named.decode(raw).metadata
            return Unreadable(names.namespace, names.name, names.uid, int(names.revision), fault, deleted)
        except _FAULTS:
            return Unreadable("", "", "", 0, fault, deleted)


def revision_of_list(body: bytes) -> int:
    """Return the revision at which a list was read."""
    try:
        return int(msgspec.json.decode(body, type=_Head).metadata.revision)
    except _FAULTS as error:
        raise RelistRequired(f"a list without its revision: {error}") from error

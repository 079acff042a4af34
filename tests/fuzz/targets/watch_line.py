"""Watch lines: whatever the API server's side sends becomes an event, or the reason to list again."""

from collections.abc import Iterable

from tests.support.sample_reviews import SAMPLES
from webhook.controllers.watches import NODES, PODS, QUOTAS
from webhook.core.api.types import reader
from webhook.core.ledger.info import PodInfo
from webhook.kube.chunked import Chunks
from webhook.kube.configmaps import ConfigMap
from webhook.kube.stream import refusal
from webhook.watch.decoder import Decoder, RelistRequired, Resource, revision_of_list
from webhook.watch.events import Bookmark, Changed, Deleted, Unreadable

WORDS = (
    b'"type":"ADDED"', b'"MODIFIED"', b'"DELETED"', b'"BOOKMARK"', b'"ERROR"', b'"object":{', b'"metadata":{',
    b'"resourceVersion":"1"', b'"items":[', b'"continue":"', b"null", b'"containers":[{', b'"resources":{"requests":{',
    b'"memory":"1Gi"', b'"allocatable":{', b'"hard":{', b'"details":{"retryAfterSeconds":',
    b"\\ud800", b"\r\n0\r\n\r\n",
)  # fmt: skip
_CONFIG_MAPS = Resource("", ConfigMap, reader(ConfigMap), lambda found: found)
_DECODERS = (Decoder(PODS), Decoder(NODES), Decoder(QUOTAS), Decoder(_CONFIG_MAPS))


def seeds() -> Iterable[bytes]:
    """Yield events and pages of each resource, and errors."""
    node = b'{"metadata":{"name":"n","resourceVersion":"7"},"status":{"allocatable":{"memory":"8Gi","cpu":4,"pods":9}}}'
    quota = (
        b'{"metadata":{"name":"q","resourceVersion":"8"},"spec":{"scopes":["BestEffort"]},"status":{"hard":{"a":1}}}'
    )
    status = b'{"kind":"Status","code":410,"reason":"Expired","message":"old","details":{"retryAfterSeconds":1}}'
    pod = (SAMPLES / "mirror-pod.json").read_bytes()
    for kind in (b"ADDED", b"MODIFIED", b"DELETED"):
        for found in (node, quota):
            yield b'{"type":"%b","object":%b}' % (kind, found)
    yield b'{"type":"ADDED","object":%b}' % pod.partition(b'"object":')[2].rstrip(b"}\n ")
    yield b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}'
    yield b'{"type":"ERROR","object":%b}' % status
    yield b'{"metadata":{"resourceVersion":"9","continue":"x"},"items":[%b,%b]}' % (node, quota)
    yield status
    yield b"5;a=b\r\nabc\nd\r\n0\r\n\r\n"


def check(data: bytes) -> None:
    """Read the input as a line, a page, an error, and as a chunked stream."""
    for decoder in _DECODERS:
        _check_line(decoder, data)
        _check_page(decoder, data)
    try:
        assert isinstance(revision_of_list(data), int)
    except RelistRequired as error:
        assert str(error)
    refused = refusal(data, 500, data[:8].decode("latin-1"))
    assert "\n" not in str(refused)
    assert refused.retry_after >= 0
    assert _body(data) == _body(data, len(data) // 2)


def _check_line(decoder: Decoder, data: bytes) -> None:  # type: ignore[type-arg]  # of any resource
    try:
        event = decoder.event(data)
    except RelistRequired as error:
        assert str(error)
        return
    assert isinstance(event, Changed | Deleted | Bookmark | Unreadable)
    if isinstance(event, Changed | Deleted) and isinstance(event.object, PodInfo):
        assert min(event.object.footprint) >= 0


def _check_page(decoder: Decoder, data: bytes) -> None:  # type: ignore[type-arg]  # as above
    try:
        page = decoder.page(data)
    except RelistRequired as error:
        assert str(error)
        return
    for fault in page.unreadable:
        assert fault.fault


def _body(data: bytes, cut: int = 0) -> bytes | None:
    """Take the framing off a chunked stream that comes in two pieces; None if it is damaged."""
    chunks = Chunks()
    try:
        return chunks.body(data[:cut]) + chunks.body(data[cut:])
    except ValueError:
        return None

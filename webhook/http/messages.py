"""HTTP/1.1 as values: a request as it was read, a response as it is written."""

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from msgspec import Struct

# A review carries an object of at most about 3 MiB (the limit of etcd and of the API server), and may carry the old
# object too.
LARGEST_BODY = 7 << 20
LARGEST_EARLY = 256 << 10  # bytes of a review of anything but a pod: a larger one is allowed unread
SMALL = 16 << 10  # bytes; most reviews are smaller, and a smaller one is never refused for lack of memory
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"Connection: close\r\n"


class Request(Struct, frozen=True, gc=False):
    """One complete request. Header names are in lower case; the values of a repeated header are joined by commas."""

    method: bytes
    path: bytes
    query: bytes
    fields: dict[bytes, bytes]
    body: bytes


class Response(Struct, frozen=True, gc=False):
    """One response. `retry_after`: the seconds after which the caller should retry; `others`: further header fields.

    A response to HEAD has no body; its Content-Length, that of the response to GET, is among `others`.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: int | None = None
    others: tuple[tuple[str, str], ...] = ()
    to_head: bool = False

    def fields(self) -> list[tuple[str, str]]:
        """Return its header fields without Date and Content-Length."""
        return _fields(self.content_type, self.retry_after, self.others)

    def encode(self, date: bytes, *, last: bool) -> bytes:
        """Return its bytes; with `last`, it announces that the connection closes after it."""
        end = _CLOSE if last else b""
        head = _head(self.status, self.content_type, self.retry_after, self.others)
        if self.to_head:
            return b"%bDate: %b\r\n%b\r\n" % (head, date, end)
        return b"%bDate: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (head, date, end, len(self.body), self.body)


class Sink(Protocol):
    """Where the bytes of a stream go: a connection. The event loop's thread calls it."""

    def push(self, data: bytes) -> bool:
        """Send bytes; False: nothing was sent, because the peer is too slow to read or gone."""

    def end_stream(self) -> None:
        """End the response, and close the connection."""


class Stream(Struct, frozen=True, gc=False):
    """A response that goes on: it ends when its connection does, and its length is not known before.

    The event loop's thread calls `joined` with the connection once the head is sent, and `left` once the connection is
    gone.
    """

    content_type: str
    joined: Callable[[Sink], None]
    left: Callable[[Sink], None]
    others: tuple[tuple[str, str], ...] = ()

    def encode(self, date: bytes) -> bytes:
        """Return the bytes of its head."""
        return b"%bDate: %b\r\n%b\r\n" % (_head(200, self.content_type, None, self.others), date, _CLOSE)


@lru_cache(maxsize=64)
def _head(status: int, content_type: str, retry_after: int | None, others: tuple[tuple[str, str], ...]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    fields = _fields(content_type, retry_after, others)
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def _fields(content_type: str, retry_after: int | None, others: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    named = [("Content-Type", content_type)] if content_type else []
    again = [] if retry_after is None else [("Retry-After", str(retry_after))]
    return [*named, *again, *others]


def plain(status: int, text: str, retry_after: int | None = None) -> Response:
    """Make a plain-text response for people to read."""
    return Response(status, f"{text}\n".encode(), "text/plain; charset=utf-8", retry_after)


def too_large() -> Response:
    """Make the response to a body that is larger than any API server sends."""
    return plain(413, f"the body is larger than {LARGEST_BODY >> 20} MiB")

"""HTTP/1.1 as values: a request as it was read, a reply as it is written."""

from collections.abc import Iterable
from http import HTTPStatus

from msgspec import Struct

from webhook.admission.decision_record import Answer, plain

# A review carries an object of at most about 3 MiB (etcd's limit and the API server's), and with it the old one.
LARGEST_BODY = 7 << 20
LARGEST_EARLY = 256 << 10  # bytes of a review about anything but a pod: a larger one passes unread
SMALL = 16 << 10  # bytes; most reviews are smaller, and are never sent back for want of memory
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"Connection: close\r\n"


class Request(Struct, frozen=True, gc=False):
    """One request, whole. Names of fields are in lower case; where one came twice, its values are joined by commas."""

    method: bytes
    path: bytes
    query: bytes
    fields: dict[bytes, bytes]
    body: bytes


class Reply(Struct, frozen=True, gc=False):
    """What is sent; `head` is of `head()`. Without a body (to HEAD), that may have the length that it would have."""

    head: bytes
    body: bytes | None

    def encode(self, date: bytes, *, last: bool) -> bytes:
        """Write it out; `last`: the connection ends with it."""
        end = _CLOSE if last else b""
        if self.body is None:
            return b"%bDate: %b\r\n%b\r\n" % (self.head, date, end)
        return b"%bDate: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (self.head, date, end, len(self.body), self.body)


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Write status and headers, with nothing after the last."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def too_large() -> Answer:
    """Answer a body that no API server would send."""
    return plain(413, f"the body is larger than {LARGEST_BODY >> 20} MiB")

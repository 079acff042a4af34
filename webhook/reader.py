"""Reading: the bytes of one connection to requests, HTTP/1.1 without sockets.

The parsing is llhttp's, that of Node.js, by way of httptools, strict as it comes. What is added are bounds, for a
parser has none: on the head, on the body, and on what all bodies that are on their way hold together.

A client writes the same head again and again. A head that was parsed once, with nothing but its body behind it, says
the same wherever a request begins with these very bytes, so it is not parsed again.
"""

from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from msgspec.structs import replace

from webhook.cases import Answer, plain
from webhook.http1 import LARGEST_BODY, SMALL, Request, too_large

LONGEST_TARGET = 4094  # bytes
MOST_FIELDS = 40
LONGEST_HEAD = 16 << 10  # bytes
MOST_HELD = 32 << 20  # bytes; a replica has 256 MiB of memory for everything
MOST_DISCARDED = 64 << 20  # bytes of a request that is refused already
MOST_KNOWN = 1024  # heads
LONGEST_KNOWN = 1 << 10  # bytes of a head
_VERSIONS = frozenset({"1.1", "1.0"})
_END = b"\r\n\r\n"


class Step(Enum):
    """Where a reader stands."""

    BETWEEN = auto()  # two requests
    HEAD = auto()
    BODY = auto()


class Room:
    """How many bytes the bodies hold that are on their way, over all connections."""

    def __init__(self) -> None:
        self.held = 0


class _Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """Nothing can be made of the rest of this connection."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = plain(status, text)


class Reader:
    """The requests of one connection.

    A request whose body is too much is refused before it is whole, and the rest of it is discarded.
    """

    __slots__ = (
        "_body", "_fed", "_fields", "_found", "_list", "_parser", "_refused", "_room", "_seen", "_target",
        "ended", "expects", "step",
    )  # fmt: skip

    def __init__(self, room: Room) -> None:
        self.step = Step.BETWEEN
        self.expects = False  # whether the peer waits for our word before it sends the body
        self.ended = False  # the last request said so, or what came is no HTTP: there will be no other
        self._room = room
        self._parser = HttpRequestParser(self)
        self._found: list[Request | Answer] = []
        self._fed = self._seen = 0  # bytes since the request began, with those that are being read and without
        self._begin()

    def feed(self, data: bytes) -> list[Request | Answer]:
        """Return the requests that this completes, and the answers to those that need not be judged, in order."""
        if self.ended:
            return []
        begins = self.step is Step.BETWEEN and len(data) <= SMALL
        if begins and (known := _known(data)) is not None:
            return [known]
        found: list[Request | Answer] = []
        self._found = found
        self._fed = self._seen + len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.ended = True  # to whatever: we stay with what we speak, and what follows is something else
        except HttpParserError as error:
            self._fail(error)
        if self.step is not Step.BETWEEN:
            if not found:
                self._bound()
        elif begins and not self.ended and len(found) == 1:
            _remember(data, found[0])
        self._found = []  # or it would hold on to the last body
        return found

    def close(self) -> None:
        """Let go of what is held."""
        self.ended = True
        self._room.held -= len(self._body)
        self._begin()
        del self._parser  # which holds on to this reader

    def _begin(self) -> None:
        self._target = b""
        self._list: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._refused = False
        self._seen = 0

    def _bound(self) -> None:
        """Bound what the parser may gather of a head or a trailer without telling, and what is discarded."""
        self._seen = self._fed
        if self.step is Step.HEAD and self._seen > LONGEST_HEAD:
            self._found.append(plain(431, f"the head of the request is longer than {LONGEST_HEAD >> 10} KiB"))
            self.ended = True
        elif self._seen > MOST_DISCARDED:
            self.ended = True

    def _fail(self, error: HttpParserError) -> None:
        if self.ended:
            return  # what follows a request that was to be the last
        self.ended = True
        cause = error.__context__
        if isinstance(cause, _Refused):
            self._found.append(cause.answer)
        elif cause is not None and not isinstance(cause, HttpParserError):
            raise cause
        elif not self._refused:
            self._found.append(plain(400, f"this is no HTTP/1.1: {error}"))

    # -- told by the parser --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()
        self.step = Step.HEAD

    def on_url(self, piece: bytes) -> None:
        """Take some of the target."""
        self._target += piece
        if len(self._target) > LONGEST_TARGET:
            raise _Refused(414, f"the target is longer than {LONGEST_TARGET} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or one that comes after the body, which is left."""
        self._list.append((name, value))
        if len(self._list) > MOST_FIELDS:
            raise _Refused(431, f"there are more than {MOST_FIELDS} fields")

    def on_headers_complete(self) -> None:
        """Look at what is to come."""
        if self._parser.get_http_version() not in _VERSIONS:
            raise _Refused(400, "this is no HTTP/1.1")
        self.step = Step.BODY
        self._fields = fields = {name.lower(): value for name, value in self._list}
        if len(fields) < len(self._list):
            self._fields = fields = _joined(self._list)
        if self._fed > LONGEST_HEAD and sum(len(name) + len(value) for name, value in self._list) > LONGEST_HEAD:
            raise _Refused(431, f"the head of the request is longer than {LONGEST_HEAD >> 10} KiB")
        expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        if int(fields.get(b"content-length", b"0")) > LARGEST_BODY:
            self._refuse(too_large())
            self.ended = expects  # it is told not to send it
        else:
            self.expects = expects

    def on_body(self, piece: bytes) -> None:
        """Take some of the body."""
        if self._refused:
            return
        self._room.held += len(piece)
        if not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        size = len(self._body)
        if size > LARGEST_BODY:
            self._refuse(too_large())
        elif size > SMALL and self._room.held > MOST_HELD:
            self._refuse(plain(503, "there are too many large requests at once", retry_after=1))

    def on_message_complete(self) -> None:
        """Hand the request over."""
        self.step = Step.BETWEEN
        self.expects = False
        self._room.held -= len(self._body)
        if not self._refused:
            path, query = _split(self._target)
            self._found.append(Request(self._parser.get_method(), path, query, self._fields, bytes(self._body)))
        self._body = b""
        if not self._parser.should_keep_alive():
            self.ended = True

    def _refuse(self, answer: Answer) -> None:
        self._found.append(answer)
        self._refused = True
        self._room.held -= len(self._body)
        self._body = b""


_heads: dict[bytes, tuple[int, Request]] = {}
"""By the bytes of a head: how long its body is, and the request without it. A full memory starts afresh."""


def _known(data: bytes) -> Request | None:
    """Return the request that this is, whole and with nothing after it, if such a head was parsed before."""
    end = data.find(_END) + len(_END)
    head = _heads.get(data[:end])
    if head is None or len(data) - end != head[0]:
        return None
    asked = head[1]
    return Request(asked.method, asked.path, asked.query, asked.fields, data[end:])


def _remember(data: bytes, asked: Request | Answer) -> None:
    """Keep the head of a request that was all of this, its body as it came."""
    end = data.find(_END) + len(_END)
    if end > LONGEST_KNOWN or isinstance(asked, Answer) or asked.body != data[end:]:
        return
    if len(_heads) >= MOST_KNOWN:
        _heads.clear()
    _heads[data[:end]] = len(asked.body), replace(asked, body=b"")


def _joined(given: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in given:
        key = name.lower()
        fields[key] = fields[key] + b"," + value if key in fields else value
    return fields


@lru_cache(maxsize=256)
def _split(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a target."""
    url = parse_url(target)
    return url.path or b"/", url.query or b""

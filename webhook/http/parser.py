"""Reading: the bytes of one connection to requests, HTTP/1.1 without sockets.

The parsing is llhttp's, that of Node.js, by way of httptools, strict as it comes. What is added are bounds, for a
parser has none: on the head, on the body, and on what all bodies that are on their way hold together.

Every bound is on one request, counted from its first byte. Therefore the parser is given no byte of the next request
together with the last of this one: what comes is cut where a request may end, which is after its head, after as many
bytes as the body was said to have, or, in chunks, after the empty line behind the last of them. So a connection may
carry any number of requests, in any pieces, and each is answered as if it had come alone.

A client writes the same head again and again. A head that was parsed once, with nothing but its body behind it, says
the same wherever a request begins with these very bytes, so it is not parsed again.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from msgspec.structs import replace

from webhook.http.messages import LARGEST_BODY, SMALL, Request, Response, plain, too_large

LONGEST_TARGET = 4094  # bytes
MOST_FIELDS = 40
LONGEST_HEAD = 16 << 10  # bytes
MOST_HELD = 32 << 20  # bytes; docs/install.md has the table of what takes memory
MOST_DISCARDED = 64 << 20  # bytes of a request that is refused already
MOST_KNOWN = 1024  # heads
LONGEST_KNOWN = 1 << 10  # bytes of a head
_STRETCH = 16 << 10  # bytes of a body in chunks in which something of it, or a field after it, must come
_VERSIONS = frozenset({"1.1", "1.0"})
_END = b"\r\n\r\n"
_BREAK = b"\r\n"
_BREAKS = frozenset(_BREAK)
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")


class Step(Enum):
    """Where a reader stands."""

    BETWEEN = auto()  # two requests
    HEAD = auto()
    BODY = auto()


class Owner(Protocol):
    """Whose requests a reader reads."""

    proven: bool  # whether it is known to send reviews

    def refuses(self, method: bytes, path: bytes, *, body: bool) -> Response | None:
        """Answer a request of which nothing but the head is to be read; None if it may go on. `body`: it has one."""

    def give_way(self) -> bool:
        """Give up the request that is on its way, if there is nothing to be said for waiting for it."""


class BodyBudget:
    """How many bytes the bodies hold that are on their way, over all connections, and the answers that nobody reads.

    When bodies hold too much, the one that has been on its way for longest gives way to the newest, first of those
    peers that have never sent a review: a body of an API server comes whole within milliseconds.
    """

    def __init__(self) -> None:
        self.held = self.unread = 0
        self._large: tuple[dict[RequestParser, Owner], ...] = (
            {},
            {},
        )  # by whether the owner is proven, the oldest first

    def enter(self, reader: "RequestParser", owner: Owner) -> None:
        """Count a body among the large ones."""
        self._large[owner.proven][reader] = owner

    def leave(self, reader: "RequestParser") -> None:
        """Count it among them no longer."""
        for large in self._large:
            large.pop(reader, None)

    def find(self, reader: "RequestParser") -> bool:
        """Make room for this reader's body at another's cost; say whether there is enough."""
        while self.held > MOST_HELD:
            oldest = [next(iter(large.items())) for large in self._large if large]
            if not any(each is not reader and owner.give_way() for each, owner in oldest):
                return False
        return True


class _Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """Nothing can be made of the rest of this connection."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class RequestParser:
    """The requests of one connection.

    A request whose body is too much is refused before it is whole, and the rest of it is discarded. `gated`: its owner
    has to be asked about each head.
    """

    __slots__ = (
        "_body", "_chunk", "_fields", "_found", "_gathered", "_in_trailer", "_left", "_line", "_list", "_owner",
        "_parser", "_refused", "_room", "_seen", "_tail", "_target", "_told", "ended", "expects", "gated", "step",
    )  # fmt: skip

    def __init__(self, room: BodyBudget, owner: Owner | None = None) -> None:
        self.step = Step.BETWEEN
        self.expects = False  # whether the peer waits for our word before it sends the body
        self.ended = False  # the last request said so, or what came is no HTTP: there will be no other
        self.gated = False
        self._room = room
        self._owner: Owner = owner or _NOBODY
        self._parser = HttpRequestParser(self)
        self._found: list[Request | Response] = []
        self._body: bytes | bytearray = b""
        self._seen = 0  # bytes of the request
        self._tail = b""  # the last three of them
        self._line = b""  # the beginning of a chunk's first line
        self._chunk = 0  # bytes of it that are still to come, with the break after it
        self._begin()

    def feed(self, data: bytes) -> list[Request | Response]:
        """Return the requests that this completes, and the answers to those that need not be judged, in order."""
        if self.ended:
            return []
        begins = self.step is Step.BETWEEN and len(data) <= SMALL and not self.gated
        if begins and (known := _known(data)) is not None:
            return [known]
        self._found = found = list[Request | Response]()
        at, size = 0, len(data)
        while at < size and not self.ended:
            at = self._read(data, at)
        if begins and len(found) == 1:
            self._remember(data, found[0])
        self._found = []  # or it would hold on to the last body
        return found

    def _remember(self, data: bytes, asked: Request | Response) -> None:
        if self.step is Step.BETWEEN and not self.ended:
            _remember(data, asked)

    def close(self) -> None:
        """Let go of what is held."""
        self.ended = True
        self._let_go()
        self._begin()
        self._owner = _NOBODY
        del self._parser  # which holds on to this reader

    def give_up(self) -> None:
        """Leave the request that is on its way, and all that would come after it."""
        self._refused = self.ended = True
        self._let_go()

    # -- one piece after the other -------------------------------------------------------------------------------------

    def _read(self, data: bytes, at: int) -> int:
        """Read from there to where the request may end, or a bound lies; return how far that was."""
        if self.step is Step.BETWEEN:
            while at < len(data) and data[at] in _BREAKS:  # llhttp skips them too, and they belong to no request
                at += 1
            if at == len(data):
                return at
            self._begin()
        end = self._may_end(data, at)
        self._seen += end - at
        self._tail = (self._tail + data[max(at, end - 3) : end])[-3:]
        try:
            self._parser.feed_data(data if end - at == len(data) else memoryview(data)[at:end])
        except HttpParserUpgrade:
            self.ended = True  # to whatever: we stay with what we speak, and what follows is something else
        except HttpParserError as error:
            self._fail(error)
        else:
            self._bound()
        return end

    def _may_end(self, data: bytes, at: int) -> int:
        if self._left is not None:
            return min(len(data), at + max(1, min(self._left, MOST_DISCARDED - self._seen)))
        in_head = self.step is not Step.BODY
        most = LONGEST_HEAD - self._seen if in_head else _STRETCH - self._seen % _STRETCH
        end = min(len(data), at + max(1, most))
        if not in_head and not self._in_trailer:
            return self._past_chunks(data, at, end)
        seam = (self._tail + data[at : at + 3]).find(_END)
        if seam >= 0:
            return min(end, at + seam - len(self._tail) + len(_END))
        found = data.find(_END, at, end)
        return end if found < 0 else found + len(_END)

    def _past_chunks(self, data: bytes, at: int, end: int) -> int:
        """Return the place behind the last chunk's line, if it is before that end; know where this comes to."""
        while at < end:
            if self._chunk:
                step = min(self._chunk, end - at)
                self._chunk -= step
                at += step
                continue
            line_end = data.find(b"\n", at, end)
            if line_end < 0:
                self._line += data[at:end]
                return end
            line, self._line = self._line + data[at:line_end], b""
            at = line_end + 1
            size = _HEXADECIMAL.match(line)
            self._chunk = 0 if size is None else int(size[0], 16)
            if self._chunk == 0:  # or this is not a size, which the parser is about to say
                self._in_trailer = True
                return at
            self._chunk += len(_BREAK)
        return at

    def _begin(self) -> None:
        self._target = self._tail = b""
        self._list: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, bytes] = {}
        self._refused = self._told = False
        self._seen = self._gathered = 0  # bytes; those of the fields that were told
        self._left: int | None = None  # bytes of the body that are still to come, where that was said
        self._chunk, self._line = 0, b""
        self._in_trailer = False  # the last chunk has come

    def _bound(self) -> None:
        """Bound what the parser may gather of a head or a trailer without telling, and what is discarded."""
        if self.step is Step.BETWEEN:
            return
        if self.step is Step.HEAD:
            if self._seen >= LONGEST_HEAD:
                self._found.append(_head_too_long())
                self.ended = True
        elif self._seen >= MOST_DISCARDED:
            self.ended = True
        elif self._left is None and self._seen % _STRETCH == 0:
            if not self._told:
                self._end_refused(_head_too_long())
            self._told = False

    def _end_refused(self, answer: Response) -> None:
        if not self._refused:
            self._refuse(answer)
        self.ended = True

    def _fail(self, error: HttpParserError) -> None:
        if self.ended:
            return  # what follows a request that was to be the last
        cause = error.__context__
        if isinstance(cause, _Refused):
            self._end_refused(cause.answer)
        elif cause is not None and not isinstance(cause, HttpParserError):
            self.ended = True
            raise cause
        else:
            self._end_refused(plain(400, f"this is no HTTP/1.1: {error}"))

    # -- told by the parser --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self.step = Step.HEAD

    def on_url(self, piece: bytes) -> None:
        """Take some of the target."""
        self._target += piece
        if len(self._target) > LONGEST_TARGET:
            raise _Refused(plain(414, f"the target is longer than {LONGEST_TARGET} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or one that comes after the body, which is left."""
        self._told = True
        self._list.append((name, value))
        if len(self._list) > MOST_FIELDS:
            raise _Refused(plain(431, f"there are more than {MOST_FIELDS} fields"))
        self._gathered += len(name) + len(value)
        if self._gathered > LONGEST_HEAD:
            raise _Refused(_head_too_long())

    def on_headers_complete(self) -> None:
        """Look at what is to come."""
        if self._parser.get_http_version() not in _VERSIONS:
            raise _Refused(plain(400, "this is no HTTP/1.1"))
        self.step = Step.BODY
        self._fields = fields = {name.lower(): value for name, value in self._list}
        if len(fields) < len(self._list):
            self._fields = fields = _joined(self._list)
        if b"transfer-encoding" not in fields:
            self._left = int(fields.get(b"content-length", b"0"))
        if self.gated:
            path, _ = _split(self._target)
            if (answer := self._owner.refuses(self._parser.get_method(), path, body=self._left != 0)) is not None:
                raise _Refused(answer)
        self._told = True
        expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        if self._left is not None and self._left > LARGEST_BODY:
            self._refuse(too_large())
            self.ended = expects  # it is told not to send it
        else:
            self.expects = expects

    def on_body(self, piece: bytes) -> None:
        """Take some of the body."""
        self._told = True
        if self._left is not None:
            self._left -= len(piece)
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
        elif size > SMALL:
            if size - len(piece) <= SMALL:
                self._room.enter(self, self._owner)
            if self._room.held > MOST_HELD and not self._room.find(self):
                self._refuse(crowded())

    def on_message_complete(self) -> None:
        """Hand the request over."""
        self.step = Step.BETWEEN
        self.expects = False
        body = self._let_go()
        if not self._refused:
            path, query = _split(self._target)
            self._found.append(Request(self._parser.get_method(), path, query, self._fields, bytes(body)))
        if not self._parser.should_keep_alive():
            self.ended = True

    def _refuse(self, answer: Response) -> None:
        self._found.append(answer)
        self._refused = True
        self._let_go()

    def _let_go(self) -> bytes | bytearray:
        body, self._body = self._body, b""
        self._room.held -= len(body)
        if len(body) > SMALL:
            self._room.leave(self)
        return body


class _Anybody:
    """An owner of whom nothing is known and nothing asked."""

    proven = False

    def refuses(self, method: bytes, path: bytes, *, body: bool) -> None:
        """Let everything pass."""

    def give_way(self) -> bool:
        """Wait on."""
        return False


_NOBODY = _Anybody()


def crowded() -> Response:
    """Answer a body for which there is no memory now."""
    return plain(503, "there are too many large requests at once", retry_after=1)


def _head_too_long() -> Response:
    return plain(431, f"the head of the request is longer than {LONGEST_HEAD >> 10} KiB")


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


def _remember(data: bytes, asked: Request | Response) -> None:
    """Keep the head of a request that was all of this, its body as it came."""
    end = data.find(_END) + len(_END)
    if end > LONGEST_KNOWN or isinstance(asked, Response) or asked.body != data[end:]:
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

"""The request parser: turns the bytes of one connection into HTTP/1.1 requests. It uses no sockets.

llhttp, the parser of Node.js, does the parsing, by way of httptools and in its strict default mode. llhttp has no
limits, so this module adds them: on the head, on the body, and on the memory of all bodies that are still arriving.

Each limit applies to one request, counted from its first byte. Therefore llhttp never gets the end of one request and
the beginning of the next in one piece. The incoming bytes are cut where a request may end: after its head, after the
number of bytes that Content-Length gives, or, in a chunked body, after the empty line behind the last chunk. So a
connection may carry any number of requests, in pieces of any size, and each is answered as if it had come alone.

A client sends the same head many times. Once a head has been parsed in a request with nothing after its body, a later
request that begins with exactly the same bytes has the same head, so that head is not parsed again.
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
MOST_UNREAD = 16 << 20  # bytes of responses that slow peers have not read yet, over all connections
MOST_DISCARDED = 64 << 20  # bytes of a request that has already been refused
MOST_KNOWN = 1024  # heads
LONGEST_KNOWN = 1 << 10  # bytes of a head
_STRETCH = 16 << 10  # bytes of a chunked body that may pass without any of its content or a trailer field
_VERSIONS = frozenset({"1.1", "1.0"})
_END = b"\r\n\r\n"
_BREAK = b"\r\n"
_BREAKS = frozenset(_BREAK)
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")


class Step(Enum):
    """The part of a request that a parser is in."""

    BETWEEN = auto()  # between two requests
    HEAD = auto()
    BODY = auto()


class Owner(Protocol):
    """The connection whose requests a parser reads."""

    proven: bool  # whether its peer is known to send reviews

    def refuses(self, method: bytes, path: bytes, *, body: bool) -> Response | None:
        """Return the response to a request that is refused by its head; None if it may go on. `body`: it has one."""

    def give_way(self) -> bool:
        """Give up the request that is still arriving, unless it is worth waiting for; say whether it was given up."""


class BodyBudget:
    """Counts, over all connections, the bytes of bodies that are still arriving and of responses not read by peers.

    When the bodies hold too much, the one that has been arriving for the longest time gives way to the newest. Peers
    that have never sent a review come first: a body from an API server arrives in full within milliseconds. `most_held`
    and `most_unread` are in bytes.
    """

    def __init__(self, most_held: int = MOST_HELD, most_unread: int = MOST_UNREAD) -> None:
        self.held = self.unread = 0
        self.most_held, self.most_unread = most_held, most_unread
        self._large: tuple[dict[RequestParser, Owner], ...] = (
            {},
            {},
        )  # by whether the owner is proven, the oldest first

    def enter(self, reader: "RequestParser", owner: Owner) -> None:
        """Count a body among the large ones."""
        self._large[owner.proven][reader] = owner

    def leave(self, reader: "RequestParser") -> None:
        """Stop counting it among the large ones."""
        for large in self._large:
            large.pop(reader, None)

    def find(self, reader: "RequestParser") -> bool:
        """Make room for this parser's body by giving up others; say whether there is enough."""
        while self.held > self.most_held:
            oldest = [next(iter(large.items())) for large in self._large if large]
            if not any(each is not reader and owner.give_way() for each, owner in oldest):
                return False
        return True


class _Refused(Exception):  # noqa: N818 - it is a response, not an error
    """Raised in a callback of llhttp: refuses the request with `answer`, and ends the connection."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class RequestParser:
    """Parses the requests of one connection.

    A request whose body is too large is refused before all of it has arrived, and the rest is discarded. With `gated`,
    the owner decides by the head whether a request may go on.
    """

    __slots__ = (
        "_body", "_chunk", "_fields", "_found", "_gathered", "_in_trailer", "_left", "_line", "_list", "_owner",
        "_parser", "_refused", "_room", "_seen", "_tail", "_target", "_took_any", "ended", "expects", "gated", "step",
    )  # fmt: skip

    def __init__(self, room: BodyBudget, owner: Owner | None = None) -> None:
        self.step = Step.BETWEEN
        self.expects = False  # the peer waits for 100 Continue before it sends the body
        self.ended = False  # no request follows: the last one said so, or the bytes are not HTTP
        self.gated = False
        self._room = room
        self._owner: Owner = owner or _NOBODY
        self._parser = HttpRequestParser(self)
        self._found: list[Request | Response] = []
        self._body: bytes | bytearray = b""
        self._seen = 0  # bytes of the request
        self._tail = b""  # the last three of them
        self._line = b""  # the beginning of the line that gives a chunk's size
        self._chunk = 0  # bytes of the chunk still to come, with the line break after it
        self._begin()

    def feed(self, data: bytes) -> list[Request | Response]:
        """Return, in order, the requests that `data` completes, and the responses to those that are refused here."""
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
        self._found = []  # otherwise it would keep the last body in memory
        return found

    def _remember(self, data: bytes, asked: Request | Response) -> None:
        if self.step is Step.BETWEEN and not self.ended:
            _remember(data, asked)

    def close(self) -> None:
        """Release what it holds."""
        self.ended = True
        self._let_go()
        self._begin()
        self._owner = _NOBODY
        del self._parser  # it refers to this object: break the cycle

    def give_up(self) -> None:
        """Drop the request that is still arriving, and ignore everything after it."""
        self._refused = self.ended = True
        self._let_go()

    # -- from bytes to llhttp, piece by piece --------------------------------------------------------------------------

    def _read(self, data: bytes, at: int) -> int:
        """Parse from position `at` to where the request may end or a limit is reached; return that position."""
        if self.step is Step.BETWEEN:
            while at < len(data) and data[at] in _BREAKS:  # llhttp skips line breaks too; they belong to no request
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
            self.ended = True  # no upgrade is supported, and what follows is not HTTP/1.1
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
        """Return the position after the line of the last chunk, or `end` if that comes first; keep track of chunks."""
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
            if self._chunk == 0:  # or this is not a size, which llhttp reports next
                self._in_trailer = True
                return at
            self._chunk += len(_BREAK)
        return at

    def _begin(self) -> None:
        self._target = self._tail = b""
        self._list: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, bytes] = {}
        self._refused = self._took_any = False
        self._seen = self._gathered = 0  # bytes of the request; bytes of its header fields so far
        self._left: int | None = None  # bytes of the body still to come, if the head says how many
        self._chunk, self._line = 0, b""
        self._in_trailer = False  # the last chunk has come

    def _bound(self) -> None:
        """Limit what llhttp gathers of a head or trailer without a callback, and what is discarded."""
        if self.step is Step.BETWEEN:
            return
        if self.step is Step.HEAD:
            if self._seen >= LONGEST_HEAD:
                self._found.append(_head_too_long())
                self.ended = True
        elif self._seen >= MOST_DISCARDED:
            self.ended = True
        elif self._left is None and self._seen % _STRETCH == 0:
            if not self._took_any:
                self._end_refused(_head_too_long())
            self._took_any = False

    def _end_refused(self, answer: Response) -> None:
        if not self._refused:
            self._refuse(answer)
        self.ended = True

    def _fail(self, error: HttpParserError) -> None:
        if self.ended:
            return  # bytes that follow the last request
        cause = error.__context__
        if isinstance(cause, _Refused):
            self._end_refused(cause.answer)
        elif cause is not None and not isinstance(cause, HttpParserError):
            self.ended = True
            raise cause
        else:
            self._end_refused(plain(400, f"this is not HTTP/1.1: {error}"))

    # -- called by llhttp ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.step = Step.HEAD

    def on_url(self, piece: bytes) -> None:
        """Take a piece of the target."""
        self._target += piece
        if len(self._target) > LONGEST_TARGET:
            raise _Refused(plain(414, f"the target is longer than {LONGEST_TARGET} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or a trailer field, which is counted and not used."""
        self._took_any = True
        self._list.append((name, value))
        if len(self._list) > MOST_FIELDS:
            raise _Refused(plain(431, f"there are more than {MOST_FIELDS} fields"))
        self._gathered += len(name) + len(value)
        if self._gathered > LONGEST_HEAD:
            raise _Refused(_head_too_long())

    def on_headers_complete(self) -> None:
        """Check the head, and prepare for the body that it announces."""
        if self._parser.get_http_version() not in _VERSIONS:
            raise _Refused(plain(400, "this is not HTTP/1.1"))
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
        self._took_any = True
        expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        if self._left is not None and self._left > LARGEST_BODY:
            self._refuse(too_large())
            self.ended = expects  # the response keeps the peer from sending the body
        else:
            self.expects = expects

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._took_any = True
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
            if self._room.held > self._room.most_held and not self._room.find(self):
                self._refuse(crowded())

    def on_message_complete(self) -> None:
        """Add the complete request to what `feed` returns."""
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
    """The owner of a parser that has none: it refuses nothing and gives nothing up."""

    proven = False

    def refuses(self, method: bytes, path: bytes, *, body: bool) -> None:
        """Refuse nothing."""

    def give_way(self) -> bool:
        """Keep the request."""
        return False


_NOBODY = _Anybody()


def crowded() -> Response:
    """Make the response to a body for which there is no memory now."""
    return plain(503, "there are too many large requests at once", retry_after=1)


def _head_too_long() -> Response:
    return plain(431, f"the head of the request is longer than {LONGEST_HEAD >> 10} KiB")


_heads: dict[bytes, tuple[int, Request]] = {}
"""Heads that were parsed before: from the bytes of a head to the length of its body and the request without the body.

When it is full, it is cleared.
"""


def _known(data: bytes) -> Request | None:
    """Return the request if `data` is exactly one request, with a head that was parsed before; else None."""
    end = data.find(_END) + len(_END)
    head = _heads.get(data[:end])
    if head is None or len(data) - end != head[0]:
        return None
    asked = head[1]
    return Request(asked.method, asked.path, asked.query, asked.fields, data[end:])


def _remember(data: bytes, asked: Request | Response) -> None:
    """Keep the head of the request that `data` is, if the body was sent as it is (not chunked)."""
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
    """Return the path and the query of a request target."""
    url = parse_url(target)
    return url.path or b"/", url.query or b""

"""The HTTP reader: what it takes for one request, h11 takes for the same request, however the bytes are cut.

A proxy or a load balancer in front that reads a connection in another way than the replica could be made to smuggle a
request. h11 stands for it. Each reader may refuse what the other takes; where both go on, method, target, body and the
place where the request ends must be the same.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import h11

from webhook.http import parser
from webhook.http.messages import Request, Response
from webhook.http.parser import BodyBudget, RequestParser

WORDS = (
    b"GET / HTTP/1.1\r\n", b"POST ", b"Host: a\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n",
    b"\r\n\r\n", b"0\r\n\r\n", b"3;a=b\r\nabc\r\n", b" HTTP/1.0\r\n", b"\n", b"\r", b"\0", b"\t", b" ", b"0x3", b"+3",
)  # fmt: skip
_MOST = 30  # requests of one input that are compared


class Read(NamedTuple):
    """One request as both readers see it."""

    method: bytes
    target: bytes
    body: bytes


def seeds() -> Iterable[bytes]:
    """Yield requests of each form; the first byte says where the bytes are cut."""
    host = b"Host: h\r\n"
    for text in (
        b"GET /readyz HTTP/1.1\r\n" + host + b"\r\n",
        b"POST /validate?timeout=5s HTTP/1.1\r\n"
        + host
        + b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n"
        + host
        + b"\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        b"GET http://h/p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2,
        b"POST / HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        b"GET / HTTP/1.1\r\n" + host + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\0\1",
        b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT h:1 HTTP/1.1\r\n" + host + b"\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        yield b"\x07" + text
        yield b"\xff" + text


def check(data: bytes) -> None:
    """Read the input whole, in two pieces, byte by byte if it is short, and with h11."""
    cut, text = data[:1], data[1:]
    parser._heads.clear()
    found, ended = _ours(text)
    at = len(text) * (cut[0] if cut else 0) // 256
    assert _ours(text[:at], text[at:]) == (found, ended), "it matters where the bytes are cut"
    if len(text) < 2_000:
        assert _ours(*(text[at : at + 1] for at in range(len(text)))) == (found, ended), "byte by byte it is another"
    _ours(text)
    assert _ours(text) == (found, ended), "a head that was seen before is read in another way"
    _compare([each for each in found if isinstance(each, Request)], found, text)


def _ours(*pieces: bytes) -> tuple[list[Request | Response], bool]:
    room = BodyBudget()
    reader = RequestParser(room)
    found = [each for piece in pieces for each in reader.feed(piece)]
    ended = reader.ended
    reader.close()
    assert room.held == 0
    return found, ended


def _compare(ours: list[Request], found: list[Request | Response], text: bytes) -> None:
    theirs, refused = _theirs(text)
    for one, other in zip(ours[:_MOST], theirs, strict=False):
        assert one.method == other.method
        assert one.body == other.body
        path, _, query = _origin(other.target)
        assert (one.path, one.query) == (path, query)
    if len(theirs) > len(ours):  # h11 goes on where the replica does not
        waits = _begins_http2(theirs[len(ours)])
        assert waits or len(ours) < len(found) or _was_last(text, ours), "h11 sees what the replica does not see"
    if len(ours) > len(theirs) and len(theirs) < _MOST:
        assert refused, "the replica sees a request that h11 does not see"


def _begins_http2(request: Read) -> bool:
    """Say whether it is what HTTP/2 begins with, of whatever version: the replica waits for the rest and refuses it."""
    return (request.method, request.target) == (b"PRI", b"*")


def _was_last(text: bytes, ours: list[Request]) -> bool:
    _, ended = _ours(text)
    return ended and bool(ours)


def _origin(target: bytes) -> tuple[bytes, bytes, bytes]:
    """Return path and query of a target, which may name its host (RFC 9112, 3.2.2)."""
    bare = re.sub(rb"\A[A-Za-z][-A-Za-z0-9+.]*://[^/?#]*", b"", target).partition(b"#")[0]
    path, mark, query = bare.partition(b"?")
    return path or b"/", mark, query


def _theirs(text: bytes) -> tuple[list[Read], bool]:
    """Return the requests that h11 reads, and whether it refused what came next."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=parser.LONGEST_HEAD * 2)
    connection.receive_data(text)
    read: list[Read] = []
    try:
        while len(read) < _MOST:
            asked = connection.next_event()
            if not isinstance(asked, h11.Request):
                return read, asked is h11.PAUSED
            if asked.http_version not in {b"1.0", b"1.1"}:  # the replica refuses it, or waits for the rest of "PRI *"
                return read, True
            body = b""
            while isinstance(piece := connection.next_event(), h11.Data):
                body += piece.data
            if not isinstance(piece, h11.EndOfMessage):
                return read, False
            read.append(Read(asked.method, asked.target, body))
            if not _next(connection):
                return read, True
    except h11.RemoteProtocolError:
        return read, True
    return read, False


def _next(connection: h11.Connection) -> bool:
    """Answer a request, and say whether another may follow."""
    if connection.their_state is not h11.DONE:
        return False
    connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
        return False
    connection.start_next_cycle()
    return True

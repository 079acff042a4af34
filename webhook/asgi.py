"""The door: ASGI on the outside; `/validate` straight through, all else to Flask, but for /healthz on another thread.

A review never waits on the loop. What has to wait for a booking is awaited, and everybody else goes on.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from flask import Flask

from webhook.admission import Admission
from webhook.app import HEALTHZ, LARGEST_BODY, VALIDATE, headers, too_large, validate, without_tls
from webhook.cases import Answer, plain
from webhook.waiting import Waiting

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_SMALL = 16 << 10  # bytes; most reviews are smaller, and are never sent back for want of memory
_MOST_HELD = (
    32 << 20
)  # bytes of bodies that come in pieces, at one time; a replica has 256 MiB of memory for everything
_MOST_DISCARDED = 64 << 20  # bytes of a body that is too large


class _Reply(NamedTuple):
    """What is sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """The body is too much; `more` of it is still to come."""

    def __init__(self, answer: Answer, *, more: bool) -> None:
        super().__init__()
        self.answer = answer
        self.more = more


class _Disconnected(Exception):  # noqa: N818 - nobody is left to tell
    """The peer went away in the middle of its request."""


class Door:
    """The ASGI application."""

    def __init__(self, admission: Admission, app: Flask) -> None:
        self._admission = admission
        self._app = app
        self._bodies = _Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            await _send(send, await self._answer(scope, receive))
        except _Refused as refused:
            await _send(send, _reply(refused.answer))
            # A peer that reads no answer before it has sent everything; another waits for our word before it does.
            if refused.more and not _header(scope, b"expect"):
                await _discard(receive)
        except _Disconnected:
            return

    async def _answer(self, scope: Scope, receive: Receive) -> _Reply:
        if scope["path"] == VALIDATE and scope["method"] == "POST":
            if scope["scheme"] != "https":
                return _reply(without_tls())
            return _reply(await self._validate(scope, await self._bodies.read(scope, receive)))
        body = await self._bodies.read(scope, receive)
        if scope["path"] == HEALTHZ:  # whether the loop lives; no crowd on the other pages may hide that
            return _call(self._app, scope, body)
        return await asyncio.to_thread(_call, self._app, scope, body)

    async def _validate(self, scope: Scope, body: bytes) -> Answer:
        query = scope["query_string"]
        timeout = parse_qs(query.decode("latin-1")).get("timeout", [None])[0] if query else None
        answer = validate(self._admission, _header(scope, b"content-type"), timeout, body)
        return await self._settled(answer) if isinstance(answer, Waiting) else answer

    async def _settled(self, waiting: Waiting) -> Answer:
        answer = asyncio.wrap_future(waiting.answer)
        done, _ = await asyncio.wait([answer], timeout=self._admission.patience(waiting))
        if not done:
            self._admission.give_up(waiting)
        return await answer


class _Bodies:
    """Reads bodies whole. What those that come in pieces hold at one time is bounded."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Read one; raises `_Refused` for one that is too much."""
        length = _header(scope, b"content-length")
        if length.isdecimal() and int(length) > LARGEST_BODY:
            raise _Refused(too_large(), more=True)
        first, more = await _chunk(receive)
        if not more and len(first) <= _SMALL:
            return first
        body, held = bytearray(first), 0
        try:
            while True:
                self._held += len(body) - held
                held = len(body)
                if held > LARGEST_BODY:
                    raise _Refused(too_large(), more=more)
                if held > _SMALL and self._held > _MOST_HELD:
                    raise _Refused(plain(503, "there are too many large requests at once", retry_after=1), more=more)
                if not more:
                    return bytes(body)
                chunk, more = await _chunk(receive)
                body += chunk
        finally:
            self._held -= held


def _reply(answer: Answer) -> _Reply:
    named = [(key.lower().encode(), value.encode()) for key, value in headers(answer).items()]
    return _Reply(answer.status, named, answer.body)


async def _send(send: Send, reply: _Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    """Return some of the body, and whether there is more."""
    message = await receive()
    if message["type"] != "http.request":
        raise _Disconnected
    return message.get("body", b""), message.get("more_body", False)


async def _discard(receive: Receive) -> None:
    size = 0
    while size < _MOST_DISCARDED:
        message = await receive()
        if not message.get("more_body", False):
            return
        size += len(message["body"])


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _call(app: Flask, scope: Scope, body: bytes) -> _Reply:
    """Call a WSGI application (PEP 3333) with an ASGI request."""
    status, named = 500, list[tuple[bytes, bytes]]()

    def start_response(line: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        nonlocal status, named
        status = int(line.partition(" ")[0])
        named = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers]
        return io.BytesIO().write

    chunks: Iterable[bytes] = app(_environ(scope, body), start_response)
    try:
        return _Reply(status, named, b"".join(chunks))
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    host, port = scope.get("server") or ("localhost", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "CONTENT_TYPE": _header(scope, b"content-type"),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,  # whatever the header Transfer-Encoding says, it was read to its end
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for key, value in scope["headers"]:
        if key not in (b"content-type", b"content-length"):
            environ["HTTP_" + key.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return environ

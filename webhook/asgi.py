"""The door: ASGI on the outside; `/validate` straight through, everything else to Flask on another thread.

A review never waits on the loop. What has to wait for a booking is awaited, and everybody else goes on.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from flask import Flask

from webhook.admission import Admission
from webhook.app import LARGEST_BODY, VALIDATE, headers, too_large, validate
from webhook.cases import Answer, plain
from webhook.waiting import Waiting

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _TooLarge(Exception):  # noqa: N818 - it is an answer, not a fault
    """The body goes past the limit."""


class _Disconnected(Exception):  # noqa: N818 - nobody is left to tell
    """The peer went away in the middle of its request."""


class Door:
    """The ASGI application."""

    def __init__(self, admission: Admission, app: Flask) -> None:
        self._admission = admission
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except _TooLarge:
            answer = too_large()
        except _Disconnected:
            return
        named = [(k.lower().encode(), v.encode()) for k, v in headers(answer).items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": named})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path"] == VALIDATE and scope["method"] == "POST":
            if scope["scheme"] != "https":
                return plain(404, "reviews are answered over TLS only")
            return await self._validate(scope, await _body(scope, receive))
        body = await _body(scope, receive)
        return await asyncio.to_thread(_call, self._app, scope, body)

    async def _validate(self, scope: Scope, body: bytes) -> Answer:
        query = scope["query_string"]
        timeout = parse_qs(query.decode("latin-1")).get("timeout", [None])[0] if query else None
        answer = validate(self._admission, _header(scope, b"content-type"), timeout, body)
        return await asyncio.wrap_future(answer.answer) if isinstance(answer, Waiting) else answer


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _body(scope: Scope, receive: Receive) -> bytes:
    length = _header(scope, b"content-length")
    if length.isdecimal() and int(length) > LARGEST_BODY:
        raise _TooLarge
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _TooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _call(app: Flask, scope: Scope, body: bytes) -> Answer:
    """Call a WSGI application (PEP 3333) with an ASGI request."""
    status, content_type = 500, "text/plain"

    def start_response(line: str, named: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        nonlocal status, content_type
        status = int(line.partition(" ")[0])
        content_type = next((v for k, v in named if k.lower() == "content-type"), content_type)
        return io.BytesIO().write

    chunks: Iterable[bytes] = app(_environ(scope, body), start_response)
    try:
        return Answer(status, b"".join(chunks), content_type)
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
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for key, value in scope["headers"]:
        if key not in (b"content-type", b"content-length"):
            environ["HTTP_" + key.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return environ

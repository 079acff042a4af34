"""Requests put to the door without a socket: as ASGI by hand, or to the Flask application by its own client."""

import asyncio
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from webhook.admission import Admission
from webhook.app import create_app
from webhook.asgi import Door, Scope

JSON = "application/json"


class Said(NamedTuple):
    """What came back; `headers` are those that an answer is made with."""

    status: int
    headers: dict[str, str]
    body: bytes


class Request(NamedTuple):
    """What is asked. `chunks`: the body comes in these pieces, and how long it will be is not said before."""

    method: str = "POST"
    target: str = "/validate"
    body: bytes = b""
    content_type: str = JSON
    chunks: tuple[bytes, ...] | None = None


Way = Callable[[Admission, Request], Said]
_KEPT = ("content-type", "content-length", "retry-after", "allow")


def through_flask(admission: Admission, request: Request) -> Said:
    """Ask the Flask application."""
    client = create_app(admission, CollectorRegistry()).test_client()
    body: dict[str, Any] = {"data": request.body}
    if request.chunks is not None:
        environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        body = {"input_stream": BytesIO(b"".join(request.chunks)), "environ_overrides": environ}
    answer = client.open(
        request.target, method=request.method, content_type=request.content_type, base_url="https://x", **body
    )
    named = {key.lower(): value for key, value in answer.headers.items()}
    return Said(answer.status_code, {key: named[key] for key in _KEPT if key in named}, answer.data)


def through_asgi(admission: Admission, request: Request) -> Said:
    """Ask the door."""
    length = {} if request.chunks is not None else {"content-length": str(len(request.body))}
    chunks = (request.body,) if request.chunks is None else request.chunks
    sent = asyncio.run(converse(door(admission), scope(request, **length), messages(chunks)))
    start, body = sent
    named = {key.decode(): value.decode() for key, value in start["headers"]}
    return Said(start["status"], {key: named[key] for key in _KEPT if key in named}, body["body"])


def door(admission: Admission) -> Door:
    """Make a door."""
    return Door(admission, create_app(admission, CollectorRegistry()))


def scope(request: Request, scheme: str = "https", **headers: str) -> Scope:
    """Make the scope of a request."""
    path, _, query = request.target.partition("?")
    named = {"content-type": request.content_type, **headers}
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": scheme,
        "path": path,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in named.items() if value],
        "server": ("127.0.0.1", 8443),
    }


def messages(chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    """Make the messages that bring a body."""
    parts = list(chunks)
    last = len(parts) - 1
    return [{"type": "http.request", "body": p, "more_body": i < last} for i, p in enumerate(parts)]


async def converse(asked: Door, about: Scope, incoming: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call the door; return what it sends. After the messages the peer says nothing more, and stays."""
    sent: list[dict[str, Any]] = []
    waiting = iter(incoming)

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        return message if message is not None else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await asked(about, receive, send)
    return sent

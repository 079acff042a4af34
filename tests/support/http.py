"""Requests to the dispatcher without a socket: as bytes to a `Connection`, or through Flask's test client."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

from flask import Flask

from webhook.admission.pods import PodAdmission
from webhook.http.client_certificates import Clients
from webhook.http.connection import Connection, Handler
from webhook.http.connection_table import ConnectionTable
from webhook.http.parser import BodyBudget
from webhook.web.dispatcher import Dispatcher
from webhook.web.routes import create_app
from webhook.web.secret_paths import SecretPaths

JSON = "application/json"


class Said(NamedTuple):
    """A response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Request(NamedTuple):
    """A request; with `chunks`, the body is sent chunked, in these pieces and without a Content-Length."""

    method: str = "POST"
    target: str = "/validate"
    body: bytes = b""
    content_type: str = JSON
    chunks: tuple[bytes, ...] | None = None

    def encode(self, **fields: str) -> bytes:
        """Return the request as bytes of HTTP/1.1."""
        named = {"Host": "x", "Content-Type": self.content_type, **fields}
        if self.chunks is None:
            named["Content-Length"] = str(len(self.body))
            body = self.body
        else:
            named["Transfer-Encoding"] = "chunked"
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in self.chunks if part) + b"0\r\n\r\n"
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{key}: {value}" for key, value in named.items() if value)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Way = Callable[[PodAdmission, Request], Said]
_KEPT = ("content-type", "content-length", "retry-after", "allow")


def through_flask(admission: PodAdmission, request: Request) -> Said:
    """Send the request to the Flask application."""
    client = create_app(admission).test_client()
    body: dict[str, Any] = {"data": request.body}
    if request.chunks is not None:
        environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        body = {"input_stream": BytesIO(b"".join(request.chunks)), "environ_overrides": environ}
    answer = client.open(
        request.target, method=request.method, content_type=request.content_type, base_url="https://x", **body
    )
    named = {key.lower(): value for key, value in answer.headers.items()}
    return Said(answer.status_code, {key: named[key] for key in _KEPT if key in named}, answer.data)


def through_dispatcher(admission: PodAdmission, request: Request) -> Said:
    """Send the request over a `Connection` to the dispatcher."""

    async def conversation() -> Said:
        with FakeServer(dispatcher(admission)).connect() as client:
            client.send(request.encode())
            return await client.receive(bodyless=request.method == "HEAD")

    said = asyncio.run(conversation())
    return said._replace(headers={key: said.headers[key] for key in _KEPT if key in said.headers})


def dispatcher(admission: PodAdmission, app: Flask | None = None, paths: SecretPaths | None = None) -> Dispatcher:
    """Make a dispatcher."""
    return Dispatcher(admission, app or create_app(admission), paths)


class FakeServer:
    """A fake of the worker that connections belong to. Make it on a running event loop."""

    def __init__(self, dispatcher: Handler) -> None:
        self.handler = dispatcher
        self.room, self.loop = BodyBudget(), asyncio.get_running_loop()
        self.table = ConnectionTable[Connection](100, 100)
        self.clients: Clients | None = None
        self.alive, self.date = True, b"Sat, 21 Nov 2026 12:00:00 GMT"

    @contextmanager
    def connect(self, *, secure: bool = True) -> Iterator["Client"]:
        """Open a connection; the TLS handshake counts as done if it is `secure`."""
        client = Client(self, secure=secure)
        try:
            yield client
        finally:
            client.leave()


class Client(asyncio.Transport):
    """A peer and the transport to it in one: what the connection writes is in `received`."""

    def __init__(self, server: FakeServer, *, secure: bool) -> None:
        super().__init__({"sockname": ("127.0.0.1", 8443)})
        self.connection = Connection(server, server.table, secure=secure)
        server.table.add(self.connection, "127.0.0.1")
        self.received, self.closed, self.reads = b"", False, True
        self._wrote = asyncio.Event()
        self.connection.connection_made(self)

    def send(self, *pieces: bytes) -> None:
        """Send bytes to the connection, piece by piece."""
        for piece in pieces:
            self.connection.data_received(piece)

    def leave(self) -> None:
        """Close the connection from the peer's side."""
        self.closed = True
        self.connection.connection_lost(None)

    async def receive(self, *, bodyless: bool = False) -> Said:
        """Wait for the next response; `bodyless`: it has no body, as after HEAD."""
        async with asyncio.timeout(60):
            while (said := self.said(bodyless=bodyless)) is None:
                self._wrote.clear()
                await self._wrote.wait()
        return said

    def said(self, *, bodyless: bool = False) -> Said | None:
        """Return the next response, or None if it is not complete yet."""
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
        length = 0 if bodyless else int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return Said(int(first.split(" ")[1]), headers, rest[:length])

    # -- as the transport ----------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add the bytes to `received`."""
        assert not self.closed
        self.received += bytes(data)
        self._wrote.set()

    def close(self) -> None:
        """Record that the connection closed the transport."""
        self.closed = True

    def get_write_buffer_size(self) -> int:
        """Return 0: the peer reads everything at once."""
        return 0

    def pause_reading(self) -> None:
        """Record that the connection stopped reading."""
        assert self.reads
        self.reads = False

    def resume_reading(self) -> None:
        """Record that the connection reads again."""
        assert not self.reads
        self.reads = True

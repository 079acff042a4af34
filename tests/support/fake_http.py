"""HTTP for the fake API server: one thread per connection, whole answers, chunked streams, dropped connections."""

import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from tests.support.fake_apiserver import FakeApiServer

END, CUT = b"end", b"cut"  # for a watch's queue: end the watch properly, or drop the connection


@dataclass
class Call:
    """A request as the server received it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def kind(self) -> str:
        """Return the kind of call: watch, newest (a list of one), list, or else the HTTP method."""
        if self.method != "GET":
            return self.method
        if "watch" in self.query:
            return "watch"
        return "newest" if self.query.get("limit") == "1" else "list"


@dataclass
class Fault:
    """A wrong answer to calls of a kind, given `times` times instead of the normal one."""

    kind: str
    answer: Callable[["Handler", Call], None]
    times: int = 1
    skip: int = 0  # calls of that kind that get the normal answer first


@dataclass
class Watch:
    """An open watch: each item of its queue is sent as one chunk."""

    since: int
    chunks: "SimpleQueue[bytes]" = field(default_factory=SimpleQueue)


class Server(ThreadingHTTPServer):
    """One thread per connection; it can drop all connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], fake: "FakeApiServer", tls: ssl.SSLContext | None, handler: "type[Handler]"
    ) -> None:
        self.fake = fake
        self.connections: list[socket.socket] = []
        super().__init__(address, handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def drop_connections(self) -> None:
        for connection in self.connections:
            drop(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: in these tests, clients leave in the middle on purpose."""


class Handler(BaseHTTPRequestHandler):
    """Answers the calls of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets, and the second would wait 40 ms
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        """Log nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = Call(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers), body, time.monotonic())
        fake = self.server.fake
        with fake.lock:
            fake.calls.append(call)
            fault = self._fault_of(call)
        if fault is not None:
            fault.answer(self, call)
        else:
            self.tell_truth(call)

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815 - the names that the base class looks for

    def tell_truth(self, call: Call) -> None:
        """Give the normal answer to a call."""
        fake = self.server.fake
        if call.kind == "watch":
            self._watch(fake, int(call.query["resourceVersion"]))
        elif call.method == "GET":
            self.answer(200, self._page(fake, call.query))
        else:
            self.answer(201 if call.method == "POST" else 200, call.body)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, retry_after: str = "") -> None:
        """Send an error with a Status object."""
        self.answer(status, encode(status_of(status)), {"Retry-After": retry_after} if retry_after else None)

    def begin_chunks(self) -> None:
        """Send the headers of a stream."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _fault_of(self, call: Call) -> Fault | None:
        for fault in self.server.fake.faults:
            if fault.kind != call.kind or fault.times == 0:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return None

    def _page(self, fake: "FakeApiServer", query: dict[str, str]) -> bytes:
        with fake.lock:
            things = sorted(fake.objects.values(), key=lambda thing: str(thing["metadata"]["name"]))
            start = int(query.get("continue", "0"))
            end = start + min(fake.page, int(query["limit"]))
            metadata = {"resourceVersion": str(fake.revision)}
            if end < len(things):
                metadata["continue"] = str(end)
            return encode({"kind": "ThingList", "metadata": metadata, "items": things[start:end]})

    def _watch(self, fake: "FakeApiServer", since: int) -> None:
        if since < fake.oldest and not fake.gone_as_event:
            self.refuse(410)
            return
        watch = fake.open_watch(since)
        self.begin_chunks()
        if since < fake.oldest:
            self.chunk(line("ERROR", status_of(410)))
            self.chunk(b"")
            return
        while (chunk := watch.chunks.get()) is not CUT:
            if chunk is END:
                self.wfile.write(b"0\r\n\r\n")
                return
            self.chunk(chunk)
        drop(self.connection)
        self.close_connection = True


def drop(connection: socket.socket) -> None:
    """Reset a connection."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already


def encode(value: object) -> bytes:
    """Write JSON as Go does: no spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def line(kind: str, value: object) -> bytes:
    """Write a line of a watch."""
    return encode({"type": kind, "object": value}) + b"\n"


def status_of(code: int) -> dict[str, object]:
    """Make a Status."""
    reasons = {404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError"}
    return {
        "kind": "Status",
        "status": "Failure",
        "message": f"told {code}",
        "reason": reasons.get(code, ""),
        "code": code,
    }

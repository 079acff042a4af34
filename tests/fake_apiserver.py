"""A small true API server for one resource: real HTTP on loopback, list pages, watches, bookmarks, and every fault."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

END, CUT = b"end", b"cut"  # for a watch's queue: end it in good order, or drop the connection


@dataclass
class Call:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def kind(self) -> str:
        """What is asked for: watch, newest (a list of one), list, or the method."""
        if self.method != "GET":
            return self.method
        if "watch" in self.query:
            return "watch"
        return "newest" if self.query.get("limit") == "1" else "list"


@dataclass
class Fault:
    """What to answer in place of the truth, to calls of a kind, so many times."""

    kind: str
    answer: Callable[["Handler", Call], None]
    times: int = 1
    skip: int = 0  # calls of that kind to let pass first


@dataclass
class Watch:
    """An open watch: what is put into its queue is sent, each item as a chunk of its own."""

    since: int
    chunks: "SimpleQueue[bytes]" = field(default_factory=SimpleQueue)


class FakeApiServer:
    """The objects, their history, and the server that shows them; use it in a `with`."""

    def __init__(self, tls: ssl.SSLContext | None = None, page: int = 500) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, bytes]] = []
        self.revision = 1000
        self.oldest = 0  # watches from before this revision are told 410
        self.gone_as_event = True
        self.page = page
        self.mute = False  # open watches bring nothing any more
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.watches: list[Watch] = []
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._tls = tls
        self._address = ("127.0.0.1", 0)
        self._http: Server | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.down()

    @property
    def url(self) -> str:
        """Where it listens; the same after `down` and `up`."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._address[1]}"

    @property
    def connections(self) -> int:
        """How many there have been since it is up."""
        return len(self._http.connections) if self._http else 0

    def up(self) -> None:
        """Listen."""
        self._http = Server(self._address, self, self._tls)
        self._address = ("127.0.0.1", self._http.server_port)
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and drop those that are open."""
        http, self._http = self._http, None
        if http is not None:
            http.shutdown()
            http.server_close()
            http.drop_connections()
        self.end_watches(CUT)

    def put(self, name: str, **fields: Any) -> int:
        """Create or change an object and tell the watches; return its revision."""
        with self.lock:
            self.revision += 1
            metadata = {
                "name": name,
                "namespace": "default",
                "uid": f"uid-{name}",
                "resourceVersion": str(self.revision),
            }
            kind = "MODIFIED" if name in self.objects else "ADDED"
            self.objects[name] = {"metadata": metadata, **fields}
            return self._record(kind, self.objects[name])

    def delete(self, name: str) -> int:
        """Delete an object and tell the watches; return the revision of that."""
        with self.lock:
            self.revision += 1
            last = self.objects.pop(name)
            last["metadata"] = last["metadata"] | {"resourceVersion": str(self.revision)}
            return self._record("DELETED", last)

    def bookmark(self, revision: int | None = None) -> None:
        """Send a bookmark of the current (or that) revision to the open watches."""
        metadata = {"resourceVersion": str(revision or self.revision), "creationTimestamp": None}
        self.send(line("BOOKMARK", {"kind": "Thing", "metadata": metadata, "spec": {"containers": None}}))

    def send(self, chunk: bytes) -> None:
        """Send these bytes to the open watches, whatever they are."""
        with self.lock:
            for watch in self.watches:
                if not self.mute:
                    watch.chunks.put(chunk)

    def end_watches(self, how: bytes = END) -> None:
        """End the open watches, in good order or not."""
        with self.lock:
            for watch in self.watches:
                watch.chunks.put(how)
            self.watches.clear()

    def refuse(self, kind: str, status: int, *, times: int = 1, skip: int = 0, retry_after: str = "") -> None:
        """Answer calls of this kind with an error."""
        self.faults.append(Fault(kind, lambda handler, _: handler.refuse(status, retry_after), times, skip))

    def hang(self, kind: str, times: int = 1) -> None:
        """Take calls of this kind and never answer them."""

        def wait(*_: object) -> None:
            self.closing.wait(30)

        self.faults.append(Fault(kind, wait, times))

    def reply(self, kind: str, body: bytes, *, status: int = 200, times: int = 1, whole: bool = True) -> None:
        """Answer calls of this kind with this body; not `whole`: and then keep the connection open in silence."""

        def answer(handler: "Handler", _: Call) -> None:
            handler.answer(status, body, None if whole else {"Content-Length": str(len(body) + 1)})
            if not whole:
                self.closing.wait(30)

        self.faults.append(Fault(kind, answer, times))

    def trickle(self, kind: str, body: bytes, every: float) -> None:
        """Answer a call of this kind byte by byte, one every so many seconds."""

        def answer(handler: "Handler", _: Call) -> None:
            handler.begin_chunks()
            for byte in body:
                if self.closing.wait(every):
                    return
                handler.chunk(bytes([byte]))
            handler.chunk(b"")

        self.faults.append(Fault(kind, answer))

    def late(self, kind: str, seconds: float) -> Fault:
        """Make a fault that answers truthfully, but late."""

        def answer(handler: "Handler", call: Call) -> None:
            time.sleep(seconds)
            handler.tell_truth(call)

        return Fault(kind, answer)

    def count(self, kind: str) -> int:
        """Count the calls of a kind so far."""
        return sum(call.kind == kind for call in list(self.calls))

    def open_watch(self, since: int) -> Watch:
        """Begin a watch with what is past its revision."""
        with self.lock:
            watch = Watch(since)
            for revision, event in self.history:
                if revision > since and not self.mute:
                    watch.chunks.put(event)
            self.watches.append(watch)
            return watch

    def _record(self, kind: str, thing: dict[str, Any]) -> int:
        event = line(kind, thing)
        self.history.append((self.revision, event))
        self.send(event)
        return self.revision


class Server(ThreadingHTTPServer):
    """One thread per connection; can drop them all."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], fake: FakeApiServer, tls: ssl.SSLContext | None) -> None:
        self.fake = fake
        self.connections: list[socket.socket] = []
        super().__init__(address, Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def drop_connections(self) -> None:
        for connection in self.connections:
            drop(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave in the middle are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    """Answers the calls of one connection."""

    protocol_version = "HTTP/1.1"
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
        """Answer a call without any fault."""
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
        """Send a Status."""
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

    def _page(self, fake: FakeApiServer, query: dict[str, str]) -> bytes:
        with fake.lock:
            things = sorted(fake.objects.values(), key=lambda thing: str(thing["metadata"]["name"]))
            start = int(query.get("continue", "0"))
            end = start + min(fake.page, int(query["limit"]))
            metadata = {"resourceVersion": str(fake.revision)}
            if end < len(things):
                metadata["continue"] = str(end)
            return encode({"kind": "ThingList", "metadata": metadata, "items": things[start:end]})

    def _watch(self, fake: FakeApiServer, since: int) -> None:
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

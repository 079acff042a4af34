"""The server of plain HTTP on a thread of its own: it serves, streams, and ends."""

import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from devcluster.ports import free_port
from tests.support.booking_replicas import until
from webhook.http.listeners import Limits
from webhook.http.messages import Request, Response, Sink, Stream, plain
from webhook.http.plain_server import PlainServer
from webhook.http.wsgi import Origin

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class Handler:
    """Answers /stream with a stream, and says of everything else on which thread it was answered."""

    probes = frozenset[bytes]()

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.threads: set[str] = set()

    def handle(self, request: Request, origin: Origin) -> Response | Stream | Coroutine[Any, Any, Response]:
        self.threads.add(threading.current_thread().name)
        assert not origin.secure
        if request.path == b"/stream":
            return Stream("text/event-stream", self._joined, self.sinks.remove)
        return plain(200, request.path.decode())

    def is_review(self, _: Request) -> bool:
        return False

    def _joined(self, sink: Sink) -> None:
        self.sinks.append(sink)
        sink.push(b"data: hello\n\n")


class Served:
    """A server that runs."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.handler, self.port = Handler(), free_port()
        self.server = PlainServer(self.handler, f"127.0.0.1:{self.port}", limits)
        self.thread = threading.Thread(target=self.server.run, name="readers", daemon=True)
        self.thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextmanager
def served(limits: Limits | None = None) -> Iterator[Served]:
    each = Served(limits)
    try:
        yield each
    finally:
        each.server.stop()
        each.thread.join(30)
    assert not each.thread.is_alive()


def answer(sock: socket.socket, path: bytes, end: bytes) -> bytes:
    sock.sendall(GET % path)
    found = b""
    while not found.endswith(end):
        piece = sock.recv(4096)
        assert piece, found
        found += piece
    return found


def test_it_answers_on_its_own_thread() -> None:
    with served() as each, closing(each.connect()) as sock:
        assert answer(sock, b"/one", b"/one\n").startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer(sock, b"/two", b"/two\n").startswith(b"HTTP/1.1 200 OK\r\n")
        assert each.handler.threads == {"readers"}


def test_a_stream_ends_when_the_server_does() -> None:
    with served() as each, closing(each.connect()) as sock:
        assert b"Connection: close\r\n\r\ndata: hello\n\n" in answer(sock, b"/stream", b"hello\n\n")
        began = time.monotonic()
        each.server.stop()
        assert sock.recv(1000) == b""
        each.thread.join(30)
        assert time.monotonic() - began < 20
        assert each.handler.sinks == []


def test_the_reader_of_a_stream_who_leaves_is_noticed() -> None:
    with served() as each:
        with closing(each.connect()) as sock:
            answer(sock, b"/stream", b"hello\n\n")
        until(lambda: not each.handler.sinks)


def test_who_stalls_is_cut_off() -> None:
    with served(Limits(patience=0.3)) as each, closing(each.connect()) as sock:
        sock.sendall(b"GET /half")
        assert sock.recv(1000) == b""


def test_connections_are_limited() -> None:
    with served(Limits(plain=4, patience=60)) as each, ExitStack() as stack:
        socks = [stack.enter_context(closing(each.connect())) for _ in range(2)]
        for sock in socks:
            answer(sock, b"/x", b"/x\n")
        for _ in range(2):
            answer(stack.enter_context(closing(each.connect())), b"/x", b"/x\n")
        assert [_received(sock) for sock in socks] == [b"", b""], "one address may have half of them"


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(4096)
    except ConnectionResetError:
        return b""


def test_an_address_that_is_taken_is_an_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="Address already in use"),
    ):
        PlainServer(Handler(), f"127.0.0.1:{taken.getsockname()[1]}")

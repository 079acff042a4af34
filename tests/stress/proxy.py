"""A proxy between one replica and the API server: it breaks, delays or stalls connections, tears watches and refuses.

It speaks plain HTTP to the replica and TLS to the API server, so that it can recognize a watch of pods.
"""

import json
import re
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from devcluster.components import LOOPBACK
from tests.stress.wire import Server

CHUNK = 1 << 16
WATCH_OF_PODS = b"GET /api/v1/pods?"
WATCH = b"watch=true"
METHODS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ")
RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # SO_LINGER on with a time of 0, so that closing sends RST
LOOK_SECONDS = 0.2
BUSY = json.dumps(
    {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429}
    | {"message": "Too many requests, please try again later.", "details": {"retryAfterSeconds": 1}}
).encode()
# What an API server with priority and fairness says when a queue is full; it always names one second.
TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    + b"Content-Length: %d\r\n\r\n%b" % (len(BUSY), BUSY)
)


class Refused(NamedTuple):
    """A request that the proxy answered with 429: its method and path, and when (seconds of a monotonic clock)."""

    what: str
    at: float


class Proxy:
    """One listener for one replica; a test can change what it does to open connections."""

    def __init__(self, server: Server) -> None:
        self._parts = urlsplit(server.url)
        self._context = ssl.create_default_context(cafile=str(server.ca_file))
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.lag = 0.0  # seconds by which events of watches of pods are delayed
        self.tearing = threading.Event()  # while set, each watch ends in the middle of its next line
        self.torn = 0
        self.refusing = threading.Event()  # while set, each request is answered with 429 and Retry-After: 1
        self.refused: list[Refused] = []
        self.flowing = threading.Event()  # while cleared, no data passes, and all connections stay open
        self.flowing.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # otherwise its thread would wait in accept() forever
        self._listener.close()
        self.flowing.set()
        self.cut()

    def cut(self) -> int:
        """Break every connection and return how many there were; new connections are accepted."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # TLS must not notice before the relay does
            return len(self._open) // 2

    @contextmanager
    def lagging(self, seconds: float) -> Iterator[None]:
        """Delay the events of watches of pods by `seconds`; all other traffic passes as usual."""
        self.lag = seconds
        try:
            yield
        finally:
            self.lag = 0.0

    def tear(self, data: bytes) -> bytes:
        """Return what is passed on of a watch's bytes before it ends; every second body ends in good order."""
        with self._lock:
            self.torn += 1
            return torn(data, orderly=self.torn % 2 == 0)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Pass no data in either direction and keep all connections open, as when a network is lost."""
        self.flowing.clear()
        try:
            yield
        finally:
            self.flowing.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        host, port = str(self._parts.hostname), self._parts.port
        with (
            client,
            suppress(OSError),
            socket.create_connection((host, port), timeout=5.0) as plain,
            self._context.wrap_socket(plain, server_hostname=host) as upstream,
        ):
            upstream.settimeout(None)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = {client, upstream}
            with self._lock:
                self._open |= pair
            try:
                _Relay(self, client, upstream).run()
            finally:
                with self._lock:
                    self._open -= pair


class _Relay:
    """One connection, copied in both directions by one thread: TLS must not be read and written at the same time."""

    def __init__(self, proxy: Proxy, client: socket.socket, upstream: ssl.SSLSocket) -> None:
        self._proxy, self._client, self._upstream = proxy, client, upstream
        self._watch = self._any_watch = False
        self._late: deque[tuple[float, bytes]] = deque()

    def run(self) -> None:
        """Copy until either side ends."""
        going_on = True
        while going_on:
            self._proxy.flowing.wait()
            going_on = all(self._copy(source) for source in self._readable())
            while self._late and self._late[0][0] <= time.monotonic() and self._proxy.flowing.is_set():
                self._client.sendall(self._late.popleft()[1])

    def _readable(self) -> list[socket.socket]:
        if self._upstream.pending():
            return [self._upstream]
        until = self._late[0][0] - time.monotonic() if self._late else LOOK_SECONDS
        ready, _, _ = select.select([self._client, self._upstream], [], [], max(0.0, min(until, LOOK_SECONDS)))
        return ready

    def _copy(self, source: socket.socket) -> bool:
        """Pass on the data that has arrived; say whether more may arrive."""
        return self._from_server() if source is self._upstream else self._from_client()

    def _from_client(self) -> bool:
        if data := self._client.recv(CHUNK):
            # There is no pipelining: the first bytes that a client sends after an answer are a request line.
            line = data.partition(b"\r\n")[0]
            self._any_watch = WATCH in line
            self._watch = data.startswith(WATCH_OF_PODS) and self._any_watch
            if self._proxy.refusing.is_set() and line.startswith(METHODS):
                return self._refuse(data)
            self._upstream.sendall(data)
        return bool(data)

    def _refuse(self, data: bytes) -> bool:
        """Read the rest of a request, and answer it with 429; say whether more may arrive."""
        while not _is_whole(data):
            if not (more := self._client.recv(CHUNK)):
                return False
            data += more
        method, target, _ = data.partition(b"\r\n")[0].decode().split(" ")
        self._proxy.refused.append(Refused(f"{method} {target.partition('?')[0]}", time.monotonic()))
        self._client.sendall(TOO_MANY)
        return True

    def _from_server(self) -> bool:
        # The readable bytes may be only a session ticket. A blocking recv() would then wait forever, because the
        # request that would bring data has not been read from the client yet.
        self._upstream.setblocking(False)
        try:
            data = self._upstream.recv(CHUNK)
        except ssl.SSLWantReadError:
            return True
        finally:
            self._upstream.setblocking(True)
        if data and self._any_watch and self._proxy.tearing.is_set() and not data.startswith(b"HTTP/"):
            self._client.sendall(self._proxy.tear(data))
            return False
        self._late.append((time.monotonic() + (self._proxy.lag if self._watch else 0.0), data))
        return bool(data)


def torn(data: bytes, *, orderly: bool) -> bytes:
    """Return the first half of a chunk of a body; if `orderly`, as a chunk of its own and with the end of the body."""
    size, _, rest = data.partition(b"\r\n")
    if not orderly or not size.isalnum():
        return data[: max(1, len(data) // 2)]
    half = rest[: max(1, min(int(size, 16), len(rest)) // 2)]
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(half), half)


def _is_whole(request: bytes) -> bool:
    head, ended, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"^content-length: *(\d+)\r?$", head, re.IGNORECASE | re.MULTILINE)
    return bool(ended) and len(body) >= (int(length.group(1)) if length else 0)

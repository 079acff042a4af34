"""A forwarder of TCP connections from an address of this machine to a port on loopback."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from devcluster.components import LOOPBACK

_PIECE = 1 << 16  # bytes


class _Forwarder(ThreadingTCPServer):
    daemon_threads, block_on_close = True, False

    def __init__(self, address: str, to: int) -> None:
        self.to = to
        super().__init__((address, 0), _Handler)


class _Handler(BaseRequestHandler):
    server: _Forwarder

    def handle(self) -> None:
        with socket.create_connection((LOOPBACK, self.server.to)) as there:
            back = Thread(target=_copy, args=(there, self.request), daemon=True)
            back.start()
            _copy(self.request, there)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_PIECE):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def forwarding(address: str, to: int) -> Iterator[int]:
    """Forward connections to a port of the address, which is yielded, to port `to` on loopback."""
    with _Forwarder(address, to) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), name="forwarder")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()

"""How an API server without a pod network reaches what its pods stand for: a proxy that leads to processes on loopback.

The API server is told to reach the cluster through it (`--egress-selector-config-file`), and asks with CONNECT for the
addresses of Services and pods, as it does where an agent such as Konnectivity stands between.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer

import yaml

from devcluster.components import LOOPBACK
from devcluster.processes import POLL_SECONDS

_CHUNK = 1 << 16


class Egress:
    """Leads Services, pods and nodes to ports of loopback, as `routes` says at the moment.

    A route is named by `address:port`, or else by the port number alone.

    `work` is a folder; its path must be short (107 bytes with the name of a socket).
    """

    def __init__(self, work: Path) -> None:
        self.routes: dict[int | str, int] = {}
        self._socket = work / "egress"
        self.flags = (f"--egress-selector-config-file={_configuration(work, self._socket)}",)
        self._server = _Server(str(self._socket), _Tunnel)
        self._server.egress = self
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._server.server_close()
        self._socket.unlink(missing_ok=True)


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    egress: Egress


class _Tunnel(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer CONNECT, and pass bytes on until either end has none."""
        target = self.rfile.readline().split()[1].decode()
        while self.rfile.readline().strip():
            pass
        routes = self.server.egress.routes
        led = routes.get(target) or routes.get(int(target.rpartition(":")[2]))
        try:
            if led is None:
                raise ConnectionRefusedError
            other = socket.create_connection((LOOPBACK, led), timeout=10.0)
        except OSError:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        other.settimeout(None)
        with other:
            back = threading.Thread(target=_pass_on, args=(other, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, other)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _configuration(work: Path, path: Path) -> Path:
    connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(path)}}}
    selector = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }
    file = work / "egress.yaml"
    file.write_text(yaml.safe_dump(selector))
    return file

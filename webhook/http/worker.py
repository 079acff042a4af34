"""The server: gunicorn's asyncio worker on uvloop, run as the only process of a replica.

There is no master process: the kubelet restarts the container when it dies. So signals, the memory limit and CPU
figures apply to the process that does the work. gunicorn's worker provides the event loop and the signal handlers. This
module adds what it lacks: connections without ASGI between them and the application, plain HTTP beside TLS, a limit on
connections for each listener, an end to connections whose peer is stuck, and a stop that waits for requests but not for
idle peers.

A connection counts from its accept on (connection.py). When there are too many, connection_table.py picks those to
close.
"""

import asyncio
import os
import signal
import socket
import ssl
from contextlib import ExitStack
from email.utils import formatdate
from typing import Any, NamedTuple

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gasgi import ASGIWorker

from webhook.http.client_certificates import Clients
from webhook.http.connection import Connection, Handler
from webhook.http.connection_table import ConnectionTable
from webhook.http.parser import BodyBudget
from webhook.http.tls_transport import TlsTransport

_BACKLOG = 1024
# Bytes of each connection's receive buffer in the kernel, which doubles the figure. By default it would grow up to
# 6 MiB (tcp_rmem), and that memory counts as the container's.
_RECEIVED = 64 << 10
_TICK = 0.1  # seconds between checks for stuck peers and for a stop
_BETWEEN_COMPLAINTS = 10.0  # seconds
_LULL = 0.25  # seconds: a client that was active more recently may send a request just as we close, and it would fail

SETTINGS = {
    "asgi_loop": "uvloop",  # a review takes about a sixth less of the processor than with asyncio's
    "loglevel": "warning",
    "control_socket_disable": True,
}


class Limits(NamedTuple):
    """The limits for peers; times in seconds, the rest in connections.

    `strangers` is the most connections from one address at the TLS listener that have never sent a review. At a plain
    listener, that limit is half of `plain`.
    """

    connections: int = 800  # together with the plain ones below 1,024, the usual limit on descriptors of a process
    idle: float = 120.0  # longer than the 90 s after which Go gives up an idle connection, to never race it
    patience: float = 10.0  # for the peer's next step: to send the rest of a request, to read a response
    farewell: float = 0.5  # the same while stopping
    drain: float = 10.0  # for requests in flight when stopping
    strangers: int = 400
    plain: int = 64  # for the probes and scrapes of a few programs


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker. The first socket serves TLS with the given context, the others serve plain HTTP."""

    def __init__(
        self,
        sockets: list[socket.socket],
        app: BaseApplication,
        log: Any,
        context: ssl.SSLContext,
        limits: Limits,
        clients: Clients | None,
    ) -> None:
        super().__init__(0, os.getppid(), sockets, app, 0, app.cfg, log)
        self.handler: Handler = app.load()
        self.room = BodyBudget()
        self.date = _now()
        self.clients = clients
        self._context = context
        self._limits = limits
        plain = [ConnectionTable[Connection](limits.plain, limits.plain // 2) for _ in sockets[1:]]
        self._tables = [ConnectionTable[Connection](limits.connections, limits.strangers), *plain]
        self._complain_again = 0.0

    @property
    def drained(self) -> bool:
        """Whether the stop waited for requests in flight (SIGTERM) or not (SIGINT, SIGQUIT)."""
        return not self._quick_shutdown

    def run(self) -> None:
        """Serve until stopped. It replaces gunicorn's own `run`, which would hide a failure."""
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self._cleanup()
            self.tmp.close()

    async def _serve(self) -> None:
        contexts = [self._context, *(None for _ in self.sockets[1:])]
        listening = zip(self.sockets, self._tables, contexts, strict=True)
        accepting = [self.loop.create_task(self._accept(*listener)) for listener in listening]
        while self.alive:
            failed, _ = await asyncio.wait(accepting, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
            for task in failed:
                task.result()
            self.date = _now()
            self._end_stuck(self._limits.patience)
            self._close_idle(self.loop.time() - self._limits.idle)
            self._close_outdated(self.loop.time() - _LULL)
        for task in accepting:
            task.cancel()
        await self._drain()

    async def _accept(
        self, listener: socket.socket, table: ConnectionTable[Connection], context: ssl.SSLContext | None
    ) -> None:
        while True:
            try:
                sock, peer = await self.loop.sock_accept(listener)
            except OSError as error:
                self._complain("no connection can be taken: %s", error)
                await asyncio.sleep(_TICK)
            else:
                self._welcome(sock, peer[0], table, context)
                await asyncio.sleep(0)  # a flood of new connections must not delay the others

    def _welcome(
        self, sock: socket.socket, address: str, table: ConnectionTable[Connection], context: ssl.SSLContext | None
    ) -> None:
        leaving = table.gives_way(address)
        if leaving is not None:
            self._complain("there are %d connections: one is closed to make room for one from %s", len(table), address)
            leaving.end()
            table.remove(leaving)
        elif table.is_full():
            self._complain(
                "there are %d connections, and all wait for an answer: one from %s is closed", len(table), address
            )
            sock.close()
            return
        connection = Connection(self, table, secure=context is not None)
        table.add(connection, address)
        protocol = connection if context is None else TlsTransport(context, connection)
        connection.accepting = self.loop.create_task(self.loop.connect_accepted_socket(lambda: protocol, sock))
        connection.accepting.add_done_callback(lambda task: self._accepted(connection, table, sock, task))

    def _accepted(
        self,
        connection: Connection,
        table: ConnectionTable[Connection],
        sock: socket.socket,
        accepting: "asyncio.Task[Any]",
    ) -> None:
        error = None if accepting.cancelled() else accepting.exception()
        if error is not None or accepting.cancelled():
            table.remove(connection)
            sock.close()
        if error is not None and not isinstance(error, OSError):
            self.log.error("a connection could not be set up", exc_info=error)

    def _connections(self) -> list[Connection]:
        return [connection for table in self._tables for connection in table]

    def _end_stuck(self, seconds: float) -> None:
        now = self.loop.time()
        for connection in [c for c in self._connections() if c.is_stuck(now, seconds)]:
            connection.end()

    def _close_idle(self, since: float) -> None:
        for connection in self._connections():
            connection.close_if_idle(since)

    def _close_outdated(self, since: float) -> None:
        if self.clients is not None:
            for connection in self._connections():
                connection.close_if_outdated(since)

    def _complain(self, text: str, *details: object) -> None:
        if self.loop.time() >= self._complain_again:
            self._complain_again = self.loop.time() + _BETWEEN_COMPLAINTS
            self.log.warning(text, *details)

    async def _drain(self) -> None:
        """Accept no new connections, answer the requests in flight, and close each connection once it is idle.

        A client that sends another request gets a response with `Connection: close`.
        """
        for sock in self.sockets:
            sock.close()
        deadline = self.loop.time() + self._limits.drain
        while any(self._tables) and self.loop.time() < deadline and not self._quick_shutdown:
            self._close_idle(self.loop.time() - _LULL)
            self._end_stuck(self._limits.farewell)
            await asyncio.sleep(0.01)
        for connection in self._connections():
            connection.end()
        await asyncio.sleep(0.01)  # so that their sockets are closed


class _Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        super().__init__()

    def load_config(self) -> None:
        for key, value in SETTINGS.items():
            self.cfg.set(key, value)

    def load(self) -> Handler:
        return self._handler


def _now() -> bytes:
    return formatdate(usegmt=True).encode()


def address(text: str) -> tuple[str, int]:
    """Read host:port, with an IPv6 address in brackets; raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16 or (":" in host) != host.startswith("["):
        raise ValueError(f"{text!r} is not an address: write host:port, such as 0.0.0.0:8443 or [::]:8443")
    return host.removeprefix("[").removesuffix("]"), int(port)


def serve(
    handler: Handler,
    context: ssl.SSLContext,
    listen: str,
    *plain: str,
    limits: Limits | None = None,
    clients: Clients | None = None,
) -> bool:
    """Serve until a signal says stop: at `listen` (host:port) over TLS, at the `plain` addresses without.

    With `clients`, a client without the expected certificate gets only probes over TLS. Returns whether the stop
    waited for requests in flight: True after SIGTERM, False after SIGINT. Raises OSError if it cannot listen at an
    address.
    """
    app = _Application(handler)
    with ExitStack() as stack:
        sockets = [stack.enter_context(_listen(*address(text))) for text in (listen, *plain)]
        worker = Worker(sockets, app, app.cfg.logger_class(app.cfg), context, limits or Limits(), clients)
        worker.init_process()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # closing the loop removed its handler; the rest is short
        return worker.drained


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED)  # accepted sockets inherit it
    listener.setblocking(False)
    return listener

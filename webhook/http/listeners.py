"""Listeners of one event loop: they accept connections within limits, end stuck ones, and stop without a cut answer.

A connection counts from its accept on (connection.py). When there are too many, connection_table.py picks those to
close.

The stop has two parts: an API server learns only later that a replica goes, and it never repeats a review whose
connection was closed under it (Go repeats only requests that change nothing).

1. The delay: new connections are accepted, requests are answered, and each response closes its connection. Meanwhile
   the replica says that it is not ready, and the nodes learn to lead new connections elsewhere.
2. The drain: no new connections; requests in flight are answered. A connection that is idle now has been idle for the
   whole delay, since any request would have closed it. It is closed: that the API server uses it just then is unlikely.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any, NamedTuple

from webhook.http.client_certificates import Clients
from webhook.http.connection import Connection, Handler
from webhook.http.connection_table import ConnectionTable
from webhook.http.parser import BodyBudget
from webhook.http.pulse import Pulse
from webhook.http.tls_transport import TlsTransport

log = logging.getLogger(__name__)

_BACKLOG = 1024
# Bytes of each connection's receive buffer in the kernel, which doubles the figure. By default it would grow up to
# 6 MiB (tcp_rmem), and that memory counts as the container's.
_RECEIVED = 64 << 10
_TICK = 0.1  # seconds between checks for stuck peers and for a stop
_BETWEEN_COMPLAINTS = 10.0  # seconds
_LULL = 0.25  # seconds: a client that was active more recently may send a request just as we close, and it would fail


class Limits(NamedTuple):
    """The limits for peers; times in seconds, the rest in connections.

    `strangers` is the most connections from one address at the TLS listener that have never sent a review. At a plain
    listener, that limit is half of `plain`.
    """

    connections: int = 800  # together with the plain ones below 1,024, the usual limit on descriptors of a process
    idle: float = 120.0  # longer than the 90 s after which Go gives up an idle connection, to never race it
    patience: float = 10.0  # for the peer's next step: to send the rest of a request, to read a response
    farewell: float = 2.0  # the same in the drain
    delay: float = 0.0  # between the signal to stop and the drain
    drain: float = 10.0  # for requests in flight and idle connections, at most
    strangers: int = 400
    plain: int = 64  # for the probes, scrapes and reports of a few programs


class Listener(NamedTuple):
    """One socket that listens. `context`: serves TLS; None: plain HTTP. `table` ranks its connections."""

    sock: socket.socket
    table: ConnectionTable[Connection]
    context: ssl.SSLContext | None = None


class Listeners:
    """The listeners and connections of one event loop; only its thread may call this, except for `alive`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: Handler,
        listeners: Iterable[Listener],
        limits: Limits,
        room: BodyBudget,
        clients: Clients | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self.loop, self.handler, self.room, self.clients = loop, handler, room, clients
        self.alive = True
        self.date = _now()
        self._listeners = list(listeners)
        self._limits = limits
        self._pulse = pulse or Pulse()
        self._complain_again = 0.0

    async def serve(self, going_on: Callable[[], bool], hasty: Callable[[], bool]) -> None:
        """Serve while `going_on`; then stop, without waiting for requests in flight once `hasty` says so."""
        accepting = [self.loop.create_task(self._accept(listener)) for listener in self._listeners]
        while going_on():
            self._pulse.beat()
            await self._tick(accepting)
        self.alive = False
        self._pulse.end()
        until = self.loop.time() + self._limits.delay
        while self.loop.time() < until and not hasty():
            await self._tick(accepting)
        for task in accepting:
            task.cancel()
        await self._drain(hasty)

    async def _tick(self, accepting: "list[asyncio.Task[None]]") -> None:
        failed, _ = await asyncio.wait(accepting, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
        for task in failed:
            task.result()
        self.date = _now()
        self._end_stuck(self._limits.patience)
        self._close_idle(self.loop.time() - self._limits.idle)
        self._close_outdated(self.loop.time() - _LULL)

    async def _accept(self, listener: Listener) -> None:
        while True:
            try:
                sock, peer = await self.loop.sock_accept(listener.sock)
            except OSError as error:
                self._complain("no connection can be taken: %s", error)
                await asyncio.sleep(_TICK)
            else:
                self._welcome(sock, peer[0], listener)
                await asyncio.sleep(0)  # a flood of new connections must not delay the others

    def _welcome(self, sock: socket.socket, address: str, listener: Listener) -> None:
        table, context = listener.table, listener.context
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
            log.error("a connection could not be set up", exc_info=error)

    def _connections(self) -> list[Connection]:
        return [connection for listener in self._listeners for connection in listener.table]

    def _accept_last(self, listener: Listener) -> None:
        """Accept what the kernel has accepted already: closing the listener would reset these connections."""
        for _ in range(_BACKLOG):
            try:
                sock, peer = listener.sock.accept()
            except OSError:
                return
            sock.setblocking(False)
            self._welcome(sock, peer[0], listener)

    def _end_stuck(self, seconds: float, *, unused: bool = True) -> None:
        now = self.loop.time()
        for connection in [c for c in self._connections() if c.is_stuck(now, seconds)]:
            if unused or not connection.is_unused():
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
            log.warning(text, *details)

    async def _drain(self, hasty: Callable[[], bool]) -> None:
        """Accept no new connections, answer the requests in flight, and close each connection once it is idle.

        A client that sends another request gets a response with `Connection: close`. A stream ends at once.
        """
        for listener in self._listeners:
            self._accept_last(listener)
            listener.sock.close()
        for connection in self._connections():
            connection.end_stream()
        deadline = self.loop.time() + self._limits.drain
        while any(len(each.table) for each in self._listeners) and self.loop.time() < deadline and not hasty():
            quiet = self.loop.time() - max(self._limits.delay, _LULL)
            for connection in self._connections():
                connection.close_if_idle(quiet, unused=True)
            self._end_stuck(self._limits.farewell, unused=False)
            await asyncio.sleep(0.01)
        for connection in self._connections():
            connection.end()
        await asyncio.sleep(0.01)  # so that their sockets are closed


def _now() -> bytes:
    return formatdate(usegmt=True).encode()


def address(text: str) -> tuple[str, int]:
    """Read host:port, with an IPv6 address in brackets; raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16 or (":" in host) != host.startswith("["):
        raise ValueError(f"{text!r} is not an address: write host:port, such as 0.0.0.0:8443 or [::]:8443")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens and does not block; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED)  # accepted sockets inherit it
    listener.setblocking(False)
    return listener

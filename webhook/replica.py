"""The server process: gunicorn's ASGI worker, run as the one process that a replica is.

There is no master: the kubelet is the one who starts again what died, and so the process that a signal, a memory limit
or a CPU figure is about is the one that does the work. What gunicorn's own loop lacks is added here: plain HTTP beside
TLS, a limit on connections, an end to those that never ask, and a stop that waits for requests and not for idle peers.
"""

import asyncio
import os
import ssl
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.sock import create_sockets
from gunicorn.workers.gasgi import ASGIWorker

from webhook.asgi import Door

_KEEP_ALIVE = 120  # seconds: longer than the 90 s after which Go gives up an idle connection, so that we never race it
_FIRST_REQUEST = 10.0  # seconds within which a new peer must have sent one whole request
_MOST_CONNECTIONS = 2_000
_TICK = 0.1  # seconds between looks at whether to stop
_LONGEST_DRAIN = 10.0  # seconds for requests in flight when stopping


class _Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """One connection, known to its worker from handshake to loss."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connections: set[_Connection] = self.worker.connections
        if len(connections) >= _MOST_CONNECTIONS:
            self.log.warning("closed a new connection: there are %d already", len(connections))
            transport.abort()  # type: ignore[attr-defined]  # a stream's transport has it
            self._conn_lost_handled = True
            return
        connections.add(self)
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(_FIRST_REQUEST, self._end_if_unused)

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.connections.discard(self)
        super().connection_lost(exc)

    def close_if_idle(self) -> None:
        """Close it unless a request is being answered."""
        if self._awaiting_request:
            self._close_transport()

    def _end_if_unused(self) -> None:
        receiver = self._body_receiver
        unused = self.req_count <= 1 and (self._current_request is None or not (receiver is None or receiver._complete))  # noqa: SLF001 - gunicorn has no other way to ask
        if unused and not self._closed:
            self.transport.abort()


class Replica(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker. The first socket speaks TLS with the context that it was given, the others plain HTTP."""

    def __init__(self, sockets: list[Any], app: BaseApplication, log: Any, context: ssl.SSLContext) -> None:
        super().__init__(0, os.getppid(), sockets, app, 0, app.cfg, log)
        self.connections: set[_Connection] = set()
        self._context = context

    async def _serve(self) -> None:
        for index, sock in enumerate(self.sockets):
            secure = {"ssl": self._context, "ssl_handshake_timeout": _FIRST_REQUEST} if index == 0 else {}
            self.servers.append(
                await self.loop.create_server(lambda: _Connection(self), sock=sock.sock, backlog=1024, **secure)
            )
            self.log.info("listening on %s", sock)
        while self.alive:  # noqa: ASYNC110 - gunicorn's signal handlers set a flag and no event
            await asyncio.sleep(_TICK)
        await self._drain()

    async def _drain(self) -> None:
        """Take no new connections, answer what was asked, and close each connection as it falls idle."""
        for server in self.servers:
            server.close()
        deadline = self.loop.time() + _LONGEST_DRAIN
        while self.connections and self.loop.time() < deadline and not self._quick_shutdown:
            for connection in list(self.connections):
                connection.close_if_idle()
            await asyncio.sleep(0.01)


class _Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, door: Door, settings: dict[str, Any]) -> None:
        self._door = door
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._settings.items():
            self.cfg.set(key, value)

    def load(self) -> Door:
        return self._door


def serve(door: Door, context: ssl.SSLContext, listen: str, *plain: str) -> None:
    """Serve until a signal says stop: `listen` (host:port) over TLS, `plain` addresses without."""
    settings = {
        "bind": [listen, *plain],
        "keepalive": _KEEP_ALIVE,
        "worker_connections": _MOST_CONNECTIONS,
        "asgi_lifespan": "off",
        "loglevel": "warning",
        "control_socket_disable": True,
        "proc_name": "headroom",
    }
    app = _Application(door, settings)
    log = app.cfg.logger_class(app.cfg)
    sockets = create_sockets(app.cfg, log)
    Replica(sockets, app, log, context).init_process()

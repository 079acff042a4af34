"""The server of reviews: gunicorn's asyncio worker on uvloop, run as the only process of a replica.

There is no master process: the kubelet restarts the container when it dies. So signals, the memory limit and CPU
figures apply to the process that does the work. gunicorn's worker provides the event loop and the signal handlers;
listeners.py serves connections on it, without ASGI between them and the application.
"""

import os
import signal
import socket
import ssl
from contextlib import ExitStack
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gasgi import ASGIWorker

from webhook.http import listeners
from webhook.http.client_certificates import Clients
from webhook.http.connection import Connection, Handler
from webhook.http.connection_table import ConnectionTable
from webhook.http.listeners import Limits, Listener, Listeners, address
from webhook.http.parser import BodyBudget
from webhook.http.pulse import Pulse

SETTINGS = {
    "asgi_loop": "uvloop",  # a review takes about a sixth less of the processor than with asyncio's
    "loglevel": "warning",
    "control_socket_disable": True,
}


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker. Its socket serves TLS with the given context."""

    def __init__(
        self,
        sock: socket.socket,
        app: BaseApplication,
        log: Any,
        context: ssl.SSLContext,
        limits: Limits,
        clients: Clients | None,
        pulse: Pulse | None,
    ) -> None:
        super().__init__(0, os.getppid(), [sock], app, 0, app.cfg, log)
        self._handler: Handler = app.load()
        table = ConnectionTable[Connection](limits.connections, limits.strangers)
        self._listener = Listener(sock, table, context)
        self._limits, self._clients, self._pulse = limits, clients, pulse

    @property
    def drained(self) -> bool:
        """Whether the stop waited for requests in flight (SIGTERM) or not (SIGINT, SIGQUIT)."""
        return not self._quick_shutdown

    def run(self) -> None:
        """Serve until stopped. It replaces gunicorn's own `run`, which would hide a failure."""
        served = Listeners(
            self.loop, self._handler, [self._listener], self._limits, BodyBudget(), self._clients, self._pulse
        )
        try:
            self.loop.run_until_complete(served.serve(lambda: self.alive, lambda: self._quick_shutdown))
        finally:
            self._cleanup()
            self.tmp.close()


class _Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        super().__init__()

    def load_config(self) -> None:
        for key, value in SETTINGS.items():
            self.cfg.set(key, value)

    def load(self) -> Handler:
        return self._handler


def serve(
    handler: Handler,
    context: ssl.SSLContext,
    at: str,
    limits: Limits | None = None,
    clients: Clients | None = None,
    pulse: Pulse | None = None,
) -> bool:
    """Serve over TLS at `at` (host:port) until a signal says stop.

    With `clients`, a client without the expected certificate gets only probes. `pulse` shows other threads that the
    loop serves. Returns whether the stop waited for requests in flight: True after SIGTERM, False after SIGINT. Raises
    OSError if it cannot listen at the address.
    """
    app = _Application(handler)
    with ExitStack() as stack:
        sock = stack.enter_context(listeners.listen(*address(at)))
        worker = Worker(sock, app, app.cfg.logger_class(app.cfg), context, limits or Limits(), clients, pulse)
        worker.init_process()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # closing the loop removed its handler; the rest is short
        return worker.drained

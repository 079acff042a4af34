"""One connection: where it stands, and whether its peer keeps us waiting in the middle of something.

    accepted ──► TLS handshake ──► first request ──► answered ◄──► idle ──► closed
    └──────────── a stranger ────────────┘

Only an idle connection may be quiet for long. Everywhere else the next step is due: of the handshake, of a request that
has to come whole, of an answer that has to be read, of the goodbye.
"""

import asyncio
from typing import Any, Protocol

from gunicorn.asgi.protocol import ASGIProtocol


class Host(Protocol):
    """Who keeps count of connections."""

    loop: asyncio.AbstractEventLoop
    strangers: "dict[Connection, None]"

    def forget(self, connection: "Connection") -> None:
        """Count a connection no more."""


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """One connection, known to its worker from acceptance to loss."""

    def __init__(self, worker: Host) -> None:
        super().__init__(worker)
        self.handshake: asyncio.Task[Any] | None = None
        self._since = worker.loop.time()  # when this peer last took a step

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.forget(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._since = self.worker.loop.time()
        super().pause_writing()

    def _on_headers_complete(self) -> Any:
        self._since = self.worker.loop.time()
        return super()._on_headers_complete()

    def _on_message_complete(self) -> None:
        self.worker.strangers.pop(self, None)
        super()._on_message_complete()

    def _close_transport(self) -> None:
        if not self._closed:
            self._since = self.worker.loop.time()
        super()._close_transport()

    def is_stuck(self, now: float, seconds: float) -> bool:
        """Say whether the peer has kept us waiting for so long, in the middle of something."""
        return bool(now >= self._since + seconds and self._waits_for_peer())

    def _waits_for_peer(self) -> bool:
        if self.transport is None or self._closed or self._flow_control.write_paused:
            return True
        if self._body_receiver is None:
            return self in self.worker.strangers
        return not self._body_receiver._complete  # noqa: SLF001 - gunicorn has no other way to ask

    def close_if_idle(self) -> None:
        """Close it if it was of use and is not now."""
        if self._awaiting_request and self not in self.worker.strangers:
            self._close_transport()

    def end(self) -> None:
        """Cut it off, whatever it is about."""
        if self.transport is not None:
            self.transport.abort()
        elif self.handshake is not None:
            self.handshake.cancel()

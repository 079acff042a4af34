"""A server of plain HTTP on an event loop of its own: its readers share no loop with the reviews.

It stops faster than the reviews' server: nobody waits for a report as a create waits for its review.
"""

import asyncio
import logging
from threading import Event

import uvloop

from webhook.http.connection import Connection, Handler
from webhook.http.connection_table import ConnectionTable
from webhook.http.listeners import Limits, Listener, Listeners, address, listen
from webhook.http.parser import BodyBudget

log = logging.getLogger(__name__)

_MOST_HELD = 8 << 20  # bytes of bodies that are still arriving: one of the largest
_MOST_UNREAD = 8 << 20  # bytes of responses that slow readers have not read
_DRAIN = 2.0  # seconds


class PlainServer:
    """Serves plain HTTP. Making it binds the address (raises OSError); `run` is for a thread of its own."""

    def __init__(self, handler: Handler, at: str, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._handler = handler
        self._sock = listen(*address(at))
        self._stopping = Event()

    def run(self) -> None:
        """Serve until `stop` is called."""
        limits = self._limits._replace(delay=0.0, drain=min(self._limits.drain, _DRAIN))
        table = ConnectionTable[Connection](limits.plain, limits.plain // 2)
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        room = BodyBudget(_MOST_HELD, _MOST_UNREAD)
        listeners = Listeners(loop, self._handler, [Listener(self._sock, table)], limits, room)
        try:
            loop.run_until_complete(listeners.serve(lambda: not self._stopping.is_set(), lambda: False))
        except Exception:
            log.exception("reports are not served any longer; reviews are")
        finally:
            self._sock.close()
            loop.close()

    def stop(self) -> None:
        """Take no new connections, answer what is in flight, and return from `run`; any thread may call it."""
        self._stopping.set()

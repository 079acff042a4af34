"""One connection: where it stands, and whether its peer keeps us waiting in the middle of something.

    accepted ──► TLS handshake ──► first request ──► answered ◄──► idle ──► closed
    └──────────── a stranger ────────────┘

Only an idle connection may be quiet for long. Everywhere else the next step is due: of the handshake, of a request that
has to come whole, of an answer that has to be read, of the goodbye.

Requests are answered in the order in which they came, one at a time; no more are read while some wait for their turn.
"""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Any, Protocol, cast

from msgspec.structs import replace

from webhook.app import logged
from webhook.cases import Answer, plain
from webhook.door import Door, reply
from webhook.http1 import CONTINUE, Reply, Request
from webhook.reader import Reader, Room, Step
from webhook.wsgi import Origin

log = logging.getLogger(__name__)


class Host(Protocol):
    """Who keeps count of connections."""

    door: Door
    room: Room
    loop: asyncio.AbstractEventLoop
    strangers: "dict[Connection, None]"
    alive: bool  # whether more requests are welcome
    date: bytes  # now, as HTTP writes it

    def forget(self, connection: "Connection") -> None:
        """Count a connection no more."""


class Connection(asyncio.Protocol):
    """One connection, known to its worker from acceptance to loss."""

    def __init__(self, worker: Host, *, secure: bool) -> None:
        self.handshake: asyncio.Task[Any] | None = None
        self._worker = worker
        self._transport: asyncio.Transport | None = None
        self._origin = Origin("localhost", 0, secure)
        self._reader = Reader(worker.room)
        self._due: deque[Request | Answer] = deque()
        self._awaited: asyncio.Task[Reply] | None = None  # the answer that comes next
        self._stranger = True  # no request has come whole
        self._reading = True
        self._read = True  # whether the peer reads what we say
        self._closing = False
        self._since = worker.loop.time()  # when this peer last took a step

    # -- told by the loop ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; for TLS the handshake is done."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by birth
        host, port = transport.get_extra_info("sockname")[:2]
        self._origin = Origin(host, port, self._origin.secure)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self._closing:
            return
        reader = self._reader
        step = reader.step
        found = reader.feed(data)
        if found:
            if self._stranger:
                self._stranger = False
                self._worker.strangers.pop(self, None)
            self._due.extend(found)
        elif reader.step is not step:
            self._since = self._worker.loop.time()
        self._go_on()

    def pause_writing(self) -> None:
        """The peer is slow to read."""
        self._read = False
        self._since = self._worker.loop.time()

    def resume_writing(self) -> None:
        """The peer has read."""
        self._read = True
        self._go_on()

    def connection_lost(self, _: Exception | None) -> None:
        """End; nobody is left to be answered."""
        self._closing = True
        self._due.clear()
        self._reader.close()
        if self._awaited is not None:
            self._awaited.cancel()
        self._worker.forget(self)

    # -- answers -------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Answer what is due, as far as nothing has to be waited for."""
        due = self._due
        while due and self._awaited is None and self._read and not self._closing:
            self._answer(due.popleft())
        if self._transport is None or self._closing:
            return
        if not due and self._awaited is None:
            if self._reader.ended:
                self._close()
                return
            if self._reader.expects:
                self._reader.expects = False
                self._transport.write(CONTINUE)
        if (wanted := self._read and not due) is not self._reading:
            self._reading = wanted
            self._transport.resume_reading() if wanted else self._transport.pause_reading()

    def _answer(self, asked: Request | Answer) -> None:
        if isinstance(asked, Answer):
            self._send(reply(logged(asked)))
            return
        try:
            said = self._worker.door.answer(asked, self._origin)
        except Exception as error:  # noqa: BLE001 - it is logged, and the peer is told
            said = _failed(asked, error)
        if isinstance(said, Reply):
            self._send(said)
        else:
            self._awaited = self._worker.loop.create_task(said)
            # Its body may be megabytes, and as many as there are connections may wait.
            self._awaited.add_done_callback(partial(self._answered, replace(asked, body=b"")))

    def _answered(self, asked: Request, answer: "asyncio.Task[Reply]") -> None:
        self._awaited = None
        if answer.cancelled():
            return
        error = answer.exception()
        self._send(answer.result() if error is None else _failed(asked, error))
        self._go_on()

    def _send(self, said: Reply) -> None:
        if self._transport is None or self._closing:
            return
        worker = self._worker
        self._since = worker.loop.time()
        last = (self._reader.ended or not worker.alive) and not self._due
        self._transport.write(said.encode(worker.date, last=last))
        if last:
            self._close()

    def _close(self) -> None:
        self._closing = True
        self._since = self._worker.loop.time()
        if self._transport is not None:
            self._transport.close()

    # -- asked by the worker -------------------------------------------------------------------------------------------

    def is_stuck(self, now: float, seconds: float) -> bool:
        """Say whether the peer has kept us waiting for so long, in the middle of something."""
        return now >= self._since + seconds and self._waits_for_peer()

    def _waits_for_peer(self) -> bool:
        if self._transport is None or self._closing or not self._read:
            return True
        return not self._is_busy() and (self._reader.step is not Step.BETWEEN or self._stranger)

    def _is_busy(self) -> bool:
        return bool(self._due) or self._awaited is not None

    def close_if_idle(self, since: float) -> None:
        """Close it if it was of use, and has been of none since that moment."""
        idle = not self._is_busy() and self._reader.step is Step.BETWEEN and not self._stranger
        if idle and self._since <= since and not self._closing:
            self._close()

    def end(self) -> None:
        """Cut it off, whatever it is about."""
        if self._transport is not None:
            self._transport.abort()
        elif self.handshake is not None:
            self.handshake.cancel()


def _failed(asked: Request, error: BaseException) -> Reply:
    log.error("%s %r could not be answered", asked.method, asked.path, exc_info=error)
    return reply(plain(500, "an unforeseen error, see Headroom's log"))

"""One connection: its state, and whether its peer is late with the next step.

    accepted ──► TLS handshake ──► first request ──► answered ◄──► idle ──► closed
    └──────────── a stranger ────────────┘

Only an idle connection may be silent for long. In every other state the peer must take the next step in time: continue
the handshake, send the rest of a request, read a response, or complete the close.

The connection answers requests one at a time, in the order in which they arrived. While requests wait for their turn,
it does not read from the socket. A stream is the last response of its connection, and goes on until one side ends it.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Collection, Coroutine
from functools import partial
from typing import Any, Protocol, cast

from msgspec.structs import replace

from webhook.http.client_certificates import Clients
from webhook.http.connection_table import ConnectionTable, Rank
from webhook.http.messages import CONTINUE, Request, Response, Stream, plain
from webhook.http.parser import BodyBudget, RequestParser, Step, crowded
from webhook.http.wsgi import Origin

log = logging.getLogger(__name__)

_LARGE = 64 << 10  # bytes; longer than the response to any review
_PROMPT = 1.0  # seconds within which a body from an API server arrives in full
_READS = frozenset({b"GET", b"HEAD"})
_REVIEWED = frozenset({200, 503})  # status codes of the responses to reviews


class Handler(Protocol):
    """Answers the requests of all connections. The event loop's thread calls it."""

    @property
    def probes(self) -> Collection[bytes]:
        """Paths that a client may GET without a client certificate."""

    def handle(self, request: Request, origin: Origin) -> Response | Stream | Coroutine[Any, Any, Response]:
        """Return the response, a stream, or a coroutine that returns the response later."""

    def is_review(self, request: Request) -> bool:
        """Say whether this is a request that only an API server makes; its connection is closed after all others."""


class Host(Protocol):
    """What a connection needs of its worker."""

    handler: Handler
    room: BodyBudget
    loop: asyncio.AbstractEventLoop
    alive: bool  # False once the server is stopping: each connection then closes after its last response
    date: bytes  # the current time, as the Date header gives it
    clients: Clients | None  # checks client certificates at the TLS listener; None: no check


class Connection(asyncio.Protocol):
    """One connection; its worker counts it from the accept until it is lost."""

    def __init__(self, worker: Host, table: "ConnectionTable[Connection]", *, secure: bool) -> None:
        self.accepting: asyncio.Task[Any] | None = None
        self.proven = False  # True once a review was answered here, or the expected client certificate was shown
        self._worker = worker
        self._table = table
        self._link: asyncio.Transport | None = None  # used until the handshake is done
        self._transport: asyncio.Transport | None = None
        self._origin = Origin("localhost", 0, secure)
        self._reader = RequestParser(worker.room, self)
        self._due: deque[Request | Response] = deque()
        self._awaited: asyncio.Task[Response] | None = None  # the next response
        self._judged = False  # whether that response answers a review
        self._stream: Stream | None = None  # the response that goes on
        self._stranger = True  # no complete request has arrived yet
        self._reading = True
        self._read = True  # False while the peer is too slow to read our responses
        self._closing = False
        self._unread = 0  # bytes of responses that the peer has not read yet
        self._handshake: ssl.SSLObject | None = None  # in which the peer showed the expected client certificate
        self._refusal: Response | None = None  # for a peer that did not show it
        self._since = worker.loop.time()  # time of the last step on this connection

    # -- called by the event loop --------------------------------------------------------------------------------------

    def accepted(self, transport: asyncio.Transport) -> None:
        """Begin the TLS handshake."""
        self._link = transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve; over TLS, the handshake is done."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from it
        host, port = transport.get_extra_info("sockname")[:2]
        self._origin = Origin(host, port, self._origin.secure)
        if self._worker.clients is not None and self._origin.secure:
            self._ask_who_it_is(self._worker.clients, transport.get_extra_info("ssl_object"))

    def _ask_who_it_is(self, clients: Clients, handshake: ssl.SSLObject) -> None:
        self._refusal = clients.refusal(handshake)
        self._reader.gated = self._refusal is not None
        if self._refusal is None:
            self._handshake = handshake
            self.proven = True
            self._take_place()

    def data_received(self, data: bytes) -> None:
        """Take the bytes that have arrived."""
        if self._closing:
            return
        reader = self._reader
        step = reader.step
        found = reader.feed(data)
        if found:
            self._stranger = False
            self._due.extend(found)
        elif reader.step is not step:
            self._since = self._worker.loop.time()
        self._go_on()

    def pause_writing(self) -> None:
        """Stop sending: the peer is too slow to read."""
        self._read = False
        self._since = self._worker.loop.time()
        self._count_unread(0 if self._transport is None else self._transport.get_write_buffer_size())
        self._take_place()

    def resume_writing(self) -> None:
        """Send again: the peer has read."""
        self._read = True
        self._count_unread(0)
        self._go_on()

    def _count_unread(self, size: int) -> None:
        self._worker.room.unread += size - self._unread
        self._unread = size

    def connection_lost(self, _: Exception | None) -> None:
        """Clean up: the peer is gone, so no request needs a response."""
        self._closing = True
        self._due.clear()
        self._reader.close()
        self._count_unread(0)
        if self._awaited is not None:
            self._awaited.cancel()
        if self._stream is not None:
            self._stream.left(self)
        self._table.remove(self)
        # Break the reference cycle: otherwise all of it, with OpenSSL's memory, stays until the garbage collector runs.
        self._transport = self._link = self.accepting = self._handshake = self._stream = None

    # -- responses -----------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Answer the queued requests until one of them must wait."""
        self._answer_due()
        self._take_place()

    def _answer_due(self) -> None:
        due = self._due
        while due and self._awaited is None and self._read and self._stream is None and not self._closing:
            self._answer(due.popleft())
        if self._transport is None or self._closing:
            return
        if not due and self._awaited is None and self._stream is None:
            if self._reader.ended:
                self._close()
                return
            if self._reader.expects:
                self._reader.expects = False
                self._transport.write(CONTINUE)
        if (wanted := self._read and not due) is not self._reading:
            self._reading = wanted
            self._transport.resume_reading() if wanted else self._transport.pause_reading()

    def _answer(self, asked: Request | Response) -> None:
        if isinstance(asked, Response):
            self._send(_logged(asked))
            return
        try:
            said = self._worker.handler.handle(asked, self._origin)
        except Exception as error:  # noqa: BLE001 - it is logged, and the peer gets 500
            said = _failed(asked, error)
        if isinstance(said, Response):
            self._answer_with(asked, said)
        elif isinstance(said, Stream):
            self._begin(said)
        else:
            self._judged = self._worker.handler.is_review(asked)
            self._awaited = self._worker.loop.create_task(said)
            # Drop the body: it may have megabytes, and one request of each connection may wait.
            self._awaited.add_done_callback(partial(self._answered, replace(asked, body=b"")))

    def _answered(self, asked: Request, answer: "asyncio.Task[Response]") -> None:
        self._awaited = None
        if answer.cancelled():
            return
        error = answer.exception()
        self._answer_with(asked, answer.result() if error is None else _failed(asked, error))
        self._go_on()

    def _answer_with(self, asked: Request, said: Response) -> None:
        if not self.proven and said.status in _REVIEWED and self._worker.handler.is_review(asked):
            self.proven = True
        if len(said.body) > _LARGE and self._worker.room.unread > self._worker.room.most_unread:
            said = _logged(plain(503, "too many answers are waiting to be read", retry_after=1))
        self._send(said)

    def _send(self, said: Response) -> None:
        if self._transport is None or self._closing:
            return
        worker = self._worker
        self._since = worker.loop.time()
        last = (self._reader.ended or not worker.alive or self._is_outdated()) and not self._due
        self._transport.write(said.encode(worker.date, last=last))
        if last:
            self._close()

    def _begin(self, stream: Stream) -> None:
        if self._transport is None or self._closing:
            return
        self._since = self._worker.loop.time()
        self._transport.write(stream.encode(self._worker.date))
        self._stream = stream
        stream.joined(self)

    def push(self, data: bytes) -> bool:
        """Send bytes of the stream; False: nothing was sent, because the peer is too slow to read or gone.

        A peer that goes on not to read is cut off like any other that is stuck.
        """
        if self._transport is None or self._closing or not self._read:
            return False
        self._transport.write(data)
        return True

    def end_stream(self) -> None:
        """End the stream, if there is one, and close the connection."""
        if self._stream is not None and not self._closing:
            self._close()

    def _is_outdated(self) -> bool:
        """Say whether an authority that is no longer trusted verified the peer's certificate."""
        clients, handshake = self._worker.clients, self._handshake
        return clients is not None and handshake is not None and not clients.trusts(handshake)

    def _close(self) -> None:
        self._closing = True
        self._since = self._worker.loop.time()
        if self._transport is not None:
            self._transport.close()
        self._take_place()

    # -- its rank among the connections --------------------------------------------------------------------------------

    def _take_place(self) -> None:
        self._table.place(self, self._rank())

    def _rank(self) -> Rank:
        if self._closing:
            return Rank.IDLE
        if self._awaited is not None and (self._judged or self.proven):
            return Rank.ANSWERED
        busy = self._stranger or not self._read or self._awaited is not None or self._stream is not None
        unfinished = busy or self._reader.step is not Step.BETWEEN
        if self.proven:
            return Rank.KNOWN_BUSY if unfinished else Rank.KNOWN
        return Rank.UNFINISHED if unfinished else Rank.IDLE

    def give_way(self) -> bool:
        """Give up a large body that is still arriving, in favor of a newer one, and say whether that was done.

        Of a peer that has proven to send reviews, only a body that is late is given up.
        """
        if self.proven and self._worker.loop.time() < self._since + _PROMPT:
            return False
        self._reader.give_up()
        self._due.append(crowded())
        self._go_on()
        return True

    def refuses(self, method: bytes, path: bytes, *, body: bool) -> Response | None:
        """Refuse a peer that has not proven to be the API server, unless it asks for a probe."""
        asks_for_a_probe = method in _READS and path in self._worker.handler.probes and not body
        return None if asks_for_a_probe else self._refusal

    # -- called by the worker ------------------------------------------------------------------------------------------

    def is_stuck(self, now: float, seconds: float) -> bool:
        """Say whether the next step of the peer has been due for at least so many seconds."""
        return now >= self._since + seconds and self._waits_for_peer()

    def _waits_for_peer(self) -> bool:
        if self._transport is None or self._closing or not self._read:
            return True
        return not self._is_busy() and (self._reader.step is not Step.BETWEEN or self._stranger)

    def _is_busy(self) -> bool:
        return bool(self._due) or self._awaited is not None or self._stream is not None

    def close_if_outdated(self, since: float) -> None:
        """Close it if it has been idle since then and the authority that verified its peer is no longer trusted."""
        if self._is_outdated():
            self.close_if_idle(since)

    def close_if_idle(self, since: float) -> None:
        """Close it if it has answered a request and has been idle since that moment."""
        idle = not self._is_busy() and self._reader.step is Step.BETWEEN and not self._stranger
        if idle and self._since <= since and not self._closing:
            self._close()

    def end(self) -> None:
        """Cut it off at once, in any state."""
        transport = self._transport or self._link
        if transport is not None:
            transport.abort()
        elif self.accepting is not None:
            self.accepting.cancel()


def _logged(refusal: Response) -> Response:
    """Log a request that no handler has seen, because no audit line records it."""
    log.warning("refused a request with %d: %s", refusal.status, refusal.body.decode().rstrip())
    return refusal


def _failed(asked: Request, error: BaseException) -> Response:
    # The first part of the path alone: the rest may be a secret.
    first = b"/".join(asked.path.split(b"/", 2)[:2])
    log.error("%s %r could not be answered", asked.method, first, exc_info=error)
    return plain(500, "an unforeseen error, see Headroom's log")

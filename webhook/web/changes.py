"""A stream of server-sent events that says when the account has changed, so that a page need not poll.

    event: changed
    data: {"revision":71,"commitment":"W/\"0c9…\"","refusals":3}

A client that has read `/api/v1/commitment` compares the entity tag, and reads again what it shows. It gets one event at
once, and one after each change, at most one a second; a comment shows in between that the stream lives. A stream ends
when its reader may not read any longer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from webhook.http.messages import Response, Sink, Stream
from webhook.web.answers import Answers
from webhook.web.problems import problem

log = logging.getLogger(__name__)

_MOST: Final = 16  # streams: half of what one address may have of connections
_BETWEEN: Final = 1.0  # seconds between two looks
_ALIVE: Final = 15.0  # seconds between two signs of life; proxies give up silent responses after 60 s or so
_FIELDS: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("X-Accel-Buffering", "no"))


IsAllowed = Callable[[], Awaitable[bool]]
"""Says whether the reader of a stream may still read it; asked before each look."""


class Change(Struct, frozen=True, gc=False):
    """What an event says: the entity tag of /api/v1/commitment, and a number that changes with each refusal."""

    revision: int
    commitment: str
    refusals: int | None


class Changes:
    """The streams of one event loop; only its thread may call this."""

    def __init__(self, answers: Answers, threads: Executor, pace: Callable[[], float] = lambda: _BETWEEN) -> None:
        self._answers, self._threads, self._pace = answers, threads, pace
        self._sinks: dict[Sink, IsAllowed | None] = {}
        self._last = b""
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._sinks)

    def open(self, is_allowed: IsAllowed | None = None) -> Stream | Response:
        """Return a new stream, or the refusal of one too many; without `is_allowed`, everybody may read it."""
        if len(self._sinks) >= _MOST:
            return problem(503, f"{_MOST} streams are open: close one, or read again later", retry_after=10)
        return Stream("text/event-stream; charset=utf-8", partial(self._joined, is_allowed), self._left, _FIELDS)

    def _joined(self, is_allowed: IsAllowed | None, sink: Sink) -> None:
        self._sinks[sink] = is_allowed
        if self._last:
            sink.push(self._last)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def _left(self, sink: Sink) -> None:
        self._sinks.pop(sink, None)

    async def _look(self) -> None:
        """Look for changes while there are streams."""
        loop = asyncio.get_running_loop()
        silent_since = loop.time()
        try:
            while self._sinks:
                await self._end_where_not_allowed()
                event = await loop.run_in_executor(self._threads, self._event)
                if event != self._last:
                    self._last, silent_since = event, loop.time()
                    self._push(event)
                elif loop.time() - silent_since >= _ALIVE:
                    silent_since = loop.time()
                    self._push(b": alive\n\n")
                await asyncio.sleep(self._pace())
        except Exception:
            log.exception("the streams of changes end")
            for sink in list(self._sinks):
                sink.end_stream()
        finally:
            self._last, self._looking = b"", None

    async def _end_where_not_allowed(self) -> None:
        for sink, is_allowed in list(self._sinks.items()):
            if is_allowed is None or await is_allowed() or sink not in self._sinks:
                continue
            self._left(sink)
            sink.end_stream()

    def _push(self, data: bytes) -> None:
        for sink in list(self._sinks):
            sink.push(data)

    def _event(self) -> bytes:
        shown = self._answers.commitment()
        change = Change(_revision(shown.body), shown.etag, self._answers.refused())
        return b"event: changed\ndata: %b\n\n" % msgspec.json.encode(change)


class _Revision(Struct):
    revision: int


def _revision(body: bytes) -> int:
    return msgspec.json.decode(body, type=_Revision).revision

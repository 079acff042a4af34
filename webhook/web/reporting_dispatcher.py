"""The dispatcher of the reporting address: an event loop of its own, and few threads behind it.

Nothing here runs on the loop that answers reviews. But all threads of a process share the interpreter, so what readers
cost is limited as well: a thread that has made a report rests as long as it must to take only its share of a processor
(pace.py).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

from flask import Flask

from webhook.http.messages import Request, Response, Stream
from webhook.http.wsgi import Origin, call
from webhook.web.access import Access, AccessControl
from webhook.web.answers import Answers
from webhook.web.changes import Changes
from webhook.web.dispatcher import REVIEWS
from webhook.web.pace import Pace
from webhook.web.reporting_routes import ACCESS, EVENTS, METRICS, POD_METRICS
from webhook.web.routes import HEALTHZ, READYZ, without_tls
from webhook.web.shared_page import SharedPage

_EVENTS, _POD_METRICS = EVENTS.encode(), POD_METRICS.encode()
_METRICS, _READYZ, _HEALTHZ = METRICS.encode(), READYZ.encode(), HEALTHZ.encode()
_NOTHING: Mapping[str, object] = MappingProxyType({})


class ReportingDispatcher:
    """Answers the requests of readers. The reporting event loop's thread calls it."""

    probes = frozenset({_HEALTHZ, _READYZ})

    def __init__(
        self,
        app: Flask,
        answers: Answers,
        rest: Callable[[float], None] = time.sleep,
        charge: Callable[[float], None] = lambda _: None,
        pace: Pace | None = None,
        access: AccessControl | None = None,
    ) -> None:
        self._app, self._access = app, access
        self._rest, self._charge, self._pace = rest, charge, pace or Pace()
        self._asking = ThreadPoolExecutor(1, "access")  # it may wait for the API server
        self._probes = ThreadPoolExecutor(1, "plain-probe")
        self._reports = ThreadPoolExecutor(1, "report")
        self._usage = ThreadPoolExecutor(1, "pod-metrics")  # it may wait for the API server
        self._pages = ThreadPoolExecutor(1, "plain-page")
        self._metrics = SharedPage(self._pages)
        self._changes = Changes(answers, self._reports)

    def handle(self, request: Request, origin: Origin) -> Response | Stream | Coroutine[Any, Any, Response | Stream]:
        """Return the response, a stream, or a coroutine that returns one of them later."""
        if request.path == _HEALTHZ:
            return call(self._app, request, origin)
        if request.path in REVIEWS:
            return without_tls()
        if self._access is not None and self._access.guards(request.path):
            return self._answered_by_access(self._access, request, origin)
        if _is_of_events(request):
            return self._events(request)
        if request.path == _METRICS:
            return self._metrics.get(request.method, lambda: self._page(request, origin))
        return self._elsewhere(request, origin)

    def is_review(self, request: Request) -> bool:
        """Say that it is none: reviews are answered over TLS only."""
        del request
        return False

    async def _answered_by_access(self, access: AccessControl, request: Request, origin: Origin) -> Response | Stream:
        """Answer by what the asker may read."""
        found = await self._admitted(access, request)
        if not isinstance(found, Access):
            return found
        if _is_of_events(request):
            return self._events(request)
        return await self._elsewhere(request, origin, {ACCESS: found})

    async def _admitted(self, access: AccessControl, request: Request) -> Access | Response:
        return await asyncio.get_running_loop().run_in_executor(self._asking, access.admit, request)

    def _events(self, request: Request) -> Stream | Response:
        access = self._access
        if access is None:
            return self._changes.open()

        async def is_allowed() -> bool:
            """Ask again: a right may be taken away, and the configuration may come to ask for one."""
            return not access.guards(request.path) or isinstance(await self._admitted(access, request), Access)

        return self._changes.open(is_allowed)

    async def _elsewhere(self, request: Request, origin: Origin, known: Mapping[str, object] = _NOTHING) -> Response:
        loop = asyncio.get_running_loop()
        if request.path == _READYZ:
            return await loop.run_in_executor(self._probes, call, self._app, request, origin)
        if request.path == _POD_METRICS:
            return await loop.run_in_executor(self._usage, call, self._app, request, origin)
        answer: asyncio.Future[Response | Exception] = loop.create_future()

        def done(said: Response | Exception) -> None:
            loop.call_soon_threadsafe(_settle, answer, said)

        self._reports.submit(self._report, request, origin, known, done)
        said = await answer
        if isinstance(said, Exception):
            raise said
        return said

    def _report(
        self,
        request: Request,
        origin: Origin,
        known: Mapping[str, object],
        done: Callable[[Response | Exception], None],
    ) -> None:
        """Make one report, hand it over, and only then rest."""
        began = time.thread_time()
        try:
            said: Response | Exception = call(self._app, request, origin, known)
        except Exception as error:  # noqa: BLE001 - the connection logs it, and the peer gets 500
            said = error
        done(said)
        self._rest(self._charged(began))

    def _page(self, request: Request, origin: Origin) -> Response:
        """Make a page of metrics; its thread rests once it is handed over."""
        began = time.thread_time()
        made = call(self._app, request, origin)
        self._pages.submit(self._rest, self._charged(began))
        return made

    def _charged(self, began: float) -> float:
        """Charge what this thread has spent since then; return for how long it has to rest."""
        spent = time.thread_time() - began
        self._charge(spent)
        return self._pace.rest_after(spent)


def _is_of_events(request: Request) -> bool:
    return request.path == _EVENTS and request.method == b"GET" and not request.query


def _settle(answer: "asyncio.Future[Response | Exception]", said: Response | Exception) -> None:
    if not answer.done():
        answer.set_result(said)

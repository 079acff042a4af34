"""The dispatcher: `/validate` is answered without Flask; all other paths go to Flask, all but /healthz on threads.

A review never blocks the event loop: one that has to wait for a booking is awaited, and other requests go on. Each kind
of request has its own threads: many requests for pages cannot delay an early answer or a probe. Requests at the
reporting address come to another event loop (reporting_dispatcher.py).
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from msgspec.structs import replace

from webhook.admission.pending import PendingReview
from webhook.admission.pods import PodAdmission
from webhook.http.messages import SMALL, Request, Response, plain
from webhook.http.wsgi import Origin, call
from webhook.web import routes
from webhook.web.routes import (
    HEALTHZ,
    READYZ,
    VALIDATE,
    answered,
    logged,
    unknown_path,
    without_tls,
)
from webhook.web.secret_paths import SecretPaths

_VALIDATE = VALIDATE.encode()
REVIEWS = frozenset(path.encode() for path in routes.REVIEWS)
_HEALTHZ, _READYZ = HEALTHZ.encode(), READYZ.encode()
_PAGES_AT_ONCE = 1  # what is no probe and no review is refused, and may wait
_REVIEWS_AT_ONCE = 6  # an early answer may wait for a call to the API server
_MOST_QUEUED = 16 << 20  # bytes of bodies


class Dispatcher:
    """Answers requests. The event loop's thread calls it. With `paths`, reviews need a token in their path."""

    probes = frozenset({_HEALTHZ, _READYZ})

    def __init__(self, admission: PodAdmission, app: Flask, paths: SecretPaths | None = None) -> None:
        self._admission = admission
        self._app = app
        self._paths = paths
        self._reviews = ThreadPoolExecutor(_REVIEWS_AT_ONCE, "early-answer")
        self._probes = ThreadPoolExecutor(1, "probe")
        self._pages = ThreadPoolExecutor(_PAGES_AT_ONCE, "page")
        self._queued = 0  # bytes of bodies that wait for a thread or that a thread works on

    def handle(self, request: Request, origin: Origin) -> Response | Coroutine[Any, Any, Response]:
        """Return the response, or a coroutine that returns it later."""
        path = request.path if self._paths is None else self._paths.resolve(request.path)
        if path == _VALIDATE and request.method == b"POST":
            return self._validate(request) if origin.secure else without_tls()
        if path is None:
            return unknown_path()
        if path is not request.path:
            request = replace(request, path=path)  # the token goes no further, so that nothing logs it
        if path == _HEALTHZ:  # on the loop's thread: it shows that the loop runs, and waits in no queue
            return call(self._app, request, origin)
        if len(request.body) > SMALL and self._queued + len(request.body) > _MOST_QUEUED:
            return logged(plain(503, "there are too many large requests at once", retry_after=1))
        return self._elsewhere(request, origin)

    def is_review(self, request: Request) -> bool:
        """Say whether this is an AdmissionReview, which an API server sends."""
        path = request.path if self._paths is None else self._paths.resolve(request.path)
        return request.method == b"POST" and path in REVIEWS

    async def _elsewhere(self, request: Request, origin: Origin) -> Response:
        self._queued += len(request.body)
        try:
            threads = self._threads(request, secure=origin.secure)
            return await asyncio.get_running_loop().run_in_executor(threads, call, self._app, request, origin)
        finally:
            self._queued -= len(request.body)

    def _threads(self, request: Request, *, secure: bool) -> ThreadPoolExecutor:
        if secure and self.is_review(request):
            return self._reviews
        return self._probes if request.path == _READYZ else self._pages

    def _validate(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        content_type = request.fields.get(b"content-type", b"")
        answer = answered(self._admission.review, _text(content_type), _timeout(request.query), request.body)
        return self._settled(answer) if isinstance(answer, PendingReview) else answer

    async def _settled(self, waiting: PendingReview) -> Response:
        answer = asyncio.wrap_future(waiting.answer)
        done, _ = await asyncio.wait([answer], timeout=self._admission.patience(waiting))
        if not done:
            self._admission.give_up(waiting)
        return await answer


@lru_cache(maxsize=64)
def _text(content_type: bytes) -> str:
    return content_type.decode("latin-1")


@lru_cache(maxsize=64)
def _timeout(query: bytes) -> str | None:
    return parse_qs(query.decode("latin-1")).get("timeout", [None])[0]

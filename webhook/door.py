"""The door: `/validate` straight through, all else to Flask, but for /healthz on another thread.

A review never waits on the loop. What has to wait for a booking is awaited, and everybody else goes on.
"""

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from flask import Flask

from webhook.admission import Admission
from webhook.app import HEALTHZ, VALIDATE, headers, logged, validate, without_tls
from webhook.cases import Answer, plain
from webhook.http1 import SMALL, Reply, Request, head
from webhook.waiting import Waiting
from webhook.wsgi import Origin, call

_VALIDATE = VALIDATE.encode()
_HEALTHZ = HEALTHZ.encode()
_MOST_QUEUED = 16 << 20  # bytes


class Door:
    """Answers requests; on the loop's thread."""

    def __init__(self, admission: Admission, app: Flask) -> None:
        self._admission = admission
        self._app = app
        self._queued = 0  # bytes of bodies that wait for a thread, or are with one

    def answer(self, request: Request, origin: Origin) -> Reply | Coroutine[Any, Any, Reply]:
        """Answer at once, or say what is to be awaited for the answer."""
        if request.path == _VALIDATE and request.method == b"POST":
            return self._validate(request) if origin.secure else reply(without_tls())
        if request.path == _HEALTHZ:  # whether the loop lives; no crowd on the other pages may hide that
            return call(self._app, request, origin)
        if len(request.body) > SMALL and self._queued + len(request.body) > _MOST_QUEUED:
            return reply(logged(plain(503, "there are too many large requests at once", retry_after=1)))
        return self._elsewhere(request, origin)

    async def _elsewhere(self, request: Request, origin: Origin) -> Reply:
        self._queued += len(request.body)
        try:
            return await asyncio.to_thread(call, self._app, request, origin)
        finally:
            self._queued -= len(request.body)

    def _validate(self, request: Request) -> Reply | Coroutine[Any, Any, Reply]:
        content_type = request.fields.get(b"content-type", b"")
        answer = validate(self._admission, _text(content_type), _timeout(request.query), request.body)
        return self._settled(answer) if isinstance(answer, Waiting) else reply(answer)

    async def _settled(self, waiting: Waiting) -> Reply:
        answer = asyncio.wrap_future(waiting.answer)
        done, _ = await asyncio.wait([answer], timeout=self._admission.patience(waiting))
        if not done:
            self._admission.give_up(waiting)
        return reply(await answer)


def reply(answer: Answer) -> Reply:
    """Say it in HTTP."""
    return Reply(_head(answer.status, answer.content_type, answer.retry_after), answer.body)


@lru_cache(maxsize=64)
def _head(status: int, content_type: str, retry_after: int | None) -> bytes:
    return head(status, headers(content_type, retry_after))


@lru_cache(maxsize=64)
def _text(content_type: bytes) -> str:
    return content_type.decode("latin-1")


@lru_cache(maxsize=64)
def _timeout(query: bytes) -> str | None:
    return parse_qs(query.decode("latin-1")).get("timeout", [None])[0]

"""The guard of a page that is served on a person's own machine: only that person's browser may use it.

A page of another site can make a browser send requests to loopback. It can read the answers if its own name leads to
127.0.0.1 (DNS rebinding); its name then stands in the Host header, so only the names of loopback are answered.
"""

from collections.abc import Collection, Coroutine
from typing import Any, Final

from webhook.http.connection import Handler
from webhook.http.messages import Request, Response, Stream, plain
from webhook.http.wsgi import Origin

_NAMES: Final = ("127.0.0.1", "localhost")
_READS: Final = frozenset({b"GET", b"HEAD"})


class Loopback:
    """Passes requests on to a handler, if they were sent to loopback by name and not by a page of another site."""

    def __init__(self, handler: Handler, port: int) -> None:
        self._handler, self._port = handler, port
        self._hosts = frozenset(f"{name}:{port}".encode() for name in _NAMES)
        if port == 80:  # browsers leave it out
            self._hosts |= {name.encode() for name in _NAMES}

    @property
    def probes(self) -> Collection[bytes]:
        """Paths that a client may GET without a client certificate."""
        return self._handler.probes

    def handle(self, request: Request, origin: Origin) -> Response | Stream | Coroutine[Any, Any, Response | Stream]:
        """Return what the handler answers, or a refusal."""
        if request.fields.get(b"host", b"").lower() not in self._hosts:
            return plain(403, f"this page answers only to its own address: open http://{_NAMES[0]}:{self._port}/ui/")
        if request.method not in _READS and request.fields.get(b"sec-fetch-site") == b"cross-site":
            return plain(403, "a page of another site cannot ask questions here")
        return self._handler.handle(request, origin)

    def is_review(self, request: Request) -> bool:
        """Say what the handler says."""
        return self._handler.is_review(request)

"""Calls a WSGI application (PEP 3333) with a complete request."""

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from flask import Flask

from webhook.http.messages import Request, Response


class Origin(NamedTuple):
    """The listener that received a request."""

    host: str
    port: int
    secure: bool


_NOTHING: Mapping[str, object] = MappingProxyType({})


def call(app: Flask, request: Request, origin: Origin, known: Mapping[str, object] = _NOTHING) -> Response:
    """Call the application, and return its complete response.

    `known` is what else the application finds in the environ; no request can set a name without `HTTP_`.
    """
    status, headers = 500, list[tuple[str, str]]()

    def start_response(line: str, given: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(line.partition(" ")[0]), given
        return io.BytesIO().write

    chunks: Iterable[bytes] = app({**environ(request, origin), **known}, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    if request.method == b"HEAD":
        return Response(status, b"", "", None, tuple(headers), to_head=True)
    return Response(status, body, "", None, tuple(field for field in headers if field[0].lower() != "content-length"))


def environ(request: Request, origin: Origin) -> dict[str, Any]:
    """Return the WSGI environ of a request; in its strings, each character stands for one byte."""
    described = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": origin.host,
        "SERVER_PORT": str(origin.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": request.fields.get(b"content-type", b"").decode("latin-1"),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if origin.secure else "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,  # the body is complete, whatever Transfer-Encoding says
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.fields.items():
        # In an environ, a name with an underscore would look like the same name with a hyphen.
        if name not in {b"content-type", b"content-length"} and b"_" not in name:
            described["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return described

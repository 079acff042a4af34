"""Errors of the REST API by RFC 9457: `application/problem+json`, with a sentence that says what to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from http import HTTPStatus

import msgspec
from msgspec import Struct

from webhook.http.messages import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is wrong with a request, or why it cannot be answered now; `parameter` is the query parameter at fault."""

    title: str
    status: int
    detail: str
    parameter: str | None = None


def problem(status: int, detail: str, parameter: str | None = None, retry_after: int | None = None) -> Response:
    """Make the response for a problem; `detail` is a sentence for people."""
    body = msgspec.json.encode(Problem(HTTPStatus(status).phrase, status, detail, parameter))
    return Response(status, body, MEDIA_TYPE, retry_after)


def unknown_path(path: str, paths: Iterable[str]) -> Response:
    """Make the response for a path that nothing is at."""
    near = get_close_matches(path, paths, 1)
    hint = f"did you mean {near[0]}?" if near else "/openapi.json lists what there is"
    return problem(404, f"there is nothing at {path[:200]!r}; {hint}")

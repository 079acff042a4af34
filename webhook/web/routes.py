"""The Flask application of the address that the API server calls: reviews and probes. Reports and metrics are not here.

The dispatcher (dispatcher.py) answers `/validate` without Flask, by the same function `answered`.
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote

import flask
from flask import Flask, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook.admission.pending import PendingReview
from webhook.admission.pods import PodAdmission
from webhook.core.config.duration import Duration
from webhook.http.messages import LARGEST_BODY, Response, plain, too_large

log = logging.getLogger(__name__)

Review = Callable[[bytes, float], Response]
"""Takes the body of a review and the seconds that the API server waits; returns the response."""

Said = TypeVar("Said", bound=Response | PendingReview)

VALIDATE = "/validate"
WORKLOADS = "/workloads"
CONFIGURATION = "/config"
REVIEWS = frozenset({VALIDATE, WORKLOADS, CONFIGURATION})
HEALTHZ = "/healthz"
READYZ = "/readyz"
Unready = Callable[[], str | None]
"""Says why the API server should send reviews to other replicas; None when this one is ready."""

_NO_OTHERS: Mapping[str, Review] = MappingProxyType({})
_DEFAULT_TIMEOUT = 10.0  # seconds, the API server's own default for a webhook


def answered(
    review: Callable[[bytes, float], Said], content_type: str, timeout: str | None, body: bytes
) -> Said | Response:
    """Answer one review; `timeout` is the parameter that the API server adds to the URL, such as 10s."""
    if len(body) > LARGEST_BODY:
        return logged(too_large())
    if not _is_json(content_type):
        return logged(plain(415, "send the AdmissionReview as application/json"))
    return review(body, _seconds(timeout))


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


@lru_cache(maxsize=64)  # it is the same for all reviews of one webhook configuration
def _seconds(timeout: str | None) -> float:
    try:
        return Duration.parse(timeout).seconds if timeout else _DEFAULT_TIMEOUT
    except ValueError:
        return _DEFAULT_TIMEOUT


def without_tls() -> Response:
    """Refuse a review that came without TLS, where anyone could have changed it."""
    return logged(plain(404, "reviews are answered over TLS only"))


def unknown_path() -> Response:
    """Refuse a path without a good token, in words that do not repeat it: it may be nearly right."""
    return logged(plain(404, "Not Found: no such path"))


def logged(refusal: Response) -> Response:
    """Log a request that is not a review, because no audit line records it."""
    log.warning("refused a request with %d: %s", refusal.status, refusal.body.decode().rstrip())
    return refusal


def create_app(
    admission: PodAdmission,
    others: Mapping[str, Review] = _NO_OTHERS,
    unready: Unready | None = None,
) -> Flask:
    """Make the application; `others` are the webhooks besides the one for pods, by path.

    Without `unready`, readiness is that of the state alone.
    """
    app = Flask("headroom", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1  # Flask cuts a chunked body here without an error

    @app.post(VALIDATE)
    def validate_view() -> flask.Response:
        if not request.is_secure:
            return _response(without_tls())
        answer = answered(admission.review, request.content_type or "", request.args.get("timeout"), request.get_data())
        return _response(_settled(admission, answer) if isinstance(answer, PendingReview) else answer)

    def other_view(path: str) -> flask.Response:
        if not request.is_secure:
            return _response(without_tls())
        timeout = request.args.get("timeout")
        return _response(answered(others[path], request.content_type or "", timeout, request.get_data()))

    for path in others:
        app.add_url_rule(path, path, partial(other_view, path), methods=["POST"])

    @app.get(HEALTHZ)
    def healthz() -> flask.Response:
        return _response(plain(200, "ok"))

    @app.get(READYZ)
    def readyz() -> flask.Response:
        problem = (unready or admission.state.readiness.unready)()
        return _response(plain(200, "ok") if problem is None else plain(503, problem))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> flask.Response:
        if error.code == 413:
            return _response(logged(too_large()))
        text = f"{error.name}: {request.method} {quote(request.path)}"
        response = _response(logged(plain(error.code or 500, text)))
        if isinstance(error, MethodNotAllowed):
            response.allow.update(sorted(error.valid_methods or ()))
        return response

    return app


def _settled(admission: PodAdmission, waiting: PendingReview) -> Response:
    try:
        return waiting.answer.result(admission.patience(waiting))
    except TimeoutError:
        admission.give_up(waiting)
        return waiting.answer.result()


def _response(answer: Response) -> flask.Response:
    return flask.Response(answer.body, answer.status, answer.fields())

"""The Flask application of the reporting address: the REST API, the answers of pykles, probes and metrics.

It changes nothing and knows nobody: docs/rest.md says who can reach it, and the dispatcher what they may read
(access.py). What it shows is made in `core/reporting`, and its description (openapi.py) is made from the same types.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import flask
import msgspec
from flask import Flask, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from webhook.core.reporting import pykles
from webhook.core.reporting.collection import COLLECTIONS, Collection
from webhook.core.reporting.query import Query, QueryError, parse
from webhook.core.reporting.visibility import limited
from webhook.http.messages import Response, plain
from webhook.web import openapi
from webhook.web.access import Access
from webhook.web.answers import Answers, UnsyncedError
from webhook.web.exposition import exposition
from webhook.web.page import page
from webhook.web.page_rows import PageRows
from webhook.web.problems import problem, unknown_path
from webhook.web.questions import LONGEST_OF_ALL, QUESTIONS, add_questions
from webhook.web.routes import HEALTHZ, READYZ
from webhook.web.shelf import Encoded
from webhook.web.sources import Sources, UsageError

API: Final = openapi.API
EVENTS: Final = openapi.EVENTS
METRICS: Final = "/metrics"
POD_METRICS: Final = "/pod-metrics"
PROBES: Final = "/probes"
ACCESS: Final = "headroom.access"
"""The key of the environ for what the asker may read (`Access`); without one, everything."""
OPENAPI: Final = "/openapi.json"

Unready = Callable[[], str | None]
"""Says why reviews are not answered now; None when they are."""


def create_reporting_app(
    answers: Answers, sources: Sources, registry: CollectorRegistry, unready: Unready, unhealthy: Unready
) -> Flask:
    """Make the application; `unready` and `unhealthy` are about the reviews, which another event loop answers."""
    app = Flask("headroom-reporting", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_OF_ALL + 1
    app.url_map.strict_slashes = True
    _add_rows(app, answers, sources)
    _add_pykles(app, answers, sources)
    _add_probes(app, registry, unready, unhealthy)
    if sources.account is not None:
        add_questions(app, API, sources.account)
    app.register_blueprint(page(PageRows(sources), refusals=sources.refusals is not None))
    paths = sorted({str(rule) for rule in app.url_map.iter_rules()} | {OPENAPI})
    described = msgspec.json.encode(openapi.document(_collections(sources), QUESTIONS if sources.account else ()))
    app.add_url_rule(OPENAPI, OPENAPI, lambda: _response(Response(200, described)), methods=["GET"])
    _add_errors(app, paths)
    return app


def _collections(sources: Sources) -> list[Collection]:
    refusals = {"denials", "blocked"} if sources.refusals is None else set[str]()
    return [each for name, each in COLLECTIONS.items() if name not in refusals]


def _add_rows(app: Flask, answers: Answers, sources: Sources) -> None:
    def rows(collection: Collection) -> flask.Response:
        return _conditional(answers.rows(_limited(parse(collection, request.args.items(multi=True)))))

    def whole(make: Callable[[], Encoded]) -> flask.Response:
        _takes_nothing()
        return _conditional(make())

    for each in _collections(sources):
        app.add_url_rule(f"{API}/{each.name}", each.name, partial(rows, each), methods=["GET"])
    for name, make in (("commitment", answers.commitment), ("config", answers.config)):
        app.add_url_rule(f"{API}/{name}", name, partial(whole, make), methods=["GET"])

    @app.get(EVENTS)  # the dispatcher answers a good request for the stream itself
    def events() -> flask.Response:
        _takes_nothing()
        return _response(problem(400, "a stream is read with GET"))


def _add_pykles(app: Flask, answers: Answers, sources: Sources) -> None:
    @app.get("/")
    def as_pykles() -> flask.Response:
        return _conditional(answers.nodes_as_pykles())

    @app.get(POD_METRICS)
    def pod_metrics() -> flask.Response:
        try:
            shown = pykles.pod_metrics(sources.usage())
        except (UsageError, ValueError) as error:
            return _response(problem(503, f"it is not known what pods use: {error}", retry_after=10))
        return _response(Response(200, msgspec.json.encode(shown)))

    @app.get(PROBES)
    def probes() -> flask.Response:
        return _response(Response(200, msgspec.json.encode(pykles.Ready())))


def _add_probes(app: Flask, registry: CollectorRegistry, unready: Unready, unhealthy: Unready) -> None:
    def probe(ask: Unready) -> flask.Response:
        fault = ask()
        return _response(plain(200, "ok") if fault is None else plain(503, fault))

    app.add_url_rule(HEALTHZ, HEALTHZ, partial(probe, unhealthy), methods=["GET"])
    app.add_url_rule(READYZ, READYZ, partial(probe, unready), methods=["GET"])

    @app.get(METRICS)
    def metrics() -> flask.Response:
        return flask.Response(exposition(registry), content_type=CONTENT_TYPE_LATEST)


def _add_errors(app: Flask, paths: list[str]) -> None:
    @app.errorhandler(QueryError)
    def misread(error: QueryError) -> flask.Response:
        return _response(problem(400, str(error), error.parameter))

    @app.errorhandler(UnsyncedError)
    def early(error: UnsyncedError) -> flask.Response:
        return _response(problem(503, f"there is no account yet: {error}", retry_after=1))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> flask.Response:
        if error.code == 404:
            return _response(unknown_path(request.path, paths))
        if isinstance(error, MethodNotAllowed):
            response = _response(problem(405, f"{request.method} is not possible here: use {_or(error.valid_methods)}"))
            response.allow.update(sorted(error.valid_methods or ()))
            return response
        if (error.code or 500) >= 500:
            return _response(problem(500, "an unforeseen error, see Headroom's log"))
        return _response(problem(error.code or 400, error.description or "this is not a request that can be answered"))


def _or(methods: Iterable[str] | None) -> str:
    return " or ".join(sorted(set(methods or ()) - {"HEAD", "OPTIONS"})) or "GET"


def _limited(query: Query) -> Query:
    access = request.environ.get(ACCESS)
    if not isinstance(access, Access) or access.namespaces is None:
        return query
    return limited(query, access.namespaces)


def _takes_nothing() -> None:
    for name in request.args:
        raise QueryError(name, f"there is no parameter {name!r} here; there are none")


def _conditional(shown: Encoded) -> flask.Response:
    """Answer 304 if the client has it already (RFC 9110, 13.1.2; entity tags are compared weakly)."""
    matches = request.if_none_match
    if matches.contains_weak(shown.etag.removeprefix('W/"').removesuffix('"')):
        response = flask.Response(status=304)
        response.headers.remove("Content-Type")
    else:
        response = _response(Response(200, shown.body))
    response.headers["ETag"] = shown.etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def _response(answer: Response) -> flask.Response:
    fields = [*answer.fields(), ("X-Content-Type-Options", "nosniff")]
    return flask.Response(answer.body, answer.status, fields)

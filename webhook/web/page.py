"""The page: one page for people, made on the server from the same rows as REST. It needs nothing from another host.

The routes are a Flask blueprint, so the webhook's reporting port and `headroom ui` serve the same page.
"""

from collections.abc import Callable, Hashable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlencode

import flask
from flask import Blueprint, request
from markupsafe import Markup

from webhook.core.reporting.check_view import CheckView
from webhook.core.reporting.list_view import node_list
from webhook.core.reporting.page_parts import ListView
from webhook.core.reporting.page_query import Query, query_of
from webhook.core.reporting.view import PageView, Shown, page_view
from webhook.core.values.quantity import bytes_text
from webhook.web.page_check import Asked, asked
from webhook.web.shelf import Shelf

_MOST_KEPT: Final = 1 << 20  # characters of pages
_MOST_KEPT_ROWS: Final = 5_000
_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_MARKS: Final = {"calm": "●", "near": "▲", "over": "■", "unknown": "○"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Source(Protocol):
    """What the page shows comes from here; any thread may call."""

    def version(self) -> tuple[object, Hashable]:
        """Return the account that is shown now, which is the same object until it changes, and a mark of refusals."""

    def shown(self, query: Query) -> Shown:
        """Return the rows at this moment; `query` says which holders: by namespace, workload or pod, of which one."""

    def checked(self, asked: Asked) -> CheckView:
        """Return which pods of manifests would be admitted."""


def page(source: Source, *, refusals: bool = True) -> Blueprint:
    """Return the routes `/ui` and `/ui/static/…`; the stream of changes is that of REST.

    Without `refusals`, nobody knows who was refused, and the page says so. Pages that follow the changes fetch the same
    sections after each, so these are made once for all of them; what shows nodes, only after one of them has changed.
    """
    kept, of_nodes = Shelf[str](_MOST_KEPT, len), Shelf[Markup](_MOST_KEPT, len)
    lists = Shelf[ListView](_MOST_KEPT_ROWS, lambda made: len(made.rows) + 1)
    ui = Blueprint("ui", __name__, url_prefix="/ui", template_folder="templates")
    files = {file.name: _File(file.read_bytes(), _TYPES[file.suffix]) for file in _STATIC.iterdir()}
    ui.add_app_template_filter(bytes_text, "amount")
    ui.add_app_template_filter(_clock, "clock")
    ui.add_app_template_filter(lambda path: f"try.{path}", "trying")

    @ui.get("", strict_slashes=False)
    def lead() -> flask.Response:
        """Lead to the page by a relative address, which also holds behind the API server's proxy."""
        return flask.Response(status=308, headers={"Location": "ui/"})

    def made(template: str, query: Query, wanted: Asked, checked: CheckView | None = None) -> str:
        shown = source.shown(query)
        nodes = shown.nodes
        asked_nodes = (query.nodes_q, query.nodes_sort, query.nodes_page)  # a whole query can be long
        view = page_view(shown, query, lists.get(nodes, asked_nodes, lambda: node_list(nodes, query)))
        context = _context(view) | {
            "refusals": refusals,
            "asked": wanted,
            "checked": checked,
            "nodes_as_before": lambda caller: of_nodes.get(nodes, query, caller),
        }
        return flask.render_template(template, **context)

    @ui.get("/")
    def show() -> flask.Response:
        query = query_of(request.args.items(multi=True))
        template = "sections.html" if request.headers.get("X-Headroom-Part") == "sections" else "page.html"
        account, refused = source.version()
        return _html(kept.get(account, (template, query, refused), lambda: made(template, query, Asked())))

    @ui.post("/")
    def check() -> flask.Response:
        wanted = asked(request)
        checked = source.checked(wanted)
        if request.headers.get("X-Headroom-Part") == "check":
            return _html(flask.render_template("check.html", checked=checked))
        return _html(made("page.html", query_of(request.args.items(multi=True)), wanted, checked))

    @ui.get("/static/<name>")
    def static(name: str) -> flask.Response:
        if name not in files:
            flask.abort(404)
        response = flask.Response(files[name].content, content_type=files[name].content_type)
        response.set_etag(files[name].tag)
        response.headers["Cache-Control"] = "no-cache"  # a new version is seen at once; an old one costs a 304
        response.make_conditional(request)
        return response

    return ui


class _File(NamedTuple):
    """A file of the page, kept in memory."""

    content: bytes
    content_type: str

    @property
    def tag(self) -> str:
        return sha256(self.content).hexdigest()[:16]


def _html(text: str) -> flask.Response:
    response = flask.Response(text, content_type="text/html; charset=utf-8")
    response.headers.update(_headers())
    return response


def _headers() -> Mapping[str, str]:
    return {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Vary": "X-Headroom-Part",
    }


def _context(view: PageView) -> dict[str, object]:
    return {
        "view": view,
        "mark": _MARKS[view.tone],
        "link": _linker(view.query),
        "hidden": lambda left_out: [(k, v) for k, v in view.query.parameters() if k not in left_out],
    }


def _linker(query: Query) -> Callable[..., str]:
    def link(**changed: object) -> str:
        parameters = query.parameters(**changed)
        return f"?{urlencode(parameters)}"

    return link


def _clock(moment: str) -> str:
    """Return the time of day of an RFC 3339 time; the date is in the element's `datetime`."""
    return moment[11:19]

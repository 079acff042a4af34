"""The web application: a home page, a mouth, a way to let go, and the probes."""

import os
import time
from collections.abc import Callable, Mapping

from flask import Flask, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as WerkzeugResponse

from demo.replica import Replica
from demo.settings import SettingError, hold_seconds, parse, whole_number
from demo.status import Status, mebibytes


def create_app(environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic) -> Flask:
    """Build the application from a mapping of settings and a clock (seconds).

    Raises `SettingError` where a setting cannot be used.
    """
    replica = Replica.of(parse(environment), clock)
    app = Flask(__name__)
    app.add_template_filter(mebibytes)
    _add_probes(app)
    _add_pages(app, replica)
    app.register_error_handler(SettingError, _refused)
    app.after_request(_as_of_now)
    return app


def _add_probes(app: Flask) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return Response("alive\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        return Response("ready\n", mimetype="text/plain")


def _add_pages(app: Flask, replica: Replica) -> None:
    @app.get("/")
    def home() -> Response | str:
        now = replica.status()
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(now.as_json())
        return render_template("home.html", status=now)

    # GET eats as well, so that an address typed into a browser or given to curl is enough to feed it.
    @app.route("/hungry", methods=["GET", "POST"])
    def hungry() -> WerkzeugResponse:
        eaten = replica.eat(*_order(replica))
        return _told("eatenBytes", eaten, replica.status())

    @app.post("/release")
    def release() -> WerkzeugResponse:
        released = replica.release()
        return _told("releasedBytes", released, replica.status())


def _told(name: str, changed_bytes: int, now: Status) -> WerkzeugResponse:
    """Answer programs with JSON, and lead people back to the page."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return redirect("/", code=303)
    return jsonify({name: changed_bytes} | now.as_json())


def _order(replica: Replica) -> tuple[int, float]:
    seconds = request.args.get("seconds")
    return (
        whole_number(request.args.get("steps", "1"), "steps", 1, replica.monster.most_steps),
        replica.settings.hold_seconds if seconds is None else hold_seconds(seconds, "seconds"),
    )


def _refused(error: Exception) -> tuple[Response, int]:
    return jsonify({"error": str(error)}), 400


def _as_of_now(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    # The page needs nothing but its own style and its own buttons.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    )
    return response

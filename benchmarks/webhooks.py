"""`python -m benchmarks.webhooks KIND`: webhooks in Python that do nothing, or what naive ones do.

flask-gthread  Flask under gunicorn's threads
flask          the same application on Headroom's own server
bytes          bytes to bytes on Headroom's own server
lists          Flask under gunicorn's threads; lists all pods with the official client at each review, and adds up
"""

import argparse
import gc
import ssl
from collections.abc import Callable
from typing import Any, cast

import flask
import msgspec
from flask import Flask, jsonify, request
from gunicorn.app.base import BaseApplication
from kubernetes import client, config

from webhook.admission.pods import PodAdmission
from webhook.http import worker as replica
from webhook.http.messages import Request, Response
from webhook.http.wsgi import Origin, call
from webhook.web.dispatcher import Dispatcher


class _Asked(msgspec.Struct):
    uid: str


class _Review(msgspec.Struct):
    request: _Asked


_decode = msgspec.json.Decoder(_Review).decode


class Inert:
    """Allows every request without any knowledge."""

    def review(self, body: bytes, _: float) -> Response:
        """Allow the request, with the uid that it has."""
        uid = msgspec.json.encode(_decode(body).request.uid)
        start = b'{"response":{"uid":' + uid
        return Response(200, start + b',"allowed":true},"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}')


class FlaskDoor(Dispatcher):
    """Hands reviews to Flask as well, directly on the event loop."""

    def handle(self, request: Request, origin: Origin) -> Response:
        """Answer at once."""
        return call(self._app, request, origin)


class Threads(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with one process and several threads."""

    def __init__(self, app: Flask, flags: argparse.Namespace) -> None:
        self._app, self._flags = app, flags
        super().__init__()

    def load_config(self) -> None:
        """Set what `gunicorn` would read from its command line."""
        settings: dict[str, Any] = {
            "bind": self._flags.listen,
            "worker_class": "gthread",
            "threads": self._flags.threads,
            "certfile": self._flags.tls_cert_file,
            "keyfile": self._flags.tls_key_file,
            "keepalive": 120,
            "timeout": 0,  # no limit: a rival that is stopped until its turn sends no heartbeat, and must not be killed
            "worker_connections": 2000,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application."""
        return self._app


def inert_app(look: Callable[[], object] = lambda: None) -> Flask:
    """Make a Flask application that allows every request, after a call of `look`."""
    app = Flask("nothing", static_folder=None)

    @app.post("/validate")
    def validate() -> flask.Response:
        look()
        answer = {"uid": request.get_json()["request"]["uid"], "allowed": True}
        return jsonify(apiVersion="admission.k8s.io/v1", kind="AdmissionReview", response=answer)

    @app.get("/readyz")
    def readyz() -> str:
        return "ok"

    return app


def cluster_lister(kubeconfig: str) -> Callable[[], object]:
    """Return what a webhook without a ledger does: read all pods, and add up their requests."""
    config.load_kube_config(kubeconfig)  # type: ignore[no-untyped-call]  # the package is not typed throughout
    api = client.CoreV1Api()

    def look() -> object:
        pods: list[Any] = api.list_pod_for_all_namespaces().items
        requests = ((each.resources.requests or {}) for pod in pods for each in pod.spec.containers)
        return sum(int(each.get("memory", "0Mi").removesuffix("Mi")) for each in requests)

    return look


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("flask-gthread", "flask", "bytes", "lists"))
    for flag in ("--listen", "--tls-cert-file", "--tls-key-file"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--kubeconfig")
    flags = parser.parse_args()
    if flags.kind == "flask-gthread":
        Threads(inert_app(), flags).run()
    elif flags.kind == "lists":
        Threads(inert_app(cluster_lister(flags.kubeconfig)), flags).run()
    else:
        door = (FlaskDoor if flags.kind == "flask" else Dispatcher)(cast("PodAdmission", Inert()), inert_app())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(flags.tls_cert_file, flags.tls_key_file)
        gc.freeze()
        replica.serve(door, context, flags.listen)


if __name__ == "__main__":
    main()

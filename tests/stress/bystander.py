"""Another admission webhook that the API server calls besides Headroom: it is slow at times, and may refuse.

Because of it, a pod that Headroom admitted is created late or never.
"""

import base64
import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devcluster import gate
from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.components import LOOPBACK
from devcluster.processes import until
from devcluster.replicas import issue_certificates
from tests.stress.clients import pod
from tests.stress.wire import Object

NAME = "bystander"
REFUSAL = "the bystander is not in the mood"
SLOWEST_SECONDS = 4.0
TIMEOUT_SECONDS = 6
chance = random.SystemRandom()

Mood = Callable[[], tuple[float, bool]]
"""Returns how many seconds to wait before the answer to a create, and whether the answer allows it."""


def moody() -> tuple[float, bool]:
    """Allow a third at once, allow a third late, and refuse a third late."""
    mood = chance.randrange(3)
    return chance.uniform(0, SLOWEST_SECONDS) if mood else 0.0, mood < 2


def refusing() -> tuple[float, bool]:
    """Refuse everything at once."""
    return 0.0, False


def late() -> tuple[float, bool]:
    """Allow everything after 2 s."""
    return 2.0, True


class Bystander(ThreadingHTTPServer):
    """The webhook's server; `refused` has the uid of each review that it refused, and any thread may read it."""

    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False
    asked = False

    def __init__(self, mood: Mood) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.mood = mood
        self.refused: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bystander

    def do_POST(self) -> None:
        """Answer as the mood says; a dry run is allowed at once."""
        self.server.asked = True
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        seconds, allowed = (0.0, True) if request.get("dryRun") else self.server.mood()
        time.sleep(seconds)
        if not allowed:
            self.server.refused.append(request["uid"])
        answer = {"uid": request["uid"], "allowed": allowed, "status": {"code": 403, "message": REFUSAL}}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def standing_by(
    cluster: Cluster, folder: Path, namespace: str, mood: Mood = moody, *, resizes: bool = False
) -> Iterator[Bystander]:
    """Register the webhook for creates of pods in one namespace, and with `resizes` also for their resizes."""
    issue_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server = Bystander(mood)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, name=NAME, daemon=True).start()
    try:
        cluster.api.create(gate.CONFIGURATIONS, _manifest(server, folder / "ca.crt", namespace, resizes))
        until(lambda: _try(cluster, namespace) and server.asked, "the bystander's first review", 60)
        yield server
    finally:
        cluster.api.delete(f"{gate.CONFIGURATIONS}/{NAME}")
        server.shutdown()
        server.server_close()


def _try(cluster: Cluster, namespace: str) -> bool:
    try:
        cluster.api.create(f"/api/v1/namespaces/{namespace}/pods", pod("for-show", 0), dryRun="All")
    except ApiError:  # a busy machine may take so long that the API server gives up
        return False
    return True


def _manifest(server: Bystander, ca_file: Path, namespace: str, resizes: bool) -> Object:
    asked = [("CREATE", "pods"), *([("UPDATE", "pods/resize")] if resizes else [])]
    bundle = base64.b64encode(ca_file.read_bytes()).decode()
    webhook = {
        "name": f"{NAME}.headroom.internal",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": f"https://{LOOPBACK}:{server.server_address[1]}/", "caBundle": bundle},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource]}
            for operation, resource in asked
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "timeoutSeconds": TIMEOUT_SECONDS,
        "sideEffects": "None",
        # It is on a busy machine itself: one that refuses nothing must not do so by being late.
        "failurePolicy": "Ignore" if server.mood is late else "Fail",
    }
    return {"metadata": {"name": NAME}, "webhooks": [webhook]}

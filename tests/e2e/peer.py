"""A peer that talks to Headroom's port directly: as the API server does, or as no client should."""

import json
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from http.client import HTTPResponse, HTTPSConnection
from typing import NamedTuple

from devcluster.api import Object
from devcluster.replica import Replica
from devcluster.replicas import Replicas

JSON = {"Content-Type": "application/json"}


class Reply(NamedTuple):
    """A response."""

    status: int
    text: str

    @property
    def response(self) -> Object:
        """The AdmissionResponse in it."""
        response: Object = json.loads(self.text)["response"]
        return response


class Peer:
    """Opens a new connection for each request, and trusts only the authority that issued Headroom's certificate.

    It talks to one replica, by default the first.
    """

    def __init__(self, replicas: Replicas, replica: Replica | None = None) -> None:
        self._host, self._port = "127.0.0.1", (replica or replicas[0]).port
        self._context = ssl.create_default_context(cafile=replicas.ca_file)

    def review(self, **request: object) -> Reply:
        """Send an AdmissionReview; `request` is as for the function `review`."""
        return self.send(json.dumps(review(**request)).encode())

    def send(
        self, body: bytes | Iterable[bytes], headers: dict[str, str] | None = None, path: str = "/validate?timeout=5s"
    ) -> Reply:
        """POST a body; an iterable of pieces is sent chunked."""
        connection = HTTPSConnection(self._host, self._port, context=self._context, timeout=60)
        try:
            chunked = not isinstance(body, bytes)
            connection.request("POST", path, body, headers if headers is not None else JSON, encode_chunked=chunked)
            return _reply(connection.getresponse())
        finally:
            connection.close()

    def say(self, *pieces: bytes) -> Reply:
        """Send these bytes, valid HTTP or not, and read the response, even if the server stops reading early."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                pieces = ()  # the server reads no more; its response must be readable nevertheless
            response = HTTPResponse(connection)
            response.begin()
            return _reply(response)

    def connect(self) -> ssl.SSLSocket:
        """Open a TLS connection; the server's certificate is verified."""
        bare = socket.create_connection((self._host, self._port), timeout=60)
        return self._context.wrap_socket(bare, server_hostname=self._host)

    def certificate(self) -> bytes:
        """Return the certificate that the server shows to a new connection, as DER."""
        with self.connect() as connection:
            return connection.getpeercert(binary_form=True) or b""


def review(**request: object) -> Object:
    """Make an AdmissionReview of a pod's creation; `request` replaces fields of its request.

    As from the API server, the pod's creationTimestamp says when the request began; Headroom's deadline depends on it.
    """
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = {
        "uid": "00000000-0000-0000-0000-000000000001",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "straight",
        "name": "web",
        "dryRun": True,
        "object": {
            "metadata": {"name": "web", "creationTimestamp": created},
            "spec": {"containers": [{"name": "main"}]},
        },
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked | request}


def _reply(response: HTTPResponse) -> Reply:
    return Reply(response.status, response.read().decode())

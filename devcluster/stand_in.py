"""`python stand_in.py`: a stand-in for `headroom serve` that takes its flags and allows every pod.

It is for tests of the code that starts and registers replicas, without Headroom itself.
"""

import argparse
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Allows every POST. Answers GET with 200, or 503 while the file `not-ready-PORT` is beside the certificate."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        """Answer a readiness probe."""
        port = self.connection.getsockname()[1]
        self._answer(503 if (self.folder / f"not-ready-{port}").exists() else 200, f"{port}".encode())

    def do_POST(self) -> None:
        """Allow the pod."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        review["response"] = {"uid": review.pop("request")["uid"], "allowed": True}
        self._answer(200, json.dumps(review).encode())

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    for flag in ("--listen", "--tls-cert-file", "--tls-key-file"):
        parser.add_argument(flag, required=True)
    flags, _ = parser.parse_known_args()
    host, _, port = flags.listen.rpartition(":")
    Handler.folder = Path(flags.tls_cert_file).parent
    server = ThreadingHTTPServer((host, int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(flags.tls_cert_file, flags.tls_key_file)
    # Each connection's thread does its handshake, so that a peer that stalls does not delay the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()

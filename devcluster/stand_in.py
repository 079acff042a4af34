"""`python stand_in.py`: takes the flags of `headroom serve`, lets every pod in, and counts what it was asked.

For tests of what starts and registers replicas, apart from Headroom itself.
"""

import argparse
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """GET /readyz answers 200, and 503 while the file `not-ready-PORT` lies beside the certificate; POST allows."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        """Readiness."""
        port = self.connection.getsockname()[1]
        self._answer(503 if (self.folder / f"not-ready-{port}").exists() else 200, f"{port}".encode())

    def do_POST(self) -> None:
        """Let the pod in."""
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
    # The handshake belongs to the thread of the connection: a peer that stalls must not hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()

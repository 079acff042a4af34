"""A stand-in for the reporting port: it answers what it has recorded, and makes nothing.

Readers of it take as much of the machine as readers of Headroom, and nothing of Headroom.
`python -m benchmarks.stand_in` reads lines of a path and a file with its body, and prints the address.
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

EVENTS = "/api/v1/events"
_EVENT = b'event: changed\ndata: {"revision":71,"commitment":"W/\\"0c9\\"","refusals":3}\n\n'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """Answer with the recorded body, or with an event a second."""
        if self.path == EVENTS:
            self._follow()
            return
        body = self.bodies[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _follow(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(_EVENT)
                time.sleep(1.0)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def main() -> None:
    """Serve until standard input ends."""
    lines = iter(sys.stdin.readline, "\n")
    _Handler.bodies = {path: Path(file).read_bytes() for path, file in (line.split() for line in lines)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""One replica of Headroom on loopback: a process that is started, checked for readiness and ended as in Kubernetes."""

import ssl
import warnings
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

from devcluster.components import LOOPBACK
from devcluster.journal import Journal
from devcluster.ports import free_port
from devcluster.processes import Program

READY_SECONDS = 180.0


class Replica:
    """One `headroom serve`. It keeps its ports when it restarts, so the balancer finds it again."""

    def __init__(self, number: int, work: Path, serve: Sequence[str | Path], journal: Journal | None) -> None:
        self.number = number
        self.port, self.metrics_port = free_port(), free_port()
        self.log = work / f"headroom-{number}.log"
        self.audit_file = work / f"audit-{number}.jsonl"
        self._pid_file = work / f"headroom-{number}.pid"
        self._url_file = work / f"headroom-{number}.url"
        self._serve, self._journal = serve, journal
        self._program: Program | None = None

    @property
    def url(self) -> str:
        """The URL at which it answers reviews."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """The URL below which it answers /metrics, over plain HTTP."""
        return f"http://{LOOPBACK}:{self.metrics_port}"

    @property
    def program(self) -> Program:
        """Its process: pid, pause(), resume(), kill()."""
        if self._program is None:
            raise RuntimeError(f"replica {self.number} does not run: call start() first")
        return self._program

    def start(self) -> None:
        """Start or restart it; `wait` returns once it is ready."""
        own = ["--listen", f"{LOOPBACK}:{self.port}", "--metrics-listen", f"{LOOPBACK}:{self.metrics_port}"]
        command = [*self._serve, *own, "--audit-file", self.audit_file]
        self._program = Program(f"headroom-{self.number}", command, self.log, journal=self._journal)
        self._pid_file.write_text(f"{self._program.pid}\n")
        self._url_file.write_text(f"{self.url}\n{self.metrics_url}\n")

    def serve_by(self, serve: Sequence[str | Path]) -> None:
        """Run it by another command line, with the same addresses, from its next start on."""
        self._serve = serve

    def wait(self) -> None:
        """Return once it is ready; the message of a NotReadyError has the end of its log."""
        what = f"replica {self.number} of Headroom, which was to become ready,"
        self.program.until(lambda: ready(self.url), what, READY_SECONDS)

    def stop(self) -> None:
        """End it as Kubernetes does, with SIGTERM first."""
        if self._program is not None:
            self._program.stop()
            self._program = None
            self._pid_file.unlink(missing_ok=True)


def ready(url: str) -> bool:
    """Whether /readyz below `url` answers 200 now, over a new connection; the certificate is not verified."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = url.removeprefix("https://")
    with warnings.catch_warnings(), closing(HTTPSConnection(address, context=context, timeout=10.0)) as connection:
        # Python's ssl does not close a socket that the peer resets before the handshake.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False

"""One replica of Headroom on loopback: one process, started, judged ready and ended as Kubernetes would."""

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
    """One `headroom serve`. It keeps its ports over restarts, and so its place behind the balancer."""

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
        """Where it answers reviews."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Where it answers /metrics, over plain HTTP."""
        return f"http://{LOOPBACK}:{self.metrics_port}"

    @property
    def program(self) -> Program:
        """Its process: pid, pause(), resume(), kill()."""
        if self._program is None:
            raise RuntimeError(f"replica {self.number} does not run: call start() first")
        return self._program

    def start(self) -> None:
        """Start it (again); `wait` returns once it can judge."""
        own = ["--listen", f"{LOOPBACK}:{self.port}", "--metrics-listen", f"{LOOPBACK}:{self.metrics_port}"]
        command = [*self._serve, *own, "--audit-file", self.audit_file]
        self._program = Program(f"headroom-{self.number}", command, self.log, journal=self._journal)
        self._pid_file.write_text(f"{self._program.pid}\n")
        self._url_file.write_text(f"{self.url}\n{self.metrics_url}\n")

    def wait(self) -> None:
        """Return once it is ready; an error has the end of its log."""
        what = f"replica {self.number} of Headroom, which was to become ready,"
        self.program.until(lambda: ready(self.url), what, READY_SECONDS)

    def stop(self) -> None:
        """End it as Kubernetes would, with SIGTERM first."""
        if self._program is not None:
            self._program.stop()
            self._program = None
            self._pid_file.unlink(missing_ok=True)


def ready(url: str) -> bool:
    """Whether /readyz below `url` answers 200 now, over a connection of its own, whoever signed the certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = url.removeprefix("https://")
    with warnings.catch_warnings(), closing(HTTPSConnection(address, context=context, timeout=10.0)) as connection:
        # Python's ssl forgets to close a socket whose peer resets it before the handshake.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False

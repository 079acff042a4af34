"""Rivals: the webhooks that answer the API server's reviews.

All rivals of a chapter are started, but only the one whose turn it is runs: the others are stopped with SIGSTOP. So
they cost nothing, and a change of turn takes milliseconds. That allows many short turns, and a disturbance of the
machine affects all rivals alike.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.usage import cpu_seconds
from devcluster.binaries import binary
from devcluster.components import LOOPBACK
from devcluster.ports import free_port
from devcluster.processes import Program, until
from devcluster.replica import Replica, ready
from devcluster.replicas import headroom_serve

START_SECONDS = 180.0  # with 150,000 pods, on a machine that does other things as well
QUIET_SECONDS = 0.05
Command = Sequence[str | Path]


class Rival(Protocol):
    """Something to measure.

    Without a `url`, the API server calls no webhook. A rival that `watches` must run while the cluster changes much:
    otherwise the API server ends its watch, and the rival has to list everything again.
    """

    name: str
    url: str | None
    watches: bool

    @property
    def pids(self) -> list[int]:
        """The processes that answer, or the leaders of their sessions."""

    def start(self) -> None:
        """Start the rival, and wait until it answers."""

    def pause(self) -> None:
        """End its turn."""

    def resume(self) -> None:
        """Begin its turn: wait until it answers again."""

    def stop(self) -> None:
        """End the rival, with all its processes."""


class Files(NamedTuple):
    """The files that servers need: a folder for logs, a certificate, a kubeconfig."""

    work: Path
    cert_file: Path
    key_file: Path
    ca_file: Path
    kubeconfig: Path

    @property
    def tls_flags(self) -> Command:
        """Return the flags for the certificate, which all our servers accept."""
        return "--tls-cert-file", self.cert_file, "--tls-key-file", self.key_file


class Nobody:
    """No webhook: this measures the API server alone, with what the namespace may contain, such as a quota."""

    watches = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.url: str | None = None
        self.pids: list[int] = []

    def start(self) -> None:
        """Do nothing: there is nothing to start."""

    pause = resume = stop = start


class Server:
    """One program that answers reviews at one address."""

    watches = False

    def __init__(self, name: str, files: Files, command: Command, extra: Command = ()) -> None:
        self.name = name
        self._log = files.work / f"{name}.log"
        address = f"{LOOPBACK}:{free_port()}"
        self.url: str | None = f"https://{address}"
        self._command = [*command, "--listen", address, *files.tls_flags, *extra]
        self._program: Program | None = None

    @property
    def pids(self) -> list[int]:
        """Its process."""
        return [self.program.pid]

    @property
    def program(self) -> Program:
        """What runs."""
        if self._program is None:
            raise RuntimeError(f"{self.name} does not run: call start() first")
        return self._program

    def start(self) -> None:
        """Return once it answers."""
        self._program = Program(self.name, self._command, self._log)
        self.program.until(partial(ready, self.url or ""), f"the start of {self.name}", START_SECONDS)

    def pause(self) -> None:
        """End its turn."""
        self.program.pause()

    def resume(self) -> None:
        """Begin its turn."""
        self.program.resume()

    def stop(self) -> None:
        """Kill the server at once: its last output is not needed."""
        if self._program is not None:
            self._program.kill()
            self._program = None


class Fresh(Server):
    """A server that is started again for each turn, because it never finishes the requests of the last one."""

    def start(self) -> None:
        """Do nothing: the server runs only during its turns."""

    def resume(self) -> None:
        """Begin its turn."""
        super().start()

    def pause(self) -> None:
        """End its turn."""
        self.stop()


class Headroom:
    """One replica, or several that share a port as they share a Service."""

    watches = True

    def __init__(self, name: str, files: Files, count: int = 1, extra: Command = ()) -> None:
        self.name = name
        work = files.work / name
        work.mkdir(parents=True, exist_ok=True)
        program = headroom_serve() if count == 1 else [sys.executable, "-m", "benchmarks.one_port", "serve"]
        serve = [*program, *files.tls_flags, "--kubeconfig", files.kubeconfig, *extra]
        self.replicas = [Replica(number, work, serve, None) for number in range(1, count + 1)]
        for each in self.replicas:
            each.port = self.replicas[0].port
        self.url: str | None = self.replicas[0].url

    @property
    def pids(self) -> list[int]:
        """The replicas' processes."""
        return [each.program.pid for each in self.replicas]

    def start(self) -> None:
        """Start all replicas, and wait until each of them can judge."""
        for each in self.replicas:
            each.start()
        self._await_all()

    def pause(self) -> None:
        """End its turn."""
        for each in self.replicas:
            each.program.pause()

    def resume(self) -> None:
        """Begin its turn: wait until it has processed everything that happened in the meantime."""
        for each in self.replicas:
            each.program.resume()
        self._await_all()
        until(self._is_quiet, f"{self.name} with nothing left to do", START_SECONDS)

    def stop(self) -> None:
        """Kill all replicas."""
        for each in self.replicas:
            each.program.kill()

    def _await_all(self) -> None:
        for each in self.replicas:
            what = f"replica {each.number} of {self.name} that can judge"
            each.program.until(partial(_judges, each), what, START_SECONDS)

    def _is_quiet(self) -> bool:
        before = cpu_seconds(self.pids)
        time.sleep(QUIET_SECONDS)
        return cpu_seconds(self.pids) - before < QUIET_SECONDS / 10 * len(self.pids)


def _judges(replica: Replica) -> bool:
    """Say whether this replica can judge now."""
    address = replica.metrics_url.removeprefix("http://")
    with closing(HTTPConnection(address, timeout=2.0)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def go_nothing(files: Files) -> Server:
    """Make a Go webhook that does nothing."""
    return Server("go", files, [binary("nothing")])


def python_webhook(name: str, kind: str, files: Files, threads: int = 16) -> Server:
    """Make one of the webhooks of `webhooks.py`."""
    command = [sys.executable, "-m", "benchmarks.webhooks", kind]
    make = Fresh if kind == "lists" else Server
    return make(name, files, command, ["--threads", str(threads), "--kubeconfig", str(files.kubeconfig)])

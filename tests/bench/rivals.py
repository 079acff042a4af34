"""Rivals: what answers the API server's reviews. Only the one that is measured runs; each keeps its port."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.cluster.binaries import binary
from tests.cluster.components import LOOPBACK
from tests.cluster.ports import free_port
from tests.cluster.processes import Program
from tests.cluster.replica import Replica, ready
from tests.cluster.replicas import headroom_serve

START_SECONDS = 30.0
Command = Sequence[str | Path]


class Rival(Protocol):
    """Something to measure; without a `url` nobody is asked."""

    name: str
    url: str | None

    def start(self) -> None:
        """Return once it answers."""

    def stop(self) -> None:
        """End it, with all its processes."""

    @property
    def pids(self) -> list[int]:
        """The processes that answer, or lead those that do."""


class Files(NamedTuple):
    """What servers need on disk: a folder for their logs, a certificate, a way to the cluster."""

    work: Path
    cert_file: Path
    key_file: Path
    ca_file: Path
    kubeconfig: Path

    @property
    def tls_flags(self) -> Command:
        """As all our servers take them."""
        return "--tls-cert-file", self.cert_file, "--tls-key-file", self.key_file


class Nobody:
    """No webhook: what is measured is the API server, with whatever else its namespace holds (a quota)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url: str | None = None
        self.pids: list[int] = []

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> None:
        """There is nothing to stop."""


class Server:
    """One program that answers reviews at one address."""

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
        return [self._program.pid] if self._program else []

    def start(self) -> None:
        """Return once it answers."""
        self._program = Program(self.name, self._command, self._log)
        self._program.until(partial(ready, self.url or ""), f"the start of {self.name}", START_SECONDS)

    def stop(self) -> None:
        """End it as fast as can be: what it still had to say is of no interest."""
        if self._program is not None:
            self._program.kill()
            self._program = None


class Headroom:
    """One replica or several, those behind a balancer as behind a Service."""

    def __init__(self, name: str, files: Files, count: int = 1, extra: Command = ()) -> None:
        self.name = name
        work = files.work / name
        work.mkdir(parents=True, exist_ok=True)
        serve = [*headroom_serve(), *files.tls_flags, "--kubeconfig", files.kubeconfig, *extra]
        self.replicas = [Replica(number, work, serve, None) for number in range(1, count + 1)]
        backends = [part for each in self.replicas for part in ("--backend", f"{LOOPBACK}:{each.port}")]
        self._balancer = Server(f"{name}-balancer", files, ()) if count > 1 else None
        if self._balancer is not None:
            address = (self._balancer.url or "").removeprefix("https://")
            self._balancer._command = [binary("balancer"), "--listen", address, *backends]
        self.url = self._balancer.url if self._balancer else self.replicas[0].url

    @property
    def pids(self) -> list[int]:
        """The replicas' processes."""
        return [each.program.pid for each in self.replicas]

    def start(self) -> None:
        """Return once all replicas can judge."""
        for each in self.replicas:
            each.start()
        for each in self.replicas:
            each.wait()
        if self._balancer is not None:
            self._balancer.start()

    def stop(self) -> None:
        """End them as Kubernetes would."""
        if self._balancer is not None:
            self._balancer.stop()
        for each in self.replicas:
            each.stop()


def go_nothing(files: Files) -> Server:
    """A Go webhook that does nothing."""
    return Server("go", files, [binary("nothing")])


def python_webhook(name: str, kind: str, files: Files, threads: int = 16) -> Server:
    """One of `webhooks.py`."""
    command = [sys.executable, "-m", "tests.bench.webhooks", kind]
    return Server(name, files, command, ["--threads", str(threads), "--kubeconfig", str(files.kubeconfig)])

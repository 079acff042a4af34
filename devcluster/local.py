"""The cluster of `make up`: it runs in the background, with its state in .local/ of the checkout, until `make down`."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster import gate, nodes
from devcluster.binaries import NEWEST
from devcluster.cluster import Cluster, existing_cluster
from devcluster.controlplane import ControlPlane
from devcluster.journal import Journal
from devcluster.processes import Identity, tail
from devcluster.replicas import Replicas

STATE = Path(__file__).parents[1] / ".local"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `make up`."""

    nodes: int = 3
    node_memory: str = "8Gi"
    node_cpu: str = "4"
    replicas: int = 1
    controllers: bool = True
    kubernetes: str = NEWEST.minor

    def __str__(self) -> str:
        """Write them as on the command line of make."""
        values = asdict(self) | {"controllers": int(self.controllers)}
        return " ".join(f"{name.upper()}={value}" for name, value in values.items())


class RefusedError(RuntimeError):
    """What runs now does not allow this; the message says what to do first."""


@dataclass(frozen=True, slots=True)
class Local:
    """The programs of one state folder: control plane, nodes and Headroom, or only Headroom for an existing cluster."""

    state: Path = STATE

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def journal(self) -> Journal:
        """The record of the programs that were started."""
        return Journal(self.state / "programs")

    def up(self, settings: Settings) -> bool:
        """Start everything; return False if it runs already with these settings.

        Raises RefusedError if it runs with other settings, or if only some of its programs run.
        """
        if self.programs():
            self._check_same(settings)
            return False
        self.down()  # removes what an earlier run left, for example before a restart of the machine
        self.state.mkdir(parents=True, exist_ok=True)
        self._settings_file.write_text(json.dumps(asdict(settings)))
        try:
            self._start(settings)
        except BaseException:
            self.journal.end()
            raise
        return True

    def down(self) -> list[Identity]:
        """End the programs that run and delete the state folder; return the programs."""
        if self.kubeconfig.is_symlink() and self.programs():
            gate.open_again(Cluster(self.kubeconfig))  # an existing cluster stays, and must not go on asking Headroom
        ended = self.journal.end()
        shutil.rmtree(self.state, ignore_errors=True)
        return ended

    def programs(self) -> list[Identity]:
        """All programs that were started, if any of them still runs; else none."""
        started = self.journal.read()
        return started if any(program.alive() for program in started) else []

    def settings(self) -> Settings:
        """The settings with which it was started."""
        return Settings(**json.loads(self._settings_file.read_text()))

    def addresses(self, replica: str) -> list[str]:
        """The URL at which that replica answers reviews, and the one for metrics."""
        return (self.state / f"{replica}.url").read_text().split()

    def reporting_url(self) -> str:
        """The URL of the first replica's reports; it also stands in the file reporting-url of the state folder."""
        return self._reporting_file.read_text().strip()

    @property
    def _reporting_file(self) -> Path:
        return self.state / "reporting-url"

    @property
    def _settings_file(self) -> Path:
        return self.state / "settings.json"

    def _start(self, settings: Settings) -> None:
        cluster = existing_cluster()
        if cluster is None:
            plane = ControlPlane(self.state, controllers=settings.controllers, journal=self.journal)
            plane.start()
            shape = nodes.Shape(memory=settings.node_memory, cpu=settings.node_cpu)
            nodes.add(plane, settings.nodes, shape)
            cluster = plane
        else:
            self.kubeconfig.symlink_to(cluster.kubeconfig.resolve())
        replicas = Replicas(cluster, self.state, settings.replicas, journal=self.journal)
        replicas.start()
        self._reporting_file.write_text(f"{replicas[0].metrics_url}\n")

    def _check_same(self, settings: Settings) -> None:
        dead = [program.name for program in self.programs() if not program.alive()]
        if dead:
            log = self.state / f"{dead[0]}.log"
            raise RefusedError(
                f"it is up, but without {', '.join(dead)}: run `make down` first. {log} ends:\n{tail(log)}"
            )
        if settings != self.settings():
            raise RefusedError(f"it is up already, with {self.settings()}: run `make down` first to have {settings}")

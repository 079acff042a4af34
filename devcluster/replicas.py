"""Replicas of Headroom on loopback: each is one process that has only the rights of its service account."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from devcluster import gate
from devcluster.binaries import binary
from devcluster.cluster import Cluster
from devcluster.components import LOOPBACK
from devcluster.journal import Journal
from devcluster.ports import free_port
from devcluster.processes import Program
from devcluster.replica import READY_SECONDS, Replica, ready

CHECKOUT = Path(__file__).parents[1]
NAMESPACE = "headroom-system"
ACCOUNT = "headroom"


class Replicas:
    """`count` replicas, registered with the cluster's API server; several are behind a balancer, in place of a Service.

    All files are below `work`. With a `journal`, the replicas outlive this process. `serve` is the command line to
    which the flags are added (by default `headroom serve`), and `manifests` is the folder of the kustomization.
    A replica that stops goes on serving for `shutdown_delay` seconds. The balancer looks every `look_seconds` who is
    ready.
    """

    def __init__(
        self,
        cluster: Cluster,
        work: Path,
        count: int = 1,
        *,
        journal: Journal | None = None,
        serve: Sequence[str | Path] | None = None,
        manifests: Path = gate.LOCAL,
        shutdown_delay: float = 0.0,
        look_seconds: float = 0.1,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.cluster, self.work = cluster, work
        self._journal, self._manifests, self._delay, self._look = journal, manifests, shutdown_delay, look_seconds
        self._certificates = work / "certificates"
        self._kubeconfig = work / "headroom.kubeconfig"
        command = [*(serve or headroom_serve()), *self._common_flags()]
        self.replicas = [Replica(number, work, command, journal) for number in range(1, count + 1)]
        self._balancer_port = free_port() if count > 1 else None
        self._balancer: Program | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __getitem__(self, index: int) -> Replica:
        return self.replicas[index]

    def __iter__(self) -> Iterator[Replica]:
        return iter(self.replicas)

    def __len__(self) -> int:
        return len(self.replicas)

    @property
    def url(self) -> str:
        """The URL that the API server calls: that of the only replica, or of the balancer in front of several."""
        return self.replicas[0].url if self._balancer_port is None else f"https://{LOOPBACK}:{self._balancer_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the replicas' certificate."""
        return self._certificates / "ca.crt"

    def leads_to(self, replica: Replica) -> bool:
        """Say whether the balancer leads connections to a replica, by what it said last of that replica."""
        address = replica.url.removeprefix("https://")
        about = [line for line in (self.work / "balancer.log").read_text().splitlines() if f" {address} is " in line]
        return bool(about) and about[-1].endswith(" is ready")

    def start(self) -> None:
        """Start everything; return once the API server has got an answer from Headroom."""
        try:
            issue_certificates(self._certificates)
            closed = gate.apply_all_but_the_gate(self.cluster, self._manifests)
            self.cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT, self._kubeconfig)
            for replica in self.replicas:
                replica.start()
            for replica in self.replicas:
                replica.wait()
            self._start_balancer()
            gate.close(self.cluster, closed, self.url, self.ca_file)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Open the gate, because otherwise no pod could be created, and end everything."""
        try:
            gate.open_again(self.cluster)
        finally:
            if self._balancer is not None:
                self._balancer.kill()
                self._balancer = None
            for replica in self.replicas:
                replica.stop()

    def serve_by(self, serve: Sequence[str | Path]) -> None:
        """Run replicas by another command line, to which the same flags are added, from their next start on."""
        for replica in self.replicas:
            replica.serve_by([*serve, *self._common_flags()])

    def _common_flags(self) -> list[str | Path]:
        certificate, key = self._certificates / "tls.crt", self._certificates / "tls.key"
        return [
            *("--tls-cert-file", certificate, "--tls-key-file", key),
            *("--kubeconfig", self._kubeconfig, "--namespace", NAMESPACE),
            *("--shutdown-delay", str(self._delay)),
        ]

    def _start_balancer(self) -> None:
        if self._balancer_port is None:
            return
        command: list[str | Path] = [binary("balancer"), "--listen", f"{LOOPBACK}:{self._balancer_port}"]
        command += ["--every", f"{self._look}s"]
        for replica in self.replicas:
            command += ["--backend", f"{LOOPBACK}:{replica.port}"]
        self._balancer = Program("balancer", command, self.work / "balancer.log", journal=self._journal)
        self._balancer.until(lambda: ready(self.url), "the balancer's start", READY_SECONDS)


def headroom_serve() -> Sequence[str | Path]:
    """The command line of a replica: the `headroom` that is installed beside this Python."""
    headroom = Path(sys.executable).parent / "headroom"
    if not headroom.exists():
        raise FileNotFoundError(f"{headroom} is missing: `{sys.executable} -m pip install -e .` makes it")
    return headroom, "serve"


def issue_certificates(folder: Path) -> None:
    """Make an authority and a certificate for loopback and the Service's name, if `folder` lacks a good one."""
    service = f"headroom.{NAMESPACE}.svc"
    names = ["--dns", "localhost", service, "--ip", LOOPBACK]
    done = subprocess.run(
        [sys.executable, "-m", "certs", "issue", "--out", folder, *names],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"`python -m certs issue` ended with {done.returncode}: {done.stderr.strip()}")

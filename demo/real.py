"""`make demo REAL=1`: containers of a real kubelet, and the shipped image and manifests, instead of simulated nodes.

One real node beside the project's own control plane (devcluster/realnode), as root. Headroom is installed by `kubectl
apply -k` of the overlays as they ship, the demonstration application runs in containers, and scaling it past the
threshold ends in a refused pod. Every step is checked. At the end the machine is as it was before.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from devcluster.compiler import BuildError
from devcluster.image.buildah import ImageError
from devcluster.processes import NotReadyError, until
from devcluster.realnode import checks, images, install
from devcluster.realnode.cluster import GIB, RealCluster
from devcluster.toolchain import ToolchainError

CHECKOUT = Path(__file__).parents[1]
APPLICATION = CHECKOUT / "demo/manifests/base"
MEMORY = 3 * GIB
WANTED = 20
PATIENCE = 120.0
FORESEEN = (BuildError, ImageError, NotReadyError, ToolchainError, RuntimeError)


class Tale:
    """The steps, in their order, each with the seconds since `kubectl apply`."""

    def __init__(self, cluster: RealCluster, console: Console) -> None:
        self._cluster, self._console = cluster, console
        self._began = time.monotonic()

    def tell(self) -> None:
        """Install Headroom, run the application, and scale it until a pod is refused."""
        self._began = time.monotonic()
        self._step("Headroom, to try: certificates by itself, nothing made by hand", "apply", "-k", install.TRY)
        install.rolled_out(self._cluster)
        self._quote("rolled out: two replicas, ready by the kubelet's probes")
        self._step("…and now it enforces", "apply", "-k", install.PRODUCTION)
        install.rolled_out(self._cluster)
        self._quote("rolled out: three replicas")
        self._step("The demonstration application", "apply", "-k", APPLICATION)
        self._await(lambda: self._running() == 2, "two containers of it run")
        self._step(
            f"More than fits: {WANTED} replicas", "-n", "demo", "scale", "deployment/demo", f"--replicas={WANTED}"
        )
        self._await(lambda: bool(self._refusals()), "a pod is refused")
        self._quote(f"{self._refusals()[0]}", "yellow")
        self._await(lambda: self._running() == self._pods() > 2, "all pods that were let in run")
        self._quote(f"{self._running()} of {WANTED} run as containers; the others were refused", "green")

    def _step(self, says: str, *command: str | Path) -> None:
        self._console.print(f"\n[bold]{says}[/bold]")
        shown = " ".join(str(part.relative_to(CHECKOUT)) if isinstance(part, Path) else part for part in command)
        self._quote(f"$ kubectl {shown}", "cyan")
        self._cluster.kubectl(*command)

    def _quote(self, text: str, style: str = "none") -> None:
        seconds = time.monotonic() - self._began
        self._console.print(f"   {seconds:5.1f} s  {text}", style=style, markup=False)

    def _await(self, holds: Callable[[], bool], what: str) -> None:
        until(holds, f"that {what}", PATIENCE)
        self._quote(what)

    def _refusals(self) -> list[str]:
        events = self._cluster.api.items("/api/v1/namespaces/demo/events")
        messages = (str(each["message"]) for each in events)
        return [each.partition(install.REFUSED)[2] for each in messages if install.REFUSED in each]

    def _pods(self, *phases: str) -> int:
        pods = self._cluster.api.items("/api/v1/namespaces/demo/pods")
        return sum(not phases or pod["status"].get("phase") in phases for pod in pods)

    def _running(self) -> int:
        return self._pods("Running")


def main() -> int:
    """Bring the node up, tell the tale, and stay for whoever wants to play; 1 with the reason if it went otherwise."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Headroom on a real node: kubelet, containerd and kube-proxy, without Docker[/bold]")
    try:
        with tempfile.TemporaryDirectory(prefix="headroom-real-") as folder:
            _show(console, Path(folder))
    except checks.MissingError as error:
        console.print(f"\n{error}", markup=False)
        return 1
    except FORESEEN as error:
        console.print("\nIt went otherwise:", style="bold red")
        console.print(str(error), markup=False)
        return 1
    console.print("The node is gone, and the machine is as it was before.")
    return 0


def _show(console: Console, work: Path) -> None:
    began = time.monotonic()
    with RealCluster(work, 1, MEMORY) as cluster:
        console.print(f"   control plane: {time.monotonic() - began:.0f} s")
        cluster.load([images.pause(work), images.headroom(cluster, install.TRY, work), images.monster(work)])
        console.print(f"   images built and loaded: {time.monotonic() - began:.0f} s")
        cluster.start_kubelets()
        console.print(f"   the node is Ready: {time.monotonic() - began:.0f} s")
        Tale(cluster, console).tell()
        if sys.stdin.isatty():
            _stay(console, cluster)


def _stay(console: Console, cluster: RealCluster) -> None:
    console.print("\nThe node stays up until Ctrl-C. In another terminal:\n")
    console.print(f'   export PATH="{cluster.kubectl_path.parent}:$PATH" KUBECONFIG={cluster.kubeconfig}', markup=False)
    console.print("   kubectl get pods -A -o wide")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nbye")


if __name__ == "__main__":
    sys.exit(main())

"""`make demo KIND=1`: the shipped image and manifests on a real kind cluster, which ends with a refused pod.

It needs Docker, and says so where there is none. `devcluster/kind.py` makes the cluster and installs Headroom. What is
told here needs only some cluster that runs Headroom. At a terminal the cluster stays up until Ctrl-C.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from devcluster import kind
from devcluster.api import Object
from devcluster.cluster import EXISTING, Cluster
from devcluster.compiler import BuildError
from devcluster.processes import NotReadyError, until
from devcluster.toolchain import ToolchainError

TELL: Final = "tell"
IMAGE: Final = "registry.k8s.io/pause:3.10"
SECONDS: Final = 120.0
REFUSED: Final = "exceeds the cluster's memory headroom"
FORESEEN: Final = (
    BuildError,
    FileNotFoundError,
    NotReadyError,
    RuntimeError,
    ToolchainError,
    subprocess.CalledProcessError,
)


class OtherwiseError(RuntimeError):
    """Something was otherwise than told."""


def tell(cluster: Cluster, console: Console) -> None:
    """Create a pod that fits and one that never can; raises `OtherwiseError` if Headroom judges otherwise."""
    console.print("\n[bold]1. Headroom runs on the cluster as it ships[/bold]")
    _show(cluster, console, "get", "nodes")
    _show(cluster, console, "-n", kind.NAMESPACE, "get", "pods")
    console.print("\n[bold]2. A pod that fits is created, and runs[/bold]")
    _quote(console, "$ kubectl apply -f fits.yaml   # it requests 32Mi", "cyan")
    _quote(console, cluster.kubectl("apply", "-f", "-", input=json.dumps(_pod("fits", "32Mi"))).stdout)
    until(lambda: _phase(cluster, "fits") == "Running", "that the pod runs", SECONDS)
    console.print("\n[bold]3. A pod that asks for all memory of all nodes is refused[/bold]")
    _quote(console, "$ kubectl apply -f all.yaml", "cyan")
    huge = json.dumps(_pod("all", str(sum(map(_allocatable, cluster.api.items("/api/v1/nodes"))))))
    done = cluster.kubectl("apply", "-f", "-", input=huge, check=False)
    if done.returncode == 0 or REFUSED not in done.stderr:
        raise OtherwiseError(f"the pod was not refused by Headroom: {done.stdout}{done.stderr}")
    _quote(console, done.stderr, "yellow")


def _show(cluster: Cluster, console: Console, *command: str) -> None:
    _quote(console, f"$ kubectl {' '.join(command)}", "cyan")
    _quote(console, cluster.kubectl(*command).stdout)


def _quote(console: Console, text: str, style: str = "none") -> None:
    for line in text.strip().splitlines():
        console.print(f"   {line}", style=style, markup=False)


def _pod(name: str, memory: str) -> Object:
    asks = {"requests": {"memory": memory}, "limits": {"memory": memory}}
    container = {"name": "app", "image": IMAGE, "resources": asks}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def _allocatable(node: Object) -> int:
    """Return a node's memory in bytes; kubelets and KWOK say it in whole Ki, Mi or Gi, or in bytes."""
    text: str = node["status"]["allocatable"]["memory"]
    for power, unit in enumerate(("Ki", "Mi", "Gi"), start=1):
        if text.endswith(unit):
            return int(text.removesuffix(unit)) << 10 * power
    return int(text)


def _phase(cluster: Cluster, name: str) -> str:
    phase: str = cluster.api.get(f"/api/v1/namespaces/default/pods/{name}")["status"].get("phase", "")
    return phase


def _stay(console: Console, kubeconfig: Path) -> None:
    console.print("\nThe cluster stays up until Ctrl-C. In another terminal:\n")
    console.print(f"   export KUBECONFIG={kubeconfig}\n   kubectl get pods -A", markup=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started it may have left Ctrl-C ignored
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nbye")


def main(arguments: Sequence[str]) -> int:
    """Make the cluster, and run this again on it with `tell`; return 1 with the reason if anything went otherwise."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        if [*arguments] != [TELL]:
            console.print("[bold]Headroom on a kind cluster, as it ships[/bold]")
            return kind.run((sys.executable, "-m", "demo.on_kind", TELL))
        kubeconfig = Path(os.environ[EXISTING])
        tell(Cluster(kubeconfig), console)
        console.print("\n[bold green]What fits runs, and what does not is refused.[/bold green]")
        if sys.stdin.isatty():
            _stay(console, kubeconfig)
    except FORESEEN as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

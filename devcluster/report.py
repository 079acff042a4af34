"""The report of `make up` and `status` about the programs of a local cluster."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import urllib3

from devcluster.api import Api, ApiError
from devcluster.cluster import Cluster
from devcluster.local import Local
from devcluster.processes import Identity
from devcluster.replica import ready


def table(local: Local) -> str:
    """One line per program: name, pid, memory, and for a replica of Headroom its readiness and addresses."""
    return "\n".join(_lines(local))


def surroundings(local: Local) -> list[str]:
    """What to type in a terminal to use the cluster: where it is, and kubectl where there is none."""
    path = [] if shutil.which("kubectl") else [f'export PATH="{Cluster(local.kubeconfig).kubectl_path.parent}:$PATH"']
    return [f"export KUBECONFIG={local.kubeconfig}", *path]


def healthy(local: Local) -> bool:
    """Whether all programs run, and the API server and every replica are ready."""
    programs = local.programs()
    replicas = [program for program in programs if program.name.startswith("headroom-")]
    return (
        all(program.alive() for program in programs)
        and _server_ready(local.kubeconfig)
        and all(ready(local.addresses(replica.name)[0]) for replica in replicas)
    )


def _lines(local: Local) -> Iterator[str]:
    for program in local.programs():
        line = f"  {program.name:24} pid {program.pid:<8} {_memory(program)}"
        if program.name.startswith("headroom-") and program.alive():
            reviews, metrics = local.addresses(program.name)
            line += f"  {'ready' if ready(reviews) else 'not ready'}, {reviews}, {metrics}/metrics"
        yield line


def _memory(program: Identity) -> str:
    """Resident memory in MiB, or "not running"."""
    try:
        status = Path(f"/proc/{program.pid}/status").read_text() if program.alive() else ""
    except (FileNotFoundError, ProcessLookupError):
        status = ""
    # A process that is ending has no memory any more for a moment before it is a zombie.
    resident = next((line for line in status.splitlines() if line.startswith("VmRSS")), None)
    return "not running" if resident is None else f"{int(resident.split()[1]) // 1024:4} MiB"


def _server_ready(kubeconfig: Path) -> bool:
    try:
        Api(kubeconfig).text("/readyz", timeout=2.0)
    except (ApiError, urllib3.exceptions.HTTPError):
        return False
    return True

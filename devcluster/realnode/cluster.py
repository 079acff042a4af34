"""A control plane with real nodes, for a `with` statement: on leaving it, the machine is as it was before."""

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from devcluster import kubeconfig
from devcluster.api import Object
from devcluster.nodes import NODES
from devcluster.processes import until
from devcluster.realnode import addresses, checks, node
from devcluster.realnode.changes import Changes
from devcluster.realnode.checks import which
from devcluster.realnode.plane import PROXY, RealPlane, kubelet
from devcluster.realnode.programs import program
from devcluster.store import only_one

READY_SECONDS: Final = 120.0
LOCK: Final = "real-node"
# What a kubelet sets for the whole machine (k8s.io/component-helpers/node/util/sysctl).
SYSCTLS: Final = (
    *("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"),
    *("kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes"),
)
GIB: Final = 2**30


class RealCluster(RealPlane):
    """The control plane, a gateway for Services, and `count` real nodes, each with `memory` bytes for its pods.

    Programs die with the thread that starts them, so `start` must be called by one that lives as long as the cluster.
    """

    def __init__(self, work: Path, count: int = 1, memory: int = 3 * GIB) -> None:
        if not 1 <= count <= addresses.MOST_NODES:
            raise ValueError(f"{count} real nodes: there can be 1 to {addresses.MOST_NODES}")
        self.work = work.resolve()
        self.nodes = [node.Node(number, self.work / f"real-{number}", memory) for number in range(1, count + 1)]
        self._gateway = node.Machine("gateway", str(addresses.GATEWAY), self.work / "gateway")
        self._changes = Changes()
        self._stack = ExitStack()
        super().__init__(self.work, [each.name for each in self.nodes])

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(only_one(LOCK))
            self._changes.put_back()  # what a run left that was killed
            checks.check()
            program("kubelet")  # built before the machine is changed
            self._stack.callback(self._changes.put_back)
            self._lay_cables()
            self._start_machines()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def load(self, archives: Sequence[Path]) -> None:
        """Load images into every node."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            for archive in archives:
                list(pool.map(partial(node.Node.load, archive=archive), self.nodes))

    def start_kubelets(self) -> None:
        """Start the kubelets, once the nodes have what their pods need, and wait until the nodes are Ready."""
        server = kubeconfig.address(self.url, self.ca_file)
        for each in self.nodes:
            each.start_kubelet(server, self.ca_file, self.keys.tokens[kubelet(each.name)])
            each.start_proxy(server, self.keys.tokens[PROXY])
        for each in self.nodes:
            until(partial(self.is_ready, each.name), f"{each.name}, which was to be Ready,", READY_SECONDS)

    def is_ready(self, name: str) -> bool:
        """Whether a node is Ready."""
        found = [each for each in self.api.items(NODES) if each["metadata"]["name"] == name]
        return any(_ready(each) for each in found)

    def _lay_cables(self) -> None:
        """Make the bridge, and the ways over it to pods and Services."""
        for name in SYSCTLS:
            self._changes.keep_sysctl(name)
        self._changes.add_link(addresses.BRIDGE)
        ip, bridge = which("ip"), addresses.BRIDGE
        lines = [
            f"link add {bridge} type bridge",
            f"address add {addresses.MACHINE}/{addresses.NODES.prefixlen} dev {bridge}",
            f"link set {bridge} up",
            f"route add {addresses.SERVICES} via {addresses.GATEWAY}",
            *(f"route add {addresses.pods(each.number)} via {each.address}" for each in self.nodes),
        ]
        for line in lines:
            subprocess.run([ip, *line.split()], check=True)

    def _start_machines(self) -> None:
        self._changes.add_cgroups(node.CGROUP)
        for each in self.nodes:
            self._stack.callback(shutil.rmtree, each.work / "lib", ignore_errors=True)
            self._stack.callback(each.stop)
            each.start()
        self._stack.callback(self.stop)
        self.start()
        self._stack.callback(self._gateway.stop)
        self._gateway.start()
        self._gateway.start_proxy(kubeconfig.address(self.url, self.ca_file), self.keys.tokens[PROXY])


def _ready(found: Object) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

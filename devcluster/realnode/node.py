"""One real node: a process with namespaces of its own, and in them containerd, kubelet and kube-proxy.

Its first process holds the namespaces. When it ends, the kernel ends every process of the node, its containers too, and
takes away its mounts and its network. It dies with the process that started it.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from devcluster import kubeconfig
from devcluster.api import Object
from devcluster.components import Command
from devcluster.processes import Program
from devcluster.realnode import addresses, cgroups, configs, plane
from devcluster.realnode.checks import which
from devcluster.realnode.programs import program

START_SECONDS: Final = 60.0
CGROUP: Final = "headroom-real"
# Its children are reaped by the kernel, because nobody here waits for orphans (SIGCHLD is ignored, also after exec).
INIT: Final = "trap '' CHLD; exec sleep infinity"
# Folders of the node's own in place of the machine's, so that nothing is left in those.
OWN_PLACES: Final = """
mount -t tmpfs tmpfs /run
mount --bind {work}/lib /var/lib && mount --make-rshared /var/lib
mount --bind {work}/log /var/log
mkdir -p /var/lib/kubelet /var/lib/containerd /var/lib/cni /var/log/pods /var/log/containers /run/lock
"""


class Machine:
    """A process with a network, mounts and processes of its own, at a port of the bridge."""

    def __init__(self, name: str, address: str, work: Path, number: int = 0) -> None:
        """Give it a name, an address, a folder, and its number among the nodes; 0 if it is not one."""
        work.mkdir(parents=True, exist_ok=True)
        self.name, self.address, self.work, self.number = name, address, work, number
        self._programs: dict[str, Program] = {}
        self._init: int | None = None

    @property
    def link(self) -> str:
        """The machine's end of its cable, at the bridge."""
        return f"hr-{self.name}"

    def start(self) -> None:
        """Start the first process, and plug in the network."""
        isolated = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        holder = self.run("init", [which("unshare"), *isolated, which("sh"), "-c", INIT])
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        holder.until(lambda: bool(children.read_text().split()), f"the start of {self.name}", START_SECONDS)
        self._init = int(children.read_text().split()[0])
        # Its proc(5) is mounted last of all, before its first program runs.
        holder.until(lambda: _runs(self._init, "sleep"), f"the start of {self.name}", START_SECONDS)
        self._plug_in()

    def inside(self, *command: str | Path) -> list[str]:
        """The command line that runs `command`, by its absolute path, in the namespaces of the machine."""
        if self._init is None:
            raise RuntimeError(f"{self.name} does not run: call start() first")
        # Not `ip netns exec`, which mounts /sys anew and hides the cgroups.
        return [which("nsenter"), f"--target={self._init}", "--net", "--mount", "--pid", *map(str, command)]

    def shell(self, script: str) -> str:
        """Run a script in the machine; return what it prints, or raise RuntimeError with what it said."""
        done = subprocess.run(self.inside(which("sh"), "-ec", script), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}")
        return done.stdout

    def run(self, name: str, command: Sequence[str | Path]) -> Program:
        """Start a program that belongs to the machine, with a log beside its files."""
        self._programs[name] = Program(f"{name} of {self.name}", command, self.work / f"{name}.log")
        return self._programs[name]

    def stop(self) -> None:
        """End everything in it at once."""
        self._init = None
        for name in reversed(list(self._programs)):
            self._programs.pop(name).kill()

    def connect(self, *, on: bool = True) -> None:
        """Pull the network cable, or plug it in again."""
        subprocess.run([which("ip"), "link", "set", self.link, "up" if on else "down"], check=True)

    def _plug_in(self) -> None:
        ip, init = which("ip"), str(self._init)
        for command in (
            ["link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", init],
            ["link", "set", self.link, "master", addresses.BRIDGE, "up"],
        ):
            subprocess.run([ip, *command], check=True)
        self.shell(
            f"{ip} link set lo up; {ip} address add {self.address}/{addresses.NODES.prefixlen} dev eth0; "
            f"{ip} link set eth0 up; {ip} route add default via {addresses.MACHINE}; "
            "echo 1 > /proc/sys/net/ipv4/ip_forward"
        )
        for number in range(1, addresses.MOST_NODES + 1):
            if number != self.number:
                self.shell(f"{ip} route add {addresses.pods(number)} via {addresses.node(number).ip}")

    def start_proxy(self, server: kubeconfig.Address, token: str) -> None:
        """Start kube-proxy: Services by nftables, in the network of this machine alone."""
        config = kubeconfig.write(self.work / "kube-proxy.kubeconfig", server, user=plane.PROXY, token=token)
        command: Command = [
            program("kube-proxy"),
            f"--kubeconfig={config}",
            f"--hostname-override={self.name}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={addresses.PODS}",
            # These would be set for the whole machine.
            *(f"--conntrack-{each}=0" for each in ("max-per-core", "min", "tcp-timeout-established")),
            "--conntrack-tcp-timeout-close-wait=0",
        ]
        self.run("kube-proxy", self.inside(which("env"), f"PATH={_path()}", *command))


class Node(Machine):
    """A machine with a kubelet; `memory` (bytes) is what is allocatable to its pods."""

    def __init__(self, number: int, work: Path, memory: int) -> None:
        super().__init__(f"real-{number}", str(addresses.node(number).ip), work, number)
        self._memory = memory

    @property
    def cgroup(self) -> str:
        """The cgroup of all its pods, in each hierarchy."""
        return f"{CGROUP}/{self.name}"

    def start(self) -> None:
        """Start the machine and containerd, which must have the images before pods come."""
        for name in ("lib", "log", "networks", "volume-plugins"):
            (self.work / name).mkdir(exist_ok=True)
        (self.work / "resolv.conf").write_text(f"nameserver {addresses.DNS_SERVICE}\n")
        (self.work / "networks" / "10-pods.conflist").write_text(configs.network(self.number))
        (self.work / "containerd.toml").write_text(configs.containerd(self.work / "networks"))
        super().start()
        self.shell(OWN_PLACES.format(work=self.work))
        cgroups.make(self.cgroup)
        command = self.inside(
            which("env"), f"PATH={_path()}", which("containerd"), "--config", self.work / "containerd.toml"
        )
        started = self.run("containerd", command)
        started.until(lambda: self.ctr("version").returncode == 0, f"containerd of {self.name}", START_SECONDS)

    def start_kubelet(self, server: kubeconfig.Address, ca_file: Path, token: str) -> None:
        """Start the kubelet, which makes the Node object and runs what is bound to it."""
        name = plane.kubelet(self.name)
        config = kubeconfig.write(self.work / "kubelet.kubeconfig", server, user=name, token=token)
        settings = configs.kubelet(self.work, ca_file.resolve(), self.cgroup, memory_bytes() - self._memory)
        (self.work / "kubelet.json").write_text(json.dumps(settings, indent=2))
        command: Command = [
            program("kubelet"),
            f"--config={self.work / 'kubelet.json'}",
            f"--kubeconfig={config}",
            f"--hostname-override={self.name}",
            f"--node-ip={self.address}",
            "--v=2",
        ]
        self.run("kubelet", self.inside(which("env"), f"PATH={_path()}", *command))

    def load(self, archive: Path) -> None:
        """Load the images of a docker archive, as a kubelet's pull would."""
        done = self.ctr("--namespace=k8s.io", "images", "import", archive)
        if done.returncode != 0:
            raise RuntimeError(f"{archive} was not loaded into {self.name}: {done.stderr.strip()}")

    def ctr(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run containerd's own client."""
        command = self.inside(which("ctr"), "--address", configs.SOCKET, *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def processes(self, pod: Object) -> list[int]:
        """The process ids, on this machine, of the first container of a pod of this node."""
        return [int(line) for line in (self._cgroup_of(pod) / "cgroup.procs").read_text().split()]

    def memory_limit(self, pod: Object) -> int:
        """The limit in bytes that the kernel has for the first container of a pod of this node."""
        return int((self._cgroup_of(pod) / "memory.limit_in_bytes").read_text())

    def memory_usage(self, pod: Object) -> int:
        """The memory in bytes that the kernel counts for the first container of a pod of this node."""
        return int((self._cgroup_of(pod) / "memory.usage_in_bytes").read_text())

    def oom_kills(self, pod: Object) -> int:
        """How many processes of that container the kernel has killed for want of memory."""
        lines = (self._cgroup_of(pod) / "memory.oom_control").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def kill(self, pod: Object) -> None:
        """Kill every process of the first container of a pod at once; the kubelet starts it again."""
        for pid in self.processes(pod):
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def frozen(self, pod: Object) -> Iterator[None]:
        """The first container of a pod does nothing while the block runs: connections to it stay open."""
        pids = self.processes(pod)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _cgroup_of(self, pod: Object) -> Path:
        number = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        memory = cgroups.memory_hierarchy()
        assert memory is not None
        found = (Path(folder) for folder, _, _ in os.walk(memory / self.cgroup) if folder.endswith(f"/{number}"))
        return next(found)


def memory_bytes() -> int:
    """The memory of this machine, of which the kubelet reports all as its node's capacity."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) * 1024


def _path() -> str:
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _runs(pid: int | None, name: str) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == name

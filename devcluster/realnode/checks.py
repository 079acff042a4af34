"""What a machine must have for real nodes; what it lacks is said in full before anything is changed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from devcluster.realnode import addresses, cgroups
from devcluster.store import store

# Program: the package of Debian and Ubuntu that has it.
PROGRAMS: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
PLUGINS: Final = ("bridge", "host-local", "loopback")
PLUGIN_FOLDERS: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PLUGINS_PACKAGE: Final = "containernetworking-plugins"
HIDDEN: Final = (Path("/var/lib"), Path("/var/log"))
"""A node has folders of its own in these places, so nothing that it needs may be there."""


class MissingError(RuntimeError):
    """This machine cannot have real nodes; the message says all that is missing, and how to get it."""


def path() -> str:
    """PATH with the folders of an administrator's programs."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def which(program: str) -> str:
    """The absolute path of a program; in a node's namespaces nothing is looked up by PATH."""
    found = shutil.which(program, path=path())
    if found is None:
        raise MissingError(f"{program}: not found")
    return found


def plugins() -> Path | None:
    """The folder with the CNI plug-ins; None if none has all that are needed."""
    whole = (folder for folder in PLUGIN_FOLDERS if all((folder / name).exists() for name in PLUGINS))
    return next(whole, None)


def missing() -> list[str]:
    """What this machine lacks, each with how to get it; empty if nothing."""
    return list(_missing())


def check() -> None:
    """Raise MissingError if something is missing."""
    found = missing()
    if found:
        lines = "\n".join(f"  - {each}" for each in found)
        raise MissingError(
            f"a real node cannot run on this machine:\n{lines}\nNothing was started, and nothing was changed. "
            "`make demo` needs none of this: its nodes are simulated."
        )


def _missing() -> Iterator[str]:
    if os.geteuid() != 0:
        yield "the rights of root: run it as root"
    absent = [name for name in PROGRAMS if shutil.which(name, path=path()) is None]
    packages = sorted({PROGRAMS[name] for name in absent} | (set() if plugins() else {PLUGINS_PACKAGE}))
    if absent:
        yield f"programs: {', '.join(absent)}"
    if plugins() is None:
        yield f"CNI plug-ins ({', '.join(PLUGINS)}) in {' or '.join(map(str, PLUGIN_FOLDERS))}"
    if packages:
        yield f"on Debian and Ubuntu, `apt-get install {' '.join(packages)}` installs these"
    if cgroups.memory_hierarchy() is None:
        yield "cgroups of version 1: on a machine with version 2 alone, real nodes were never tried"
    if any(store().resolve().is_relative_to(hidden) for hidden in HIDDEN):
        yield f"a cache outside {' and '.join(map(str, HIDDEN))}, which nodes do not see: set XDG_CACHE_HOME"
    if not absent:
        yield from _kernel()
        yield from _networks()


def _kernel() -> Iterator[str]:
    """What namespaces, bridge, veth and nftables need of the kernel and of the rights that root has here."""
    trial = "ip link add name try0 type bridge; ip link add name try1 type veth peer name try2; nft add table ip try"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", trial],
        env=os.environ | {"PATH": path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        yield f"namespaces with a bridge, a veth pair and nftables in the kernel: {done.stderr.strip()}"
    if "overlay" not in Path("/proc/filesystems").read_text():
        yield "overlayfs in the kernel"


def _networks() -> Iterator[str]:
    """The networks of the nodes must be nobody else's here."""
    if Path("/sys/class/net", addresses.BRIDGE).exists():
        yield f"the network device {addresses.BRIDGE} is there already: end the real nodes that run, or remove it"
        return
    listed = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True, env={"PATH": path()})
    for line in listed.stdout.splitlines():
        place = line.split()[0]
        if place[0].isdigit():
            route = IPv4Network(place, strict=False)
            for network in (addresses.NODES, addresses.PODS, addresses.SERVICES):
                if route.overlaps(network):
                    yield f"the network {network}, which real nodes use: this machine has a route `{line.strip()}`"

"""The programs of a real node that are built here: kubelet and kube-proxy, of the control plane's own version."""

from pathlib import Path
from typing import Final

from devcluster.binaries import NEWEST
from devcluster.toolchain import MODULE
from devcluster.tools import Tool, programs

MODULES: Final = MODULE / "node-modules"
TOOL: Final = Tool(
    "node",
    MODULES,
    ("k8s.io/kubernetes/cmd/kubelet", "k8s.io/kubernetes/cmd/kube-proxy"),
    # The last -ldflags counts: the linker writes the version into them, by which the node says what it is.
    (f"-ldflags=-s -w {NEWEST.stamps}",),
)


def program(name: str) -> Path:
    """The executable `kubelet` or `kube-proxy`; builds both first if nobody has, which takes two minutes or more."""
    return programs(TOOL) / name

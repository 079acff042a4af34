"""Helm 3 and Helm 4, for the tests of the chart: built once from their Go modules."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

from devcluster.cluster import Cluster
from devcluster.toolchain import MODULE
from devcluster.tools import Tool, programs

MODULES: Final = MODULE / "helm-modules"
MAJORS: Final = (3, 4)
KUBERNETES: Final = ("1", "37")
"""The version that Helm 3 renders for where it has no cluster. Helm 4 takes that of its own client."""


class Helm:
    """One version of Helm; all that it keeps is below `work`, and nothing is read of its user's own settings."""

    def __init__(self, major: int, work: Path) -> None:
        self.major = major
        self._work = work
        self._program = programs(tool(major)) / "helm"

    def __str__(self) -> str:
        """Name it as people do."""
        return f"Helm {self.major}"

    def run(
        self, *arguments: str | Path, cluster: Cluster | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run it, on a cluster or on files alone; with `check`, raises RuntimeError with its message if it fails."""
        ours = {f"HELM_{kind}_HOME": str(self._work / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
        to = [f"--kubeconfig={cluster.kubeconfig}"] if cluster else []
        line = [self._program, *arguments, *to]
        done = subprocess.run(line, env=kept | ours, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            said = " ".join(str(part) for part in arguments)
            raise RuntimeError(f"{self}: helm {said} ended with {done.returncode}: {done.stderr.strip()}")
        return done


def tool(major: int) -> Tool:
    """What Helm of that major version is built from; it says the version that its go.mod names."""
    modules = MODULES / f"v{major}"
    path = f"helm.sh/helm/v{major}"
    stamps = {f"{path}/internal/version.version": pinned(modules, path)}
    if major == 3:  # as its Makefile has it
        for package in ("pkg/chartutil", "pkg/lint/rules"):
            stamps |= dict(zip(_kubernetes_variables(f"{path}/{package}"), KUBERNETES, strict=True))
    linked = " ".join(f"-X {name}={value}" for name, value in stamps.items())
    return Tool(f"helm{major}", modules, (f"{path}/cmd/helm",), (f"-ldflags=-s -w {linked}",))


def pinned(modules: Path, path: str) -> str:
    """Return the version of the module `path` that the go.mod in a folder names."""
    found = re.search(rf"^\s*(?:require )?{re.escape(path)} (v\S+)", (modules / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ValueError(f"{modules / 'go.mod'} names no version of {path}: run `go get -tool {path}/cmd/helm` there")
    return found[1]


def _kubernetes_variables(package: str) -> tuple[str, str]:
    return f"{package}.k8sVersionMajor", f"{package}.k8sVersionMinor"

"""The programs of the control plane: where they are, and how they get there (built once, kept outside the checkout).

They are of the version of Kubernetes that the variable KUBERNETES names, or of the newest; both are kept side by side.
"""

import hashlib
import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from devcluster import compiler
from devcluster.store import only_one, store
from devcluster.toolchain import MODULE, find_go, version

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
MULTI_CALL = "control-plane"

_OF_A_VERSION = (MULTI_CALL, "footprint", "quota")  # the others are the same, whatever the version
_STAMP = "-X k8s.io/component-base/version."


class Release(NamedTuple):
    """A version of Kubernetes, the file that names the modules of it, and the build tag of what is special about it."""

    version: str
    modules: str
    tag: str = ""

    @property
    def minor(self) -> str:
        """Such as 1.37."""
        return self.version.removeprefix("v").rpartition(".")[0]

    @property
    def stamps(self) -> str:
        """What the linker writes into the components, which say their version by it."""
        major, _, minor = self.minor.partition(".")
        return f"{_STAMP}gitVersion={self.version} {_STAMP}gitMajor={major} {_STAMP}gitMinor={minor}"

    @property
    def flags(self) -> tuple[str, ...]:
        """What `go build` needs beside its usual flags."""
        return (f"-modfile={self.modules}", f"-tags={self.tag}") if self.tag else ()


NEWEST: Final = Release("v1.37.2", "go.mod")
RELEASES: Final = (Release("v1.36.3", "go-1.36.mod", "kubernetes_1_36"), NEWEST)
VARIABLE: Final = "KUBERNETES"


def release(name: str | None = None) -> Release:
    """The version of that name, such as 1.36, or else that KUBERNETES names; the newest if it names none."""
    wanted = name or os.environ.get(VARIABLE) or NEWEST.minor
    for each in RELEASES:
        if wanted in (each.minor, each.version, each.version.removeprefix("v")):
            return each
    raise ValueError(f"{VARIABLE}={wanted}: there are {' and '.join(each.minor for each in RELEASES)}")


def binary(name: str, of: Release | None = None) -> Path:
    """The executable called `name`: a component of Kubernetes, or a command of our own (a folder below cmd/).

    If the folder `KUBEBUILDER_ASSETS` has the component, it is taken from there (the convention of envtest).
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in COMPONENTS and (Path(assets) / name).exists():
        return Path(assets) / name
    command = MULTI_CALL if name in COMPONENTS else name
    return built(command, (of or release()) if command in _OF_A_VERSION else NEWEST) / name


def commands() -> list[str]:
    """The names of all commands of our Go module; the one that takes longest to build is first."""
    folders = sorted(path.parent.name for path in (MODULE / "cmd").glob("*/main.go"))
    return sorted(folders, key=lambda name: name != MULTI_CALL)


def build_all() -> dict[str, Path]:
    """Build what is not built yet, for every version, and say where each command's folder is."""
    found = {}
    for each in sorted(RELEASES, key=lambda one: one is not NEWEST):
        for name in commands():
            if each is NEWEST or name in _OF_A_VERSION:
                found[f"{name} {each.minor}" if name in _OF_A_VERSION else name] = built(name, each)
    return found


@cache
def built(command: str, of: Release = NEWEST) -> Path:
    """The folder that holds the built `command`; builds it first if nobody has."""
    if command not in commands():
        raise ValueError(f"no command {command!r} in {MODULE / 'cmd'}: there are {', '.join(commands())}")
    go = find_go()
    folder = store() / f"{command}-{key(command, str(version(go)), of=of)}"
    if not folder.exists():
        with only_one(command):
            if not folder.exists():
                _build(go, command, folder, of)
    return folder


def key(command: str, go_version: str, module: Path = MODULE, of: Release = NEWEST) -> str:
    """Names what `command` is built from: its sources, the module's versions, the flags, the compiler, the machine."""
    digest = hashlib.sha256()
    for fact in (go_version, sys.platform, platform.machine(), *compiler.flags(_stamps(command, of)), *of.flags):
        digest.update(f"{fact}\0".encode())
    for path in sources(command, module, of):
        digest.update(f"{path.relative_to(module)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def sources(command: str, module: Path = MODULE, of: Release = NEWEST) -> list[Path]:
    """The files that change the binary: no other command's, so that a change of a small tool relinks only that tool."""
    own = (path for path in (module / "cmd" / command).rglob("*.go") if not path.name.endswith("_test.go"))
    modules = module / of.modules
    return [modules, modules.with_suffix(".sum"), *sorted(own)]


def _stamps(command: str, of: Release) -> str:
    return of.stamps if command == MULTI_CALL else ""


def _build(go: Path, command: str, folder: Path, of: Release) -> None:
    """Build beside the final folder and rename: a build that was cut off leaves nothing that looks whole."""
    with tempfile.TemporaryDirectory(prefix=f".{command}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / folder.name
        whole.mkdir()
        compiler.compile_command(go, command, whole / command, _stamps(command, of), of.flags)
        if command == MULTI_CALL:
            for component in COMPONENTS:
                (whole / component).symlink_to(command)
        whole.rename(folder)

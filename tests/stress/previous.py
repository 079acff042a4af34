"""The previous version of Headroom: a wheel that is built from a commit of this repository, with its manifests.

Both are kept in the store once they are built. The version runs on the packages of this environment: pins are the same.
After a release, `COMMIT` is the tag of the one before it. The variable PREVIOUS names another commit or tag.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from devcluster.replicas import CHECKOUT
from devcluster.store import only_one, store

VARIABLE: Final = "PREVIOUS"
# Before Headroom had a chart, overlays to try, certificates of its own, a Lease and a probe. It knows --shutdown-delay.
COMMIT: Final = "4d0656dfd9833ff3559448b9d881361a5ae68225"

# `-P` keeps the current folder, which is this checkout in tests, from being searched first. The line goes to the log.
_START: Final = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import webhook
print("previous version:", webhook.__file__, flush=True)
from webhook.cli.main import main
main()
"""

# As devcluster/manifests: the base without the objects that run it as pods.
_GONE: Final = {"$patch": "delete", "apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}}
_LOCAL: Final = {
    "resources": ["../manifests/base"],
    "patches": [
        {"target": {"kind": kind}, "patch": yaml.safe_dump(_GONE)}
        for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy")
    ],
}


class NoPreviousError(RuntimeError):
    """This clone cannot give the previous version; the message says why, and what to do."""


class Previous(NamedTuple):
    """One version: its commit, its installed packages, and its manifests for a local cluster."""

    commit: str
    packages: Path
    manifests: Path

    @property
    def serve(self) -> Sequence[str | Path]:
        """Return the command line of a replica, without flags; the replica's log begins with `signature`."""
        return [sys.executable, "-P", "-c", _START, self.packages, "serve"]

    @property
    def signature(self) -> str:
        """Return what a replica of this version prints first, and no other version does."""
        return f"previous version: {self.packages / 'webhook' / '__init__.py'}"


def previous(named: str | None = None) -> Previous:
    """Return the version of `named` (by default, of PREVIOUS or `COMMIT`), built if it is not in the store.

    Raises `NoPreviousError` if this clone does not have the commit.
    """
    commit = _commit(named or os.environ.get(VARIABLE) or COMMIT)
    folder = store() / f"previous-{commit[:16]}-{sys.implementation.cache_tag}"
    if not folder.exists():
        with only_one("previous"):
            if not folder.exists():
                _build(commit, folder)
    return Previous(commit, folder / "packages", folder / "local")


def _commit(name: str) -> str:
    meant = ("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    try:
        done = _git("rev-parse", *meant)
    except FileNotFoundError as error:
        raise NoPreviousError("git is not on PATH: install it, so that the previous version can be built") from error
    if done.returncode != 0:
        raise NoPreviousError(
            f"this clone does not have the commit {name}, of which the previous version is built: "
            f"`git fetch --unshallow`, or name another commit or tag with {VARIABLE}=... {done.stderr.strip()}"
        )
    return done.stdout.strip()


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", CHECKOUT, *arguments], capture_output=True, text=True, check=False
    )


def _build(commit: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        source, made = Path(work, "source"), Path(work, "made")
        source.mkdir()
        archive = Path(work, "source.tar")
        _run("git", "-c", "safe.directory=*", "-C", CHECKOUT, "archive", f"--output={archive}", commit)
        _run("tar", "--extract", f"--file={archive}", f"--directory={source}")
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work, source)
        (wheel,) = Path(work).glob("*.whl")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index")
        _run(*pip, "--no-deps", f"--target={made / 'packages'}", wheel)
        shutil.copytree(source / "manifests", made / "manifests")
        (made / "local").mkdir()
        (made / "local" / "kustomization.yaml").write_text(yaml.safe_dump(_LOCAL))
        made.rename(folder)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        line = " ".join(map(str, command))
        raise RuntimeError(f"`{line}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")

"""A base image that is made here, from Debian's packages, and stands in for the public Python image.

It has the Python that the public image of the same Debian release has (3.11), and is kept outside the checkout.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from devcluster.image.buildah import Buildah, ImageError
from devcluster.store import store

RELEASE: Final = "bookworm"
PACKAGES: Final = ("python3-venv", "ca-certificates")
MIRROR: Final = "http://deb.debian.org/debian"
NAME: Final = "localhost/headroom-base"

# What debootstrap leaves there and no image has: its downloads, and this machine's name and name servers.
_EMPTIED: Final = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log")
_REMOVED: Final = ("debootstrap", "etc/resolv.conf", "etc/hostname")


def base(buildah: Buildah) -> str:
    """Return the name of the base image; makes it first if it is not there, which takes two minutes or more."""
    name = f"{NAME}:{RELEASE}-{key()}"
    if not buildah.exists(name):
        archive = store() / f"image-base-{RELEASE}-{key()}.tar"
        if not archive.exists():
            _make(archive)
        _load(buildah, archive, name)
    return name


def key() -> str:
    """Name what the base is made of: the release, the packages, the machine."""
    facts = (RELEASE, *PACKAGES, MIRROR, platform.machine(), *_EMPTIED, *_REMOVED)
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def _make(archive: Path) -> None:
    """Make it beside the archive and rename: what was cut off leaves nothing that looks whole."""
    print(f"making the base image from Debian's packages: once, two minutes or more ({archive})", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix=".image-base-", dir=archive.parent) as scratch:
        root, whole = Path(scratch) / "root", Path(scratch) / archive.name
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(root), MIRROR]
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
        log = Path(scratch) / "log"
        with log.open("w") as out:
            done = subprocess.run(command, env=os.environ | {"PATH": path}, stdout=out, stderr=out, check=False)
        if done.returncode != 0:
            raise ImageError(f"debootstrap ended with {done.returncode}:\n{_tail(log)}")
        clean(root)
        packed: list[str | Path] = ["tar", "--create", "--numeric-owner", f"--directory={root}", "--file", whole, "."]
        subprocess.run(packed, check=True)
        whole.rename(archive)


def clean(root: Path) -> None:
    """Remove from a root file system what debootstrap leaves there and no image has."""
    for name in (*_EMPTIED, *_REMOVED):
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in _EMPTIED:
        (root / name).mkdir()


def _load(buildah: Buildah, archive: Path, name: str) -> None:
    container = buildah("from", "scratch")
    try:
        buildah("add", "--quiet", container, archive, "/")
        buildah(
            "config",
            "--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "--env=LANG=C.UTF-8",
            '--cmd=["python3"]',
            container,
        )
        buildah("commit", "--quiet", container, name)
    finally:
        buildah("rm", container)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])

"""Buildah, which builds images without a daemon: where it keeps them, and what it needs of this machine.

Images and the layers of earlier builds are in the folder outside the checkout (devcluster/store.py).
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from devcluster.store import store

PROGRAMS: Final = ("buildah", "debootstrap", "runc")
_CA_INSIDE: Final = "/run/build/ca.crt"
_AUTHORITIES: Final = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
# Options of pip that say how to reach an index; others are about this machine's own files.
_REACHING: Final = frozenset(
    {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries", "cert"}
)

_SECTIONS: Final = ("global", "install", ":env:")  # the later ones win


class ImageError(RuntimeError):
    """An image could not be built or read; the message says what to do, or has the end of the program's output."""


def missing() -> list[str]:
    """Return what this machine lacks to build an image on a base of its own and to run it; empty if nothing."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    return absent if os.geteuid() == 0 else [*absent, "the rights of root"]


def check() -> None:
    """Raise ImageError that says what is missing and how to get it, if something is."""
    absent = missing()
    if absent:
        raise ImageError(
            f"{', '.join(absent)}: missing here. On Debian and Ubuntu, `apt-get install {' '.join(PROGRAMS)}` as root "
            "installs the programs; or build with Docker, `docker build .`"
        )


class Buildah:
    """The program, with one place for its images; only one process may use that place at a time (store.only_one)."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or store() / "image"

    def __call__(self, *arguments: str | Path) -> str:
        """Run it and return its standard output without the last line's end; raises ImageError if it fails."""
        done = subprocess.run(
            [*self._command, *arguments], env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
            raise ImageError(f"buildah {arguments[0]} ended with {done.returncode}:\n{said}")
        return done.stdout.removesuffix("\n")

    @cached_property
    def _command(self) -> Sequence[str | Path]:
        # Overlay shares the files of layers; with vfs each layer is a copy of all below it, but vfs works everywhere.
        said = ""
        for driver in (os.environ.get("STORAGE_DRIVER") or "overlay", "vfs"):
            folder = self._folder / driver
            command: list[str | Path] = [
                "buildah",
                "--storage-driver",
                driver,
                "--root",
                folder / "root",
                "--runroot",
                folder / "run",
            ]
            tried = subprocess.run([*command, "info"], env=_environment(), capture_output=True, text=True, check=False)
            if tried.returncode == 0:
                return command
            said = tried.stderr.strip()
        raise ImageError(f"buildah can keep no images in {self._folder}: {said}")

    def exists(self, image: str) -> bool:
        """Whether there is an image of this name or number here."""
        try:
            self("inspect", "--type", "image", image)
        except ImageError:
            return False
        return True

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what buildah says of an image; `OCIv1` in it is the image's configuration by the OCI."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))
        return found

    def size(self, image: str) -> int:
        """Return the size of all layers of an image together, unpacked, in bytes."""
        with self.mounted(image) as root:
            done = subprocess.run(
                ["du", "--summarize", "--block-size=1", root], capture_output=True, text=True, check=True
            )
        return int(done.stdout.split()[0])

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The root file system of an image, as long as the block runs; it is a copy, which nobody else uses."""
        container = self("from", "--pull-never", image)
        try:
            yield Path(self("mount", container))
        finally:
            self("umount", container)
            self("rm", container)


@contextmanager
def network_of_this_machine() -> Iterator[list[str]]:
    """Flags by which pip in a build reaches what pip here reaches; they leave nothing in the image.

    Files are mounted while a step runs. A variable of the environment (`--env`) would stay in the image.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-build-") as folder:
        flags = []
        settings = pip_settings()
        authorities = settings.get("cert") or next(filter(None, map(os.environ.get, _AUTHORITIES)), None)
        if authorities and Path(authorities).is_file():
            settings["cert"] = _CA_INSIDE
            flags.append(f"--volume={Path(authorities).resolve()}:{_CA_INSIDE}:ro")
        if settings:
            file = Path(folder) / "pip.conf"
            file.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in sorted(settings.items())))
            flags.append(f"--volume={file}:/etc/pip.conf:ro")
        yield flags


def pip_settings() -> dict[str, str]:
    """Return how pip reaches its index on this machine, from its files and from the environment."""
    listed = subprocess.run(
        ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found and key in _REACHING:
            found[section][key] = value.strip().strip("'\"").replace("\\n", "\n    ")
    return {key: value for each in found.values() for key, value in each.items()}


def _environment() -> dict[str, str]:
    return os.environ | {"BUILDAH_ISOLATION": "chroot", "PATH": _path()}


def _path() -> str:
    """PATH with the folders of an administrator's programs, which debootstrap and runc are in."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

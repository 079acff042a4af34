"""`python -m image.dependencies`: installs the webhook's dependencies for one architecture, without what it never uses.

It runs while the image is built, on the building machine's architecture. Wheels of the other one are only unpacked, so
nothing has to be emulated.
"""

import argparse
import csv
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# Docker's name of an architecture, and the machine's own name, which wheels have.
ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
# PEP 600: a wheel for an older glibc runs on a newer one; Debian 12 has 2.36.
_LIBRARIES: Final = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_ABIS: Final = ("abi3", "none")

# The package `kubernetes` has three parts that the webhook never imports, and which are nearly all of it: a second
# client on asyncio, a method for each call of the API, and a class for each of its types. The webhook uses parts for
# configuration and connections, and decodes by itself (webhook/kube/client.py). The `__init__` of `api` and `models`
# stay, because the client imports them; they import what is in them only when it is asked for.
LEFT_OUT: Final = ("kubernetes/aio", "kubernetes/client/api", "kubernetes/client/models")
_KEPT: Final = "__init__.py"
# Only kubernetes/aio needs these distributions.
NOT_INSTALLED: Final = frozenset(
    {
        "aiohappyeyeballs",
        "aiohttp",
        "aiohttp-retry",
        "aiosignal",
        "attrs",
        "frozenlist",
        "multidict",
        "propcache",
        "yarl",
    }
)


HASHES: Final = Path(__file__).with_name("hashes.txt")
_HASHED: Final = re.compile(r"^(\S+==\S+)((?: \\\n {4}--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def with_hashes(pins: Iterable[str], hashes: str) -> list[str]:
    """Return pinned lines with the digests that their files may have, so that pip refuses any other file.

    `hashes` is a text like that of hashes.txt. Raises ValueError for a line that is not in it.
    """
    known = dict(_HASHED.findall(hashes))
    pins = list(pins)
    if missing := [pin for pin in pins if pin not in known]:
        raise ValueError(f"image/hashes.txt does not have {', '.join(missing)}: run make hashes")
    return [pin + known[pin] for pin in pins]


def wanted(requirements: Iterable[str]) -> list[str]:
    """Return the lines of a requirements file that the image needs; each has to pin one version."""
    lines = [line for text in requirements if (line := text.partition("#")[0].strip())]
    for line in lines:
        if not re.fullmatch(r"[a-z0-9.-]+==\S+", line):
            raise ValueError(f"{line!r} is not of the form name==version, which the image needs of every requirement")
    names = {line.partition("==")[0] for line in lines}
    if not names >= NOT_INSTALLED:
        unknown = ", ".join(sorted(NOT_INSTALLED - names))
        raise ValueError(
            f"{unknown}: left out of the image, but not required any longer; correct image/dependencies.py"
        )
    return [line for line in lines if line.partition("==")[0] not in NOT_INSTALLED]


def platform_flags(architecture: str, python: tuple[int, int] = sys.version_info[:2]) -> list[str]:
    """Return pip's flags for wheels of an architecture, by Docker's name; raises ValueError if there are none."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"no wheels for {architecture!r}: there is {' and '.join(ARCHITECTURES)}")
    machine, version = ARCHITECTURES[architecture], f"{python[0]}.{python[1]}"
    return [
        *(f"--platform={library}_{machine}" for library in _LIBRARIES),
        *(f"--abi={abi}" for abi in (f"cp{version.replace('.', '')}", *_ABIS)),
        "--implementation=cp",
        f"--python-version={version}",
        "--only-binary=:all:",
    ]


def leave_out(site_packages: Path) -> None:
    """Remove `LEFT_OUT` from installed packages, and from their list of files; raises ValueError if it is not there."""
    for name in LEFT_OUT:
        folder = site_packages / name
        if not (folder / _KEPT).is_file():
            raise ValueError(
                f"{folder} is not there: this version of kubernetes differs; correct image/dependencies.py"
            )
        kept = folder.parent.name == "client"
        for path in folder.iterdir():
            if not kept or path.name != _KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not kept:
            folder.rmdir()
    (record,) = site_packages.glob("kubernetes-*.dist-info/RECORD")
    with record.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if (site_packages / row[0]).exists()]
    with record.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def install(requirements: Path, site_packages: Path, architecture: str) -> None:
    """Install what the image needs of a requirements file; pip of this Python does it, and resolves nothing."""
    pins = wanted(requirements.read_text(encoding="utf-8").splitlines())
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(with_hashes(pins, HASHES.read_text(encoding="utf-8"))) + "\n")
        file.flush()
        command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--no-deps", "--quiet"]
        command.append("--require-hashes")
        to = [f"--target={site_packages}", *platform_flags(architecture), f"--requirement={file.name}"]
        subprocess.run([*command, *to], check=True)
    # Programs of the dependencies; `headroom` is installed with its wheel.
    shutil.rmtree(site_packages / "bin", ignore_errors=True)
    leave_out(site_packages)


def own_architecture() -> str:
    """Docker's name of this machine's architecture; raises ValueError if there are no wheels for it."""
    for name, machine in ARCHITECTURES.items():
        if platform.machine() == machine:
            return name
    raise ValueError(f"this machine is {platform.machine()}: give the architecture, {' or '.join(ARCHITECTURES)}")


def main() -> None:
    """Run pip, then leave out what is not used."""
    parser = argparse.ArgumentParser(description=__doc__.partition(": ")[2])
    parser.add_argument("requirements", type=Path)
    parser.add_argument("site_packages", type=Path)
    parser.add_argument("architecture", nargs="?", default="", help="amd64 or arm64; this machine's, if not given")
    given = parser.parse_args()
    install(given.requirements, given.site_packages, given.architecture or own_architecture())


if __name__ == "__main__":
    main()

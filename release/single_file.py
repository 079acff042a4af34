"""`kubectl-headroom` as one file for one platform, which needs nothing but Python.

Some of its libraries are compiled, for each version of Python and each platform by itself: the file holds those of one
platform for several versions. When it runs for the first time, it unpacks itself below ~/.shiv.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from image.dependencies import HASHES, with_hashes
from release.packages import ROOT

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "linux-amd64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
    "linux-arm64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
    "darwin-amd64": ("macosx_10_13_x86_64", "macosx_11_0_x86_64"),
    "darwin-arm64": ("macosx_11_0_arm64",),
}
"""As kubectl and krew name them, each with the tags of wheels that run there. Windows starts no such file."""


def build(wheel: Path, out: Path, platform: str, pythons: Sequence[str] = PYTHONS) -> Path:
    """Build the file for one platform from our wheel and the pinned libraries; return it."""
    file = out / f"kubectl-headroom-{platform}"
    with tempfile.TemporaryDirectory() as scratch:
        together = Path(scratch) / "together"
        libraries = Path(scratch) / "requirements.txt"
        pins = [
            line for line in (ROOT / "requirements-tools.txt").read_text(encoding="utf-8").splitlines() if "==" in line
        ]
        libraries.write_text("\n".join(with_hashes(pins, HASHES.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
        for python in pythons:
            one = Path(scratch) / python
            _install(one, ["--require-hashes", "--requirement", str(libraries)], platform, python)
            shutil.copytree(one, together, dirs_exist_ok=True)
        _install(together, [str(wheel)], platform, pythons[0])
        entry, start = "webhook.cli.main:plugin", "/usr/bin/env python3"
        shiv = [sys.executable, "-m", "shiv", "--reproducible", "--compressed"]
        line: list[str | Path] = [
            *shiv,
            "--site-packages",
            together,
            "--entry-point",
            entry,
            "--python",
            start,
            "--output-file",
            file,
        ]
        subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
    return file


def _install(folder: Path, what: Sequence[str], platform: str, python: str) -> None:
    """Have pip put wheels for that platform and Python into a folder; nothing of them is run."""
    tags = [f"--platform={tag}" for tag in PLATFORMS[platform]]
    for_others = ["--no-deps", "--only-binary=:all:", "--no-compile", f"--python-version={python}", *tags]
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
    line: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *quiet,
        "--upgrade",
        "--target",
        folder,
        *for_others,
        *what,
    ]
    subprocess.run(line, check=True)

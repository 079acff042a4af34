"""Makes a release: `python -m release [--out dist]`, or `make release`."""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import webhook
from release import archive, krew, packages, single_file
from release.packages import ROOT

SUMS: Final = "SHA256SUMS"


def make(
    out: Path,
    platforms: Sequence[str] = tuple(single_file.PLATFORMS),
    pythons: Sequence[str] = single_file.PYTHONS,
) -> list[Path]:
    """Make all files of a release in `out`, which must be empty or not there; return them, the checksums last."""
    if out.exists() and any(out.iterdir()):
        raise SystemExit(f"{out} is not empty: remove it, or name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    wheel, time = packages.build(out), packages.committed()
    shutil.copy(ROOT / "manifests" / "install.yaml", out)
    chart = archive.tree(ROOT / "charts" / "headroom", "headroom")
    archive.write(out / f"headroom-{webhook.__version__}.tgz", chart, time)
    archives = {}
    for platform in platforms:
        program = single_file.build(wheel, out, platform, pythons)
        inside = {krew.PROGRAM: program, "LICENSE": ROOT / "LICENSE"}
        executable = frozenset({krew.PROGRAM})
        archives[platform] = archive.write(out / f"{program.name}.tar.gz", inside, time, executable=executable)
    (out / "krew.yaml").write_text(krew.manifest(archives), encoding="utf-8")
    files = sorted(out.iterdir())
    (out / SUMS).write_text("".join(f"{_sum(each)}  {each.name}\n" for each in files), encoding="utf-8")
    return [*files, out / SUMS]


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def changed() -> list[str]:
    """Return the files of the checkout that no commit has."""
    line = ["git", "-C", str(ROOT), "status", "--porcelain"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()


def main(arguments: Sequence[str]) -> None:
    """Make a release of what is committed, and list its files."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Make a release in a folder.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder (default: dist)")
    platforms = single_file.PLATFORMS
    parser.add_argument("--platform", action="append", choices=platforms, help="for this platform alone; repeatable")
    options = parser.parse_args(arguments)
    if dirty := changed():
        raise SystemExit(f"a release is made of what is committed; commit or remove first: {', '.join(dirty)}")
    for file in make(options.out, options.platform or tuple(platforms)):
        print(f"{file.stat().st_size:>12,}  {file}")


if __name__ == "__main__":
    main(sys.argv[1:])

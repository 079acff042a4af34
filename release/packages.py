"""The Python package: a source archive, and a wheel that is built from that archive."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def build(out: Path) -> Path:
    """Build both into `out`, with the setuptools that is pinned for us; return the wheel."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(committed())}
    line = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    (wheel,) = out.glob("kubectl_headroom-*.whl")
    return wheel


def committed() -> int:
    """Return the time of the last commit, in seconds: the one time that archives name."""
    done = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"],  # noqa: S607 - whichever git is used here
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)

"""`python -m tests.stress.soak [--length L] [--seed N]`: a soak on a control plane of its own, and its table."""

import argparse
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from devcluster.controlplane import ControlPlane
from tests.stress.scene import APISERVER, scene
from tests.stress.soak.report import problems, table
from tests.stress.soak.run import SOAK, soak

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """Read a length such as 90, 10m or 2h; raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if found is None:
        raise ValueError(f"{text!r} is no length such as 90, 10m or 2h")
    return float(found.group(1)) * UNITS[found.group(2)]


def main() -> int:
    """Soak; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.soak", description="Faults under load.")
    parser.add_argument("--length", type=seconds, default=SOAK.seconds, help="such as 10m; all comes once at least")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--work", type=Path, help="folder for logs and data, which then stays (default: a new one)")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="headroom-soak-"))
    print(f"seed {asked.seed}, logs in {work}", flush=True)
    began = time.monotonic()
    with (
        ControlPlane(work / "cluster", controllers=False, apiserver_flags=APISERVER) as plane,
        scene(plane) as place,
    ):
        found = soak(
            place,
            work / "headroom",
            asked.seed,
            SOAK._replace(seconds=asked.length),
            lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True),
        )
    print(table(found))
    wrong = problems(found)
    print("\n".join(f"WRONG: {each}" for each in wrong) or "nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

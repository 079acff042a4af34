"""Fuzzes the targets one after the other: python -m tests.fuzz [--target NAME] [--seconds N] [--seed N]."""

import argparse
import sys

from tests.fuzz.running import WORK, fuzz
from tests.fuzz.targets import NAMES


def main() -> int:
    """Print a line for each target, and what broke it; return 1 if anything did."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--target", choices=["all", *NAMES], default="all")
    options.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    options.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1)")
    asked = options.parse_args()
    print(f"{'TARGET':<18}{'EXECUTIONS':>12}{'EDGES':>8}{'INPUTS':>8}", flush=True)
    failed = False
    for name in NAMES if asked.target == "all" else (asked.target,):
        found = fuzz(name, [f"-max_total_time={asked.seconds}"], asked.seed)
        print(f"{name:<18}{found.executions:>12,}{found.coverage:>8,}{found.inputs:>8,}", flush=True)
        if found.failure:
            failed = True
            print(f"{found.failure}\nthe input is in {WORK / name}: put it into tests/fuzz/cases/{name}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""Fuzzes the targets: python -m tests.fuzz [--target NAME] [--seconds N] [--seed N] [--processor-minutes N]."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.rounds import rounds
from tests.fuzz.running import WORK, fuzz
from tests.fuzz.targets import NAMES


def main() -> int:
    """Print a line for each run, and what broke the target; return 1 if anything did."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--target", choices=["all", *NAMES], default="all")
    options.add_argument("--seconds", type=int, default=60, help="by the clock, for each run (default: 60)")
    options.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1)")
    options.add_argument("--work", type=Path, default=WORK, help=f"where corpora are kept (default: {WORK})")
    options.add_argument(
        "--processor-minutes", type=float, default=0.0, help="run the targets in turns until each has had that much"
    )
    asked = options.parse_args()
    names = NAMES if asked.target == "all" else (asked.target,)
    if asked.processor_minutes:
        return _in_turns(names, asked)
    print(f"{'TARGET':<18}{'EXECUTIONS':>12}{'EDGES':>8}{'INPUTS':>8}", flush=True)
    failed = False
    for name in names:
        found = fuzz(name, [f"-max_total_time={asked.seconds}"], asked.seed, asked.work)
        print(f"{name:<18}{found.executions:>12,}{found.coverage:>8,}{found.inputs:>8,}", flush=True)
        failed |= _told(name, found.failure, asked.work)
    return int(failed)


def _in_turns(names: tuple[str, ...], asked: argparse.Namespace) -> int:
    print(f"{'TARGET':<18}{'CPU MINUTES':>12}{'EXECUTIONS':>14}{'EDGES':>8}{'INPUTS':>8}{'FAILURES':>9}", flush=True)
    failed = False
    for name, run, spent in rounds(names, asked.processor_minutes * 60, asked.seconds, asked.seed, asked.work):
        print(
            f"{name:<18}{spent.processor / 60:>12.1f}{spent.executions:>14,}{spent.coverage:>8,}{spent.inputs:>8,}"
            f"{spent.failures:>9}",
            flush=True,
        )
        failed |= _told(name, run.failure, asked.work)
    return int(failed)


def _told(name: str, failure: str, work: Path) -> bool:
    if failure:
        print(f"{failure}\nthe input is in {work / name}: put it into tests/fuzz/cases/{name}", flush=True)
    return bool(failure)


if __name__ == "__main__":
    sys.exit(main())

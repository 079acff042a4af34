"""`python -m tests.mutation`: how many small faults the tests notice, room by room, and which they do not."""

import argparse
import signal
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from types import FrameType

from tests.mutation import equivalent
from tests.mutation.rooms import rooms
from tests.mutation.run import Mutant, Trial, apart, draw, mutants, rates, tried
from tests.mutation.sandbox import BaselineError

CHECKOUT = Path(__file__).parents[2]


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    options.add_argument("--count", type=int, default=60, help="how many faults to try (default: 60)")
    options.add_argument("--seed", type=int, default=1, help="which ones: the same seed draws the same (default: 1)")
    options.add_argument("--minutes", type=float, default=10.0, help="when to stop in any case (default: 10)")
    options.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="how many at a time (default: 1)")
    options.add_argument("--room", action="append", help="only this room; may be repeated")
    options.add_argument("--at", help="every fault of this FILE or FILE:LINE, without drawing")
    options.add_argument("--at-least", type=float, default=0.0, help="exit 1 if fewer percent are noticed")
    return options.parse_args()


def _chosen(options: argparse.Namespace) -> tuple[list[Mutant], int]:
    """Return the faults to try, and of how many they were drawn."""
    here = [room for room in rooms(CHECKOUT) if not options.room or room.name in options.room]
    left, stale = apart(mutants(CHECKOUT, here), equivalent.read())
    if not options.room:
        for entry in stale:
            print(f"equivalent.toml: no fault is like this any more: {entry.file}: {entry.code}: {entry.change}")
    if options.at:
        return [mutant for mutant in left if options.at in (mutant.file, mutant.where)], len(left)
    return draw(left, options.count, options.seed), len(left)


def shown(trials: Iterable[Trial], seen: list[Trial]) -> None:
    """Print what is not noticed as it comes, and the rate of each room when it is through; keep all in `seen`."""
    for room, those in groupby(trials, key=lambda trial: trial.mutant.room.name):
        for trial in those:
            seen.append(trial)
            if not trial.noticed:
                print(f"  {trial.mutant.where}  {trial.mutant.edit.change}", flush=True)
        print(_rate(room, *rates(seen)[room]), flush=True)


def _rate(of: str, noticed: int, whole: int) -> str:
    return f"{of}: {noticed} of {whole}, {noticed / whole:.1%}" if whole else f"{of}: nothing to try"


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that the copy is removed


def main() -> int:
    """Run as asked."""
    signal.signal(signal.SIGTERM, _stop)
    options = _options()
    drawn, whole = _chosen(options)
    print(f"{len(drawn)} faults of {whole}, seed {options.seed}. What no test of its room notices:", flush=True)
    trials: list[Trial] = []
    try:
        shown(tried(CHECKOUT, drawn, options.jobs, options.minutes * 60), trials)
    except KeyboardInterrupt:
        print("stopped")
    except BaselineError as error:
        print(error, file=sys.stderr)
        return 2
    noticed = sum(trial.noticed for trial in trials)
    left = len(drawn) - len(trials)
    print(_rate("all", noticed, len(trials)) + (f"; {left} were not tried" if left else ""))
    return int(100 * noticed < options.at_least * len(trials))


if __name__ == "__main__":
    sys.exit(main())

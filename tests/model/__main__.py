"""Run the simulation for as long as one likes: python -m tests.model --runs 1000 --seed 1."""

import argparse
import time

from tests.model.simulation import runs


def main() -> None:
    """Run the simulation and print what it did; a violation ends it, with the seed that reproduces it."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first; each run takes the next")
    options = parser.parse_args()
    began = time.monotonic()
    steps, count = runs(options.runs, options.seed)
    took = time.monotonic() - began
    print(f"{options.runs} runs, {steps} steps, {took:.1f} s, {steps / took:.0f} steps/s; no rule was broken")
    print(", ".join(f"{number} {what}" for what, number in sorted(count.items())))


if __name__ == "__main__":
    main()

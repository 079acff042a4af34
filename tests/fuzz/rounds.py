"""Fuzzes targets in turns until each has had its share of processor time, and keeps an account of what was spent."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.running import Result, fuzz

_SLOWEST = 600  # seconds by the clock for one input: a process of low priority may have to wait for most of them


class Spent(NamedTuple):
    """What was spent on a target in all of its runs, and what the runs reached; `processor` in seconds."""

    processor: float = 0.0
    executions: int = 0
    coverage: int = 0
    inputs: int = 0
    failures: int = 0

    def after(self, run: Result) -> "Spent":
        """Add a run."""
        return Spent(
            round(self.processor + run.processor, 1),
            self.executions + run.executions,
            max(self.coverage, run.coverage),
            max(self.inputs, run.inputs),
            self.failures + bool(run.failure),
        )


def account(work: Path) -> dict[str, Spent]:
    """Read what was spent on each target whose corpus is in `work`."""
    kept = _file(work)
    return {name: Spent(**spent) for name, spent in json.loads(kept.read_text()).items()} if kept.exists() else {}


def rounds(
    names: Sequence[str], processor: float, turn: int, seed: int, work: Path
) -> Iterator[tuple[str, Result, Spent]]:
    """Give each target in turn `turn` seconds by the clock, until each has had `processor` seconds of processor time.

    What earlier calls spent counts, so that a call which was ended goes on. Each turn mutates by a seed of its own. A
    target that failed keeps its turns: what it found is in `work`.
    """
    spent = {name: Spent() for name in names} | account(work)
    while left := [name for name in names if spent[name].processor < processor]:
        for name in left:
            run = fuzz(name, [f"-max_total_time={turn}"], (seed + spent[name].executions) % 2**31, work, _SLOWEST)
            spent[name] = spent[name].after(run)
            _write(work, spent)
            yield name, run, spent[name]


def _file(work: Path) -> Path:
    return work / "account.json"


def _write(work: Path, spent: dict[str, Spent]) -> None:
    new = work / "account.new"
    new.write_text(json.dumps({name: each._asdict() for name, each in spent.items()}, indent=1) + "\n")
    new.replace(_file(work))

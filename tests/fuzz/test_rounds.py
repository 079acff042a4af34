"""Targets take turns until each has had its share of processor time, over all calls; no target is run here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fuzz import rounds as module
from tests.fuzz.rounds import Spent, account, rounds
from tests.fuzz.running import Result

GIVEN = {"slow": 1.0, "fast": 4.0}  # seconds of a processor that a turn gives each target


class Runs:
    """Stands in for libFuzzer, and keeps which target was run with which limits and seed."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.failure = ""

    def fuzz(self, name: str, limits: Sequence[str], seed: int, _work: Path, _slowest: int) -> Result:
        self.seen.append((name, limits[0], seed))
        return Result(10, 100 - len(self.seen), 5, self.failure, GIVEN[name])

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.seen]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr(module, "fuzz", found.fuzz)
    return found


def test_each_has_turns_until_it_has_had_its_share(runs: Runs, tmp_path: Path) -> None:
    told = [(name, spent.processor) for name, _, spent in rounds(["slow", "fast"], 3.0, 7, 1, tmp_path)]
    assert told == [("slow", 1.0), ("fast", 4.0), ("slow", 2.0), ("slow", 3.0)]
    assert {limit for _, limit, _ in runs.seen} == {"-max_total_time=7"}


def test_each_turn_has_a_seed_of_its_own(runs: Runs, tmp_path: Path) -> None:
    list(rounds(["slow"], 3.0, 7, 5, tmp_path))
    assert [seed for _, _, seed in runs.seen] == [5, 15, 25]


def test_a_call_that_was_ended_is_gone_on_with(runs: Runs, tmp_path: Path) -> None:
    next(rounds(["slow", "fast"], 3.0, 7, 1, tmp_path))
    list(rounds(["slow", "fast"], 3.0, 7, 1, tmp_path))
    assert runs.names == ["slow", "slow", "fast", "slow"]
    assert list(rounds(["slow", "fast"], 3.0, 7, 1, tmp_path)) == []


def test_the_account_has_sums_and_the_best_that_was_reached(runs: Runs, tmp_path: Path) -> None:
    assert account(tmp_path) == {}
    list(rounds(["slow"], 2.0, 7, 1, tmp_path))
    assert account(tmp_path) == {"slow": Spent(2.0, 20, 99, 5, 0)}


def test_a_target_that_failed_keeps_its_turns(runs: Runs, tmp_path: Path) -> None:
    runs.failure = "it broke"
    found = [run.failure for _, run, _ in rounds(["slow"], 2.0, 7, 1, tmp_path)]
    assert (found, account(tmp_path)["slow"].failures) == (["it broke"] * 2, 2)

"""Alone: there are as many rounds as are wanted, and more only where other programs disturbed them."""

from collections.abc import Sequence

import pytest

from benchmarks import alone
from benchmarks.alone import CALM_ROUNDS, CLAIMED, COLUMNS, THREADS, case, in_rounds
from benchmarks.figures import Chapter
from benchmarks.pace import OTHERS

WANTED = {1: 2, 16: CALM_ROUNDS + 1}


def run(disturbed: int) -> list[Sequence[int]]:
    """Go through all rounds, in the first of which other programs took half of the processors."""
    chapter, seen = Chapter("alone", COLUMNS), []
    for number, clients in in_rounds(chapter, WANTED):
        seen.append(clients)
        for rival in (*CLAIMED, *(f"flask-gthread-{threads}" for threads in THREADS)):
            chapter.add(case(16), rival, number, {OTHERS: 0.5 if number <= disturbed else 0.0})
    return seen


@pytest.mark.parametrize("disturbed", [0, 1])
def test_there_are_as_many_rounds_as_are_wanted_of_each(disturbed: int) -> None:
    assert run(disturbed) == [[1, 16]] * 2 + [[16]] * (CALM_ROUNDS - 1)


def test_there_are_more_until_enough_of_them_were_undisturbed() -> None:
    assert len(run(disturbed=4)) == 4 + CALM_ROUNDS


def test_there_are_no_more_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "SECONDS", 0.0)
    assert len(run(disturbed=100)) == CALM_ROUNDS + 1

"""Pairs: the estimate finds a ratio through noise, and says how well it knows it."""

from collections.abc import Callable
from random import Random
from statistics import fmean

import pytest

from benchmarks.estimates import Estimate
from tests.stress.pairs import Patience, Turns, in_turn, possible_rate


def noisy(seconds: float, chance: Random) -> Callable[[], float]:
    """Work that takes so long, give or take a tenth, and three times as long every tenth time."""
    return lambda: seconds * chance.lognormvariate(0, 0.1) * (3 if chance.random() < 0.1 else 1)


def pairs(first: Callable[[], float], second: Callable[[], float], number: int, width: float = 0.0) -> Turns:
    """Take turns until the interval is so narrow (at least six pairs), or for so many pairs."""
    clock = iter(range(number + 2))
    return in_turn(first, second, Patience(6, width, number + 0.5), lambda: float(next(clock)))


@pytest.mark.parametrize("truth", [0.95, 1.0, 1.1])
def test_a_ratio_is_found_within_its_interval_nineteen_times_of_twenty(truth: float) -> None:
    chance = Random(7)  # noqa: S311 - the same noise each time
    turns = [pairs(noisy(truth, chance), noisy(1.0, chance), 40).ratio for _ in range(200)]
    assert 184 <= sum(each.low <= truth <= each.high for each in turns) <= 197
    assert fmean(each.width / each.ratio for each in turns) < 0.1


def test_turns_are_taken_until_the_interval_is_narrow_and_no_longer() -> None:
    chance = Random(7)  # noqa: S311 - the same noise each time
    still = pairs(lambda: 2.0, lambda: 1.0, 100, 0.01)
    assert still.ratio == Estimate(2.0, 2.0, 2.0, 6)
    narrow = pairs(noisy(1.0, chance), noisy(1.0, chance), 10_000, 0.05)
    assert 6 < narrow.ratio.pairs < 200
    assert narrow.ratio.width <= 0.05
    assert pairs(noisy(1.0, chance), noisy(1.0, chance), 20, 0.001).ratio.pairs == 20


def test_a_machine_that_gets_slower_favours_neither_way() -> None:
    seconds = iter(1 + turn / 100 for turn in range(1000))
    turns = pairs(lambda: next(seconds), lambda: next(seconds), 40)
    assert turns.ratio.ratio == pytest.approx(1.0, abs=0.001)
    assert all(control.ratio < 0.995 for control in turns.controls)


def test_the_controls_are_turns_of_one_way_right_after_each_other() -> None:
    order: list[str] = []
    first, second = iter(range(1, 100)), iter(range(1, 100))

    def take(name: str, number: float) -> float:
        order.append(name)
        return number

    turns = pairs(lambda: take("a", next(first)), lambda: take("b", next(second)), 6)
    assert "".join(order) == "abbaabbaabba"
    of_first, of_second = turns.controls
    assert (of_first.pairs, of_second.pairs) == (2, 3)  # the first turn of all has none before it
    assert of_second == Estimate.of([1 / 2, 3 / 4, 5 / 6])
    assert of_first == Estimate.of([2 / 3, 4 / 5])


def test_the_possible_rate_is_that_of_all_processor_time_whatever_others_spend_by_chance() -> None:
    own = Turns([1.0] * 6, [1.1] * 6)
    others = Turns([9.0, 7.0, 9.0, 12.0, 9.0, 9.0], [9.0, 11.0, 9.0, 6.0, 9.0, 9.0])
    assert possible_rate(own, others) == pytest.approx((10 / 10.1, 10 / 10.1, 10 / 10.1, 6))
    assert possible_rate(own, Turns([0.0] * 6, [0.0] * 6)).ratio == pytest.approx(1 / 1.1)

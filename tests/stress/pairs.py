"""Compares how long the same work takes in two ways, measured in turn, so that other load affects both ways alike.

The turns go A B, B A, A B, …: a machine that gets slower or faster favours neither way. Each pair gives one ratio, and
the ratios' Hodges-Lehmann estimate is the result: it is nearly as precise as a mean, and a few turns in which the
machine was busy do not move it. Two turns of the same way, one right after the other, are a control: without errors of
the measurement itself, their ratio is 1.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.estimates import Estimate

_FEWEST = 6  # pairs that a 95 % interval needs at least


class Turns(NamedTuple):
    """How long the turns of two ways took, in seconds and in order."""

    first: list[float]
    second: list[float]

    @property
    def ratio(self) -> Estimate:
        """How many times as long the first way takes as the second."""
        return Estimate.of([a / b for a, b in zip(self.first, self.second, strict=True)])

    @property
    def controls(self) -> tuple[Estimate, Estimate]:
        """Return the ratio of each way to itself, from two turns, one right after the other."""
        return Estimate.of(list(_quotients(self.first[1:]))), Estimate.of(list(_quotients(self.second)))


def _quotients(turns: Sequence[float]) -> Iterator[float]:
    """Yield how many times as long the earlier of two turns took as the later one."""
    for earlier, later in zip(turns[::2], turns[1::2], strict=False):
        yield earlier / later


def possible_rate(own: Turns, others: Turns) -> Estimate:
    """Return how many times the rate of the first way is possible in the second, where processors limit the rate.

    `own` is the processor time of what differs between the two ways, `others` that of everything else, which differs
    only by chance and is therefore averaged over each pair.
    """
    pairs = zip(own.first, own.second, others.first, others.second, strict=True)
    return Estimate.of([(a + (c + d) / 2) / (b + (c + d) / 2) for a, b, c, d in pairs])


class Patience(NamedTuple):
    """When to stop: enough pairs and a narrow enough interval, or the time is up."""

    pairs: int
    width: float
    seconds: float


def in_turn(
    first: Callable[[], float],
    second: Callable[[], float],
    patience: Patience,
    clock: Callable[[], float] = time.monotonic,
) -> Turns:
    """Take turns until there are enough pairs.

    The stop depends on the width of the interval and not on the ratio itself, which would bias the result.
    """
    turns = Turns([], [])
    ends = clock() + patience.seconds
    while clock() < ends or len(turns.first) < _FEWEST:
        in_order = ((first, turns.first), (second, turns.second))
        for take, taken in in_order if len(turns.first) % 2 == 0 else in_order[::-1]:
            taken.append(take())
        if len(turns.first) >= patience.pairs and turns.ratio.width <= patience.width:
            break
    return turns

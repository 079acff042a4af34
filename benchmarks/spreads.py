"""Spreads: the rounds of a run summarized as a median and the quartiles around it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from statistics import median, quantiles
from typing import NamedTuple


class Spread(NamedTuple):
    """A median, and the quartiles between which the middle half of the rounds lies."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Make a spread from one value per round."""
        if len(values) < 2:
            return cls(*(values[0],) * 3)
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}-{short(self.high)})"


class Ratio(NamedTuple):
    """A ratio over all rounds: adjusted as if the machine's pace had always been the same, and as it was measured."""

    adjusted: Spread
    seen: Spread
    rounds: str = ""  # which rounds count

    def __str__(self) -> str:
        return f"{self.adjusted}" + ("" if self.seen == self.adjusted else f"{self.rounds}, unadjusted {self.seen}")


def smallest(values: Iterable[Ratio]) -> Ratio:
    """Return the ratio with the lowest adjusted median."""
    return min(values, key=lambda ratio: ratio.adjusted.median)


def furthest(values: Collection[Ratio]) -> Ratio:
    """Return by how much the largest of some ratios exceeds the smallest."""
    least, most = (pick(values, key=lambda ratio: ratio.adjusted.median) for pick in (min, max))
    return Ratio(difference(least.adjusted, most.adjusted), difference(least.seen, most.seen))


def difference(a: Spread, b: Spread) -> Spread:
    """Return by how much the larger of two ratios exceeds the smaller, as a share of the smaller.

    The spread includes that of both.
    """
    share: Callable[[float, float], float] = lambda x, y: max(x, y) / min(x, y) - 1  # noqa: E731 - used only here
    edges = (share(a.low, b.high), share(a.high, b.low))
    return Spread(share(a.median, b.median), min(*edges, share(a.median, b.median)), max(edges))


def short(value: float) -> str:
    """Format a number with three digits, or, from 100 on, as a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

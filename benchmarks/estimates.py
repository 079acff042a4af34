"""Estimates: a ratio from many pairs of measurements, with an interval that says how well it is known.

J. L. Hodges, E. L. Lehmann, "Estimates of Location Based on Rank Tests", Ann. Math. Stat. 34 (1963); the interval is
that of Wilcoxon's signed-rank test.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import exp, floor, log, sqrt
from statistics import median
from typing import NamedTuple

_NORMAL = 1.96  # standard deviations on each side of the mean that contain 95 %


class Estimate(NamedTuple):
    """A ratio, and its 95 % confidence interval."""

    ratio: float
    low: float
    high: float
    pairs: int

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Estimate":
        """Estimate from one ratio for each pair."""
        count = len(ratios)
        means = sorted((log(a) + log(b)) / 2 for a, b in combinations_with_replacement(ratios, 2))
        below = count * (count + 1) / 4 - _NORMAL * sqrt(count * (count + 1) * (2 * count + 1) / 24)
        outside = max(0, min(floor(below), (len(means) - 1) // 2))
        return cls(exp(median(means)), exp(means[outside]), exp(means[-1 - outside]), count)

    @property
    def width(self) -> float:
        """How far the interval reaches from the ratio, on its longer side."""
        return max(self.high - self.ratio, self.ratio - self.low)

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.low:.3f}-{self.high:.3f}, {self.pairs} pairs)"

"""Covariance: the common slope of straight lines through groups of points, where each group has its own height.

R. A. Fisher, "Statistical Methods for Research Workers" (fourth edition, 1932): the analysis of covariance.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum
from statistics import fmean
from typing import NamedTuple

# A sum of squares below this is only rounding error: x does not vary.
NOTHING = 1e-9


class Point(NamedTuple):
    """One measured point of a group."""

    group: str
    x: float
    y: float


def common_slope(points: Iterable[Point]) -> float:
    """Return how much y grows with x within groups, by least squares; 0 if x does not vary.

    Only deviations from each group's own means count, so the position of a group as a whole has no effect.
    """
    groups: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        groups[point.group].append(point)
    apart = [pair for group in groups.values() for pair in _deviations(group)]
    square = fsum(x * x for x, _ in apart)
    return fsum(x * y for x, y in apart) / square if square > NOTHING else 0.0


def _deviations(group: list[Point]) -> Iterable[tuple[float, float]]:
    x, y = fmean(point.x for point in group), fmean(point.y for point in group)
    return ((point.x - x, point.y - y) for point in group)

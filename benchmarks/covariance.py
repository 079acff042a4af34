"""Covariance: one straight line's slope, shared by groups that each lie at a height of their own.

R. A. Fisher, "Statistical Methods for Research Workers" (fourth edition, 1932): the analysis of covariance.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum
from statistics import fmean
from typing import NamedTuple

# Below this x does not vary but for what the arithmetic leaves.
NOTHING = 1e-9


class Point(NamedTuple):
    """What was seen at one x in a group."""

    group: str
    x: float
    y: float


def common_slope(points: Iterable[Point]) -> float:
    """By how much y grows with x within groups, by least squares; 0 where x does not vary.

    Only deviations from each group's own means count: a group that lies high, or far to the right, changes nothing.
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

"""Fit: how many pods of a plan fit the ledger as it is now, and which sums are in the way.

For each pod it compares what the pod webhook would compare: the footprint of the new pod with what is left of every
bounded sum, after the new pods before it have come and the old ones have gone. So as long as nothing else changes,
exactly the pods that are said to fit are admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.forecast.plan import Plan
from webhook.core.forecast.rollout import Rollout
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.places import Lacking, front_of, lacking_on
from webhook.core.reviews.verdict import Sum, growth


class Obstacle(StrEnum):
    """What happens to an edit whose pods do not all fit."""

    SHORT = "short"  # not all pods fit, even once all old ones are gone
    STALL = "stall"  # all pods would fit in the end, but the rolling update cannot get there
    SURGE = "surge"  # the update gets there; only its surge does not fit


@dataclass(frozen=True, slots=True)
class Foresight:
    """`fit` of `of` pods fit, and `sums` are in the way, the tightest first; for a surge only its own pods are counted.

    `each` is what one pod adds to the tightest sum. The `asked` of a sum is the most by which the plan raises it at any
    moment.
    """

    obstacle: Obstacle
    fit: int
    of: int
    each: int
    sums: tuple[Sum, ...]
    advice: str = ""

    @property
    def grows(self) -> bool:
        """Say whether the plan raises any sum that is in the way; a plan that raises none is never refused."""
        return any(s.asked for s in self.sums)


class Line(NamedTuple):
    """One bounded sum: what a new pod adds, what an old one gives back, and what is left (below zero if it is over)."""

    sum: Sum
    each: int
    back: int
    left: int

    def need(self, course: Rollout, new: int) -> int:
        """By how much the sum has grown when `new` new pods live and one more comes."""
        return (new + 1) * self.each - course.gone(new) * self.back

    def fit_on(self, course: Rollout) -> int:
        """How many new pods come before the first that does not fit."""
        return course.first(lambda new: self.need(course, new) > self.left)

    def fit_at_last(self, course: Rollout) -> int:
        """How many new pods fit once all old pods that go are gone."""
        return min(max(0, (self.left + course.going * self.back) // self.each), course.come)

    def fit_of_surge(self, course: Rollout) -> int:
        """How many pods of the surge fit before any old pod goes in exchange for a new one."""
        return min(max(0, (self.left + course.excess * self.back) // self.each), course.surge)

    def at_peak(self, course: Rollout) -> Sum:
        """The sum, with `asked` as the most by which the rollout raises it."""
        return replace(self.sum, asked=max(0, *(self.need(course, new) for new in course.corners())))


_Tight = list[tuple[int, Line]]
"""The sums that keep pods out, the tightest first, each with how many pods it lets in; empty if there are none."""


def facts_of(namespace: str, plan: Plan) -> tuple[PodInfo, PodInfo]:
    """Return a new and an old pod of the plan as the ledger sees them; raises `ObjectError`."""
    nameless = f"{namespace}/"  # no pod has this name, so it counts beside all that live
    return pod_info(plan.new, nameless), pod_info(plan.old, nameless)


def look(ledger: Ledger, new: PodInfo, old: PodInfo) -> list[Line]:
    """Return the present state of every sum that a new pod raises."""
    before = ledger.spread(old)
    return [
        Line(s, s.asked, before.in_scope(s.scope)[s.index], s.bound - s.committed - s.granted)
        for s in growth(ledger, new)
    ]


def lacking(ledger: Ledger, plan: Plan, new: PodInfo) -> Lacking | None:
    """Return what one of the plan's pods asks that no node can hold; None if a node can hold it."""
    return lacking_on(front_of(plan.rooms), new.footprint) if plan.rooms else ledger.lacking(new)


def foresee(plan: Plan, lines: list[Line], *, refused: bool) -> Foresight | None:
    """Return what is in the way of a plan; None if nothing is.

    `refused` says that pods that do not fit are refused. Where they are admitted, no update stalls.
    """
    course, lines = _filled(plan.course, lines)
    if tight := _tight(lines, course, Line.fit_at_last, course.come):
        return _told(Obstacle.SHORT, tight, course, "")
    if refused and (tight := _tight(lines, course, Line.fit_on, course.come)):
        helps = not _tight(lines, course.without_surge(), Line.fit_on, course.come)
        return _told(Obstacle.STALL, tight, course, plan.advice if helps else "")
    if tight := _tight(lines, course, Line.fit_of_surge, course.surge):
        return _told(Obstacle.SURGE, tight, course, plan.advice)
    return None


def _told(obstacle: Obstacle, tight: _Tight, course: Rollout, advice: str) -> Foresight:
    fit, line = tight[0]
    if obstacle is Obstacle.SURGE:
        sums = tuple(replace(each.sum, asked=each.each * course.surge) for _, each in tight)
        return Foresight(obstacle, fit, course.surge, line.each, sums, advice)
    return Foresight(
        obstacle, course.kept + fit, course.wanted, line.each, tuple(each.at_peak(course) for _, each in tight), advice
    )


def _filled(course: Rollout, lines: list[Line]) -> tuple[Rollout, list[Line]]:
    """Let the old pods that are missing come first, as far as they fit."""
    fits = min((max(0, line.left) // line.back for line in lines if line.back), default=course.fill)
    more = min(fits, course.fill)
    return course.filled(more), [line._replace(left=line.left - more * line.back) for line in lines]


def _tight(lines: list[Line], course: Rollout, count: Callable[[Line, Rollout], int], least: int) -> _Tight:
    counted = [(count(line, course), line) for line in lines]
    return sorted((each for each in counted if each[0] < least), key=itemgetter(0))

"""Fit: how many pods of a plan fit the ledger as it is now, and which sums are in the way.

It compares what the pod webhook would compare, pod by pod: each new pod's footprint with what is left of every bounded
sum, after the new pods before it came and the old ones went. So with everything else still, the pods that are said to
fit are those that are let in. Where that depends on which of two controllers is quicker, nothing is foreseen.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as changed
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.forecast.plan import Plan
from webhook.core.forecast.rollout import Rollout
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.places import Lacking, front_of, lacking_on
from webhook.core.pods.rules import NEWEST, Rules
from webhook.core.reviews.verdict import Sum, growth


class Obstacle(StrEnum):
    """What happens to an edit whose pods do not all fit."""

    SHORT = "short"  # not all of the pods fit, even once everything old is gone; those that fit do come
    STALL = "stall"  # more would fit once everything old is gone, but an update cannot get there
    SURGE = "surge"  # it gets there; only its surge does not fit


@dataclass(frozen=True, slots=True)
class Foresight:
    """`fit` of `of` pods fit, and `sums` are in the way, the tightest first; for a surge only its own pods are counted.

    `each` is what one pod asks of that. A sum's `asked` is the most by which the plan would raise it at any moment.
    `lost` is how many pods that run, and are wanted, go without another in their place. With `advice` the update gets
    to `reach` of them.
    """

    obstacle: Obstacle
    fit: int
    of: int
    each: int
    sums: tuple[Sum, ...]
    lost: int = 0
    advice: str = ""
    reach: int = 0

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


def infos_of(namespace: str, plan: Plan, rules: Rules = NEWEST) -> tuple[PodInfo, PodInfo]:
    """Return what a new and an old pod of the plan are to the account; raises `ObjectError`."""
    nameless = f"{namespace}/"  # so that it adds to nothing that lives
    return pod_info(plan.new, nameless, rules=rules), pod_info(plan.old, nameless, rules=rules)


def look(ledger: Ledger, new: PodInfo, old: PodInfo) -> list[Line]:
    """Return the present state of every sum that a new pod raises."""
    before = ledger.charge(old)
    return [
        Line(s, s.asked, before.in_scope(s.scope)[s.index], s.bound - s.committed - s.granted)
        for s in growth(ledger, new)
    ]


def lacking(ledger: Ledger, plan: Plan, new: PodInfo) -> Lacking | None:
    """Return what one of the plan's pods asks that no node can hold; None if a node can hold it."""
    return lacking_on(front_of(plan.rooms), new.footprint) if plan.rooms else ledger.lacking(new)


def foresee(plan: Plan, lines: list[Line], *, refused: bool) -> Foresight | None:
    """Say what is in the way of a plan; None when nothing is, or when it cannot be known.

    `refused` says that pods that do not fit are refused. Where they are admitted, no update stalls.
    """
    first, *others = (_foreseen(plan, *each, refused=refused) for each in _races(plan.course, lines))
    return first if all(_outcome(each) == _outcome(first) for each in others) else None


def _outcome(found: Foresight | None) -> tuple[object, ...] | None:
    if found is None:
        return None
    return found.obstacle, found.fit, found.of, found.lost, found.advice, found.reach


def _foreseen(plan: Plan, course: Rollout, lines: list[Line], *, refused: bool) -> Foresight | None:
    at_last = _most(lines, course, Line.fit_at_last)
    reached = _most(lines, course, Line.fit_on) if refused else at_last
    if reached < at_last:
        tight = _tight(lines, course, Line.fit_on, course.come)
        return _foresight(Obstacle.STALL, tight, course, *_way_out(plan, course, lines, at_last))
    if at_last < course.come:
        found = _foresight(Obstacle.SHORT, _tight(lines, course, Line.fit_at_last, course.come), course)
        return found if refused else changed(found, lost=0)
    if tight := _tight(lines, course, Line.fit_of_surge, course.surge):
        (fit, line), sums = tight[0], tuple(replace(s.sum, asked=s.each * course.surge) for _, s in tight)
        return Foresight(Obstacle.SURGE, fit, course.surge, line.each, sums, 0, plan.advice, course.wanted)
    return None


def _foresight(obstacle: Obstacle, tight: _Tight, course: Rollout, advice: str = "", reach: int = 0) -> Foresight:
    fit, line = tight[0]
    sums = tuple(each.at_peak(course) for _, each in tight)
    return Foresight(obstacle, course.kept + fit, course.wanted, line.each, sums, course.lost(fit), advice, reach)


def _way_out(plan: Plan, course: Rollout, lines: list[Line], most: int) -> tuple[str, int]:
    """Say with how little `maxUnavailable` the update gets as far as there is room for, and how far that is."""
    if not plan.advice:
        return "", 0
    least = max(1, course.unavailable)
    tries = range(least, max(least, course.wanted if plan.controller == "ReplicaSet" else 0) + 1)
    found = bisect_left(tries, True, key=lambda more: _most(lines, course.eased(more), Line.fit_on) >= most)
    if found == len(tries):
        return "", 0
    advice = plan.advice if tries[found] == least else f"maxSurge: 0, maxUnavailable: {tries[found]}"
    return advice, course.kept + most


def _races(course: Rollout, lines: list[Line]) -> list[tuple[Rollout, list[Line]]]:
    """Let old pods that miss come as far as they fit, and let none come: the new ones may be there first.

    So with pods that are replaced in batches. What lies between the two lies between what comes of them.
    """
    if course.batch:
        return [(course, lines), (course.hastened(), lines)]
    fits = min((max(0, line.left) // line.back for line in lines if line.back), default=course.fill)
    more = min(fits, course.fill)
    if not more:
        return [(course, lines)]
    filled = [line._replace(left=line.left - more * line.back) for line in lines]
    return [(course, lines), (course.filled(more), filled)]


def _most(lines: list[Line], course: Rollout, count: Callable[[Line, Rollout], int]) -> int:
    return min((count(line, course) for line in lines), default=course.come)


def _tight(lines: list[Line], course: Rollout, count: Callable[[Line, Rollout], int], least: int) -> _Tight:
    counted = [(count(line, course), line) for line in lines]
    return sorted((each for each in counted if each[0] < least), key=itemgetter(0))

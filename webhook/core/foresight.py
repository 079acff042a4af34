"""Foresight: how much of a plan fits the account as it stands, and what is in the way.

It compares what the pod webhook would compare, pod by pod: each new pod's footprint with what is left of every bounded
sum, after the new pods before it came and the old ones went. So with everything else still, the pods that are said to
fit are those that are let in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.course import Course
from webhook.core.facts import pod_facts
from webhook.core.ledger import Ledger
from webhook.core.objects import Pod
from webhook.core.plan import Plan
from webhook.core.verdict import Sum, growth


class Obstacle(StrEnum):
    """What comes of it."""

    SHORT = "short"  # not all of the pods fit, even once everything old is gone
    STALL = "stall"  # they would all fit, but a rolling update cannot get there
    SURGE = "surge"  # it gets there; only its surge does not fit


@dataclass(frozen=True, slots=True)
class Foresight:
    """So many of `of` pods fit; for a surge, of its own. `sums` are in the way, the tightest first.

    `each` is what one pod asks of that. A sum's `asked` is the most by which the plan would raise it at any moment.
    """

    obstacle: Obstacle
    fit: int
    of: int
    each: int
    sums: tuple[Sum, ...]
    advice: str = ""

    @property
    def grows(self) -> bool:
        """Say whether the plan raises any sum that is in the way; one that does not is never refused."""
        return any(s.asked for s in self.sums)


class _Line(NamedTuple):
    """One bounded sum: what a new pod adds, what an old one gives back, what is left (below zero when over)."""

    sum: Sum
    each: int
    back: int
    left: int

    def need(self, course: Course, new: int) -> int:
        """By how much the sum will have grown when so many new pods live and one more comes."""
        return (new + 1) * self.each - course.gone(new) * self.back

    def fit_on(self, course: Course) -> int:
        """How many new pods come before the first that does not fit."""
        return course.first(lambda new: self.need(course, new) > self.left)

    def fit_at_last(self, course: Course) -> int:
        """How many new pods fit once all that go are gone."""
        return min(max(0, (self.left + course.going * self.back) // self.each), course.come)

    def fit_of_surge(self, course: Course) -> int:
        """How many pods of the surge fit before anything goes."""
        return min(max(0, self.left // self.each), course.surge)

    def at_peak(self, course: Course) -> Sum:
        """The sum, with the most that the course asks for."""
        return replace(self.sum, asked=max(0, *(self.need(course, new) for new in course.corners())))


_Tight = list[tuple[int, _Line]]
"""The sums that keep pods out, each with how many it lets in; the tightest first, empty when none does."""


def foresee(ledger: Ledger, namespace: str, plan: Plan, *, refused: bool) -> Foresight | None:
    """Say what is in the way of a plan; None when nothing is.

    `refused`: pods that do not fit are not let in. Where they are, no update stalls.
    """
    course, lines = _filled(plan.course, _lines(ledger, namespace, plan.new, plan.old))
    if tight := _tight(lines, course, _Line.fit_at_last, course.come):
        return _told(Obstacle.SHORT, course, tight, course.kept, course.wanted)
    if refused and (tight := _tight(lines, course, _Line.fit_on, course.come)):
        helps = not _tight(lines, course.without_surge(), _Line.fit_on, course.come)
        return _told(Obstacle.STALL, course, tight, course.kept, course.wanted, plan.advice if helps else "")
    if tight := _tight(lines, course, _Line.fit_of_surge, course.surge):
        told = _told(Obstacle.SURGE, course, tight, 0, course.surge, plan.advice)
        return dataclasses.replace(told, sums=tuple(replace(line.sum, asked=line.each * course.surge) for _, line in tight))
    return None


def _lines(ledger: Ledger, namespace: str, new: Pod, old: Pod) -> list[_Line]:
    nameless = f"{namespace}/"  # so that it adds to nothing that lives
    before = ledger.spread(pod_facts(old, nameless))
    return [
        _Line(s, s.asked, before.in_scope(s.scope)[s.index], s.bound - s.committed - s.granted)
        for s in growth(ledger, pod_facts(new, nameless))
    ]


def _filled(course: Course, lines: list[_Line]) -> tuple[Course, list[_Line]]:
    """Let the old pods that miss come first, as far as they fit."""
    fits = min((max(0, line.left) // line.back for line in lines if line.back), default=course.fill)
    more = min(fits, course.fill)
    return course.filled(more), [line._replace(left=line.left - more * line.back) for line in lines]


def _tight(lines: list[_Line], course: Course, count: Callable[[_Line, Course], int], least: int) -> _Tight:
    counted = [(count(line, course), line) for line in lines]
    return sorted((each for each in counted if each[0] < least), key=itemgetter(0))


def _told(obstacle: Obstacle, course: Course, tight: _Tight, kept: int, of: int, advice: str = "") -> Foresight:
    fit, tightest = tight[0]
    return Foresight(obstacle, kept + fit, of, tightest.each, tuple(line.at_peak(course) for _, line in tight), advice)

"""Courses: how a workload's pods come and go after an edit, as the controllers of Kubernetes do it.

    create, scale up    nothing goes                                      gone(n) = 0
    Recreate            all go before the first comes                     gone(n) = all
    rolling update      until wanted - maxUnavailable are left in all     gone(n) = n + alive + maxUnavailable - wanted
    rolling in place    one goes, one comes (StatefulSet, DaemonSet)      gone(n) = n + how many at one time

with n the new pods that live. All of it is one straight line between none and all, so a course is a few numbers, and
whatever is asked of it costs the same for three replicas and for a billion.
Sources: `reconcileOldReplicaSets` and `ResolveFenceposts` in k8s.io/kubernetes/pkg/controller/deployment, and
`updateStatefulSet` in pkg/controller/statefulset.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Rollout(NamedTuple):
    """What happens next: `come` new pods, while `kept` stay as they are and `going` old ones go.

    `lead` is how many of those are gone before the first new one comes; below zero, so many new ones come first.
    `fill` is how many more of the old kind come before that. `surge` is how many new pods are asked for before any old
    one goes, `held` whether none goes before one of them lives: then a course without surge lets one go ahead.
    """

    come: int
    kept: int = 0
    going: int = 0
    lead: int = 0
    fill: int = 0
    surge: int = 0
    held: bool = False

    @property
    def wanted(self) -> int:
        """How many pods there are to be in the end."""
        return self.kept + self.come

    @property
    def excess(self) -> int:
        """How many of the old pods nobody wants, new or old: they go first."""
        return max(0, self.going - self.come)

    def gone(self, new: int) -> int:
        """How many old pods have gone by the time so many new ones live."""
        return min(max(0, new + self.lead), self.going)

    def filled(self, pods: int) -> "Rollout":
        """The course once so many of the `fill` came."""
        return self._replace(fill=0, going=self.going + pods, lead=self.lead + pods)

    def without_surge(self) -> "Rollout":
        """The same with `maxSurge: 0`."""
        return self._replace(surge=0, held=False, lead=self.lead + self.held)

    def first(self, short: Callable[[int], bool]) -> int:
        """The first new pod for which it is short, counted from 0; `come` when it never is.

        `short` compares what is a straight line wherever `gone` is one.
        """
        for begin, end in self._stretches():
            if short(begin):
                return begin
            if short(end - 1):
                return begin + bisect_left(range(begin, end), True, key=short)
        return self.come

    def corners(self) -> Iterator[int]:
        """The new pods among which any such line is at its highest."""
        for begin, end in self._stretches():
            yield begin
            yield end - 1

    def _stretches(self) -> Iterator[tuple[int, int]]:
        kinks = (0, -self.lead, self.going - self.lead, self.come)
        points = sorted({min(max(0, kink), self.come) for kink in kinks})
        yield from pairwise(points)


def growth(wanted: int, alive: int) -> Rollout:
    """More pods of the same kind."""
    return Rollout(max(0, wanted - alive), kept=min(wanted, alive))


def recreation(wanted: int, alive: int) -> Rollout:
    """Every old pod goes before the first new one comes."""
    return Rollout(wanted, going=alive, lead=alive)


def rolling(wanted: int, alive: int, surge: int, unavailable: int) -> Rollout:
    """A Deployment's rolling update: available pods never fall below what is wanted, less `unavailable`.

    What misses of the old pods is made up first: with a new number of replicas a Deployment scales the old ReplicaSet
    before it makes the new one. `surge` and `unavailable` are never both zero.
    """
    return Rollout(
        wanted,
        going=alive,
        lead=alive + unavailable - wanted,
        fill=max(0, wanted - alive),
        surge=min(surge, wanted),
        held=unavailable == 0,
    )


def in_place(wanted: int, alive: int, below: int) -> Rollout:
    """A StatefulSet's update: missing pods come first, then each from the last to number `below` makes way for its own.

    So it is one at a time, under the same name.
    """
    replaced = max(0, min(wanted, alive) - below)
    return Rollout(
        max(0, wanted - alive) + replaced,
        kept=min(wanted, alive) - replaced,
        going=replaced + max(0, alive - wanted),
        lead=1 - (wanted - alive),
    )


def on_nodes(wanted: int, alive: int, surge: int, unavailable: int) -> Rollout:
    """A DaemonSet's update, node by node: the old pod goes first, or with `surge` the new one comes first."""
    if surge:
        return Rollout(wanted, going=alive, surge=min(surge, wanted), held=True)
    return Rollout(wanted, going=alive, lead=unavailable)

"""Rollouts: how a workload's pods come and go after an edit, as the controllers of Kubernetes do it.

    create, scale up    no pod goes                                       gone(n) = 0
    Recreate            all go before the first comes                     gone(n) = all
    rolling update      until wanted - maxUnavailable are left in all     gone(n) = n + alive + maxUnavailable - wanted
    rolling in place    one goes, one comes (StatefulSet, DaemonSet)      gone(n) = n + how many at one time

where n is the number of new pods that live. Each is a straight line, cut off at none and at all. So a rollout is a few
numbers, and each question about it costs the same for three replicas and for a billion.
Sources: `reconcileOldReplicaSets` and `ResolveFenceposts` in k8s.io/kubernetes/pkg/controller/deployment, and
`updateStatefulSet` in pkg/controller/statefulset.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Rollout(NamedTuple):
    """`come` new pods come, while `kept` pods stay as they are and `going` old ones go.

    `lead` is how many old pods are gone before the first new one comes; if it is below zero, so many new pods come
    before the first old one goes. `fill` is how many more pods of the old kind come before all that. `surge` is how
    many new pods are created before any old one goes. `held` says that no old pod goes before a new one lives; without
    surge one old pod then goes first.
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
        """How many pods there are in the end."""
        return self.kept + self.come

    @property
    def excess(self) -> int:
        """How many old pods go without a new one in their place; they go first."""
        return max(0, self.going - self.come)

    def gone(self, new: int) -> int:
        """How many old pods have gone by the time that `new` new ones live."""
        return min(max(0, new + self.lead), self.going)

    def filled(self, pods: int) -> "Rollout":
        """The rollout once `pods` of the `fill` have come."""
        return self._replace(fill=0, going=self.going + pods, lead=self.lead + pods)

    def without_surge(self) -> "Rollout":
        """The same rollout with `maxSurge: 0`."""
        return self._replace(surge=0, held=False, lead=self.lead + self.held)

    def first(self, short: Callable[[int], bool]) -> int:
        """The first new pod for which `short` is true, counted from 0; `come` if there is none.

        `short` must compare a value that is a straight line wherever `gone` is one.
        """
        for begin, end in self._stretches():
            if short(begin):
                return begin
            if short(end - 1):
                return begin + bisect_left(range(begin, end), True, key=short)
        return self.come

    def corners(self) -> Iterator[int]:
        """The new pods at one of which any such value is at its highest: the ends of each straight line."""
        for begin, end in self._stretches():
            yield begin
            yield end - 1

    def _stretches(self) -> Iterator[tuple[int, int]]:
        kinks = (0, -self.lead, self.going - self.lead, self.come)
        points = sorted({min(max(0, kink), self.come) for kink in kinks})
        yield from pairwise(points)


def growth(wanted: int, alive: int) -> Rollout:
    """Scaling up: more pods of the same kind, and none goes."""
    return Rollout(max(0, wanted - alive), kept=min(wanted, alive))


def recreation(wanted: int, alive: int) -> Rollout:
    """The strategy Recreate: every old pod goes before the first new one comes."""
    return Rollout(wanted, going=alive, lead=alive)


def rolling(wanted: int, alive: int, surge: int, unavailable: int) -> Rollout:
    """A Deployment's rolling update: the available pods never fall below `wanted - unavailable`.

    Missing old pods are created first: with a new number of replicas a Deployment scales the old ReplicaSet before it
    makes the new one. `surge` and `unavailable` are never both zero.
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
    """A StatefulSet's update: missing pods come first, then each pod from the last one to number `below` is replaced.

    One pod is replaced at a time, under the same name.
    """
    replaced = max(0, min(wanted, alive) - below)
    return Rollout(
        max(0, wanted - alive) + replaced,
        kept=min(wanted, alive) - replaced,
        going=replaced + max(0, alive - wanted),
        lead=1 - (wanted - alive),
    )


def on_nodes(wanted: int, alive: int, surge: int, unavailable: int) -> Rollout:
    """A DaemonSet's update, node by node: the old pod goes first, or the new one comes first if there is `surge`."""
    if surge:
        return Rollout(wanted, going=alive, surge=min(surge, wanted), held=True)
    return Rollout(wanted, going=alive, lead=unavailable)

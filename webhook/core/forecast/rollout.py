"""Rollouts: how a workload's pods come and go after an edit, as the controllers of Kubernetes do it.

    create, scale up    no pod goes                                       gone(n) = 0
    Recreate            all go before the first comes                     gone(n) = all
    rolling update      until wanted - maxUnavailable are left in all     gone(n) = n + alive + maxUnavailable - wanted
    in place            one for one, or a batch, once none misses         gone(n) = max(batch, n + 1), from `wait` on

with n the new pods that live. All of it is one straight line between none and all, so a course is a few numbers, and
whatever is asked of it costs the same for three replicas and for a billion.
Sources: `reconcileOldReplicaSets` and `ResolveFenceposts` in k8s.io/kubernetes/pkg/controller/deployment,
`updateDaemonSet` in pkg/controller/daemon, `updateStatefulSet` in pkg/controller/statefulset. Pods that are not ready
change nothing of where a Deployment's update ends: those old ones go first, and as many go in all.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Rollout(NamedTuple):
    """`come` new pods come, while `kept` pods stay as they are and `going` old ones go.

    `lead` is how many of those are gone before the first new one comes; below zero, so many new ones come first.
    None goes before `wait` new ones live, and then `batch` at once. `fill` is how many more of the old kind may come
    meanwhile, `came` how many did. `surge` is how many new pods are asked for before any old one goes, `unavailable`
    how many may be missing.
    """

    come: int
    kept: int = 0
    going: int = 0
    lead: int = 0
    wait: int = 0
    batch: int = 0
    fill: int = 0
    came: int = 0
    surge: int = 0
    unavailable: int = 0

    @property
    def wanted(self) -> int:
        """How many pods there are in the end."""
        return self.kept + self.come

    @property
    def excess(self) -> int:
        """How many old pods go without a new one in their place; they go first."""
        return max(0, self.going - self.come)

    def gone(self, new: int) -> int:
        """How many old pods have gone by the time so many new ones live."""
        return min(max(self.batch, new + self.lead), self.going) if new >= self.wait else 0

    def lost(self, new: int) -> int:
        """How many of the pods that run, and are wanted, are not made up for once so many new ones live."""
        return max(0, self.gone(new) - new - self.came - self.excess)

    def filled(self, pods: int) -> "Rollout":
        """The course once so many of the `fill` came."""
        return self._replace(fill=0, came=pods, going=self.going + pods, lead=self.lead + pods)

    def hastened(self) -> "Rollout":
        """The same in place with as many going ahead as ever may."""
        return self._replace(lead=self.lead + self.unavailable - 1)

    def eased(self, unavailable: int) -> "Rollout":
        """The same with `maxSurge: 0` and so many that may be missing."""
        more = unavailable - self.unavailable
        return self._replace(surge=0, unavailable=unavailable, lead=self.lead + more)

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
        kinks = (0, self.wait, self.batch - self.lead, self.going - self.lead, self.come)
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

    What misses of the old pods may be made up meanwhile: with a new number of replicas a Deployment scales the old
    ReplicaSet before it makes the new one. `surge` and `unavailable` are never both zero.
    """
    return Rollout(
        wanted,
        going=alive,
        lead=alive + unavailable - wanted,
        fill=max(0, wanted - alive),
        surge=min(surge, wanted),
        unavailable=unavailable,
    )


def in_place(wanted: int, alive: int, below: int, unavailable: int = 1) -> Rollout:
    """A StatefulSet's update: missing pods come first, then those from the last to number `below` make way for theirs.

    So many at one time, each under its own name; a pod that is refused stops it all. After the first batch it is not
    known how many go ahead of their successors: at least one does, and at most as many as in that batch.
    """
    replaced, missing = max(0, min(wanted, alive) - below), max(0, wanted - alive)
    return Rollout(
        missing + replaced,
        kept=min(wanted, alive) - replaced,
        going=replaced + max(0, alive - wanted),
        lead=1 - (wanted - alive),
        wait=missing,
        batch=unavailable + max(0, alive - wanted),
        unavailable=unavailable,
    )


def on_nodes(wanted: int, alive: int, surge: int, unavailable: int) -> Rollout:
    """A DaemonSet's update, node by node: the old pod goes first, or with `surge` the new one comes first.

    Before it goes on, nodes without a pod get theirs: one that is refused stops it, as it does in place.
    """
    if surge:
        return Rollout(wanted, going=alive, surge=min(surge, wanted))
    return in_place(wanted, alive, 0, unavailable)

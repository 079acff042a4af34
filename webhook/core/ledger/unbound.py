"""Unbound pods: where they are charged, which of them no node can hold, which of these stand apart, and their sums.

    unbound ──► a node can hold it ───────────────────────► pending                  committed
            ──► no node can ──► let in because it fit ────► pending, unplaceable     committed
                            ──► let in by policy ─────────► apart                    not committed

Whether policy lets a pod in follows from the pod as the watch shows it and from the current configuration, so every
replica comes to the same result, whichever replica answered the review. A pod that was let in because it fit always
counts: it may be bound at any time. A pod that stands apart counts as soon as it is bound or a node can hold it.

Pods that may go to the same nodes and request the same are one group, and a group is judged once: when its first pod
comes, and again when a node changes (`turned`). The pool of a confinement is looked up once for all of its groups.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from webhook.core.ledger.entry import Unbound
from webhook.core.ledger.interval import NOWHERE, Charge
from webhook.core.ledger.places import Places
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import NOTHING, Amounts


class Stuck(NamedTuple):
    """The sums of a scope's unbound pods that no node can hold: those that count all the same, and those apart."""

    unplaceable: Amounts = NOTHING
    apart: Amounts = NOTHING

    def moved(self, old: "Stuck", new: "Stuck") -> "Stuck":
        """Return these sums with one part replaced by another."""
        return Stuck._make(have.moved(*each) for have, *each in zip(self, old, new, strict=True))


NONE_STUCK = Stuck()


class Waiting(NamedTuple):
    """Unbound pods that may go to the same nodes and request the same: how many, their pool, whether a node can."""

    confined_to: Ways
    footprint: Amounts
    pool: str | None
    pods: int
    holdable: bool


PoolOf = Callable[[Ways], str | None]
"""Returns the pool that a confinement leads to, given the nodes as they are now."""

LetsIn = Callable[[str, Unbound], bool]
"""Says whether policy lets a pod with this name in."""


class _Group:
    """Pods that may go to the same nodes and request the same."""

    __slots__ = ("holdable", "names")

    def __init__(self, *, holdable: bool) -> None:
        self.holdable = holdable
        self.names: set[str] = set()


class _Confined:
    """Pods that may go to the same nodes, by what they request, and the pool that they are charged to."""

    __slots__ = ("groups", "pool")

    def __init__(self, pool: str | None) -> None:
        self.pool = pool
        self.groups: dict[Amounts, _Group] = {}


class UnboundPods:
    """The unbound pods of a ledger.

    What decides the charge of a pod must not change between its `add` and its `remove`. Some node can hold most of
    these pods, and they are bound within moments: of these only the names are kept, by group.
    """

    def __init__(self, places: Places, pool_of: PoolOf, lets_in: LetsIn) -> None:
        self._places = places
        self._pool_of = pool_of
        self._lets_in = lets_in
        self._confined: dict[Ways, _Confined] = {}
        self._stuck: dict[str, Stuck] = {}
        self.apart = 0  # how many stand apart

    def stuck(self, scope: str) -> Stuck:
        """Return the sums of a scope's unbound pods that no node can hold."""
        return self._stuck.get(scope, NONE_STUCK)

    def holdable(self) -> Iterator[Charge]:
        """Yield the charge of each group of pods that some node can hold, for all of its pods together."""
        for confined in self._confined.values():
            for footprint, group in confined.groups.items():
                if group.holdable:
                    yield Charge(footprint.times(len(group.names)), confined.pool)

    def groups(self) -> Iterator[Waiting]:
        """Yield each group of pods that are charged alike, but for those that policy lets in."""
        for ways, confined in self._confined.items():
            for footprint, group in confined.groups.items():
                yield Waiting(ways, footprint, confined.pool, len(group.names), group.holdable)

    def names(self) -> Iterator[str]:
        """Yield the names of all unbound pods."""
        for confined in self._confined.values():
            for group in confined.groups.values():
                yield from group.names

    def confinements(self) -> Iterable[Ways]:
        """Return the confinements of these pods, each one once."""
        return self._confined.keys()

    def pool_of(self, pod: Unbound) -> str | None:
        """Return the pool that a pod is charged to, or would be if it did not stand apart; None if there is none."""
        return self._confined[pod.confined_to].pool

    def charge_of(self, name: str, pod: Unbound) -> Charge:
        """Return the charge of a pod: NOWHERE if it stands apart."""
        confined = self._confined[pod.confined_to]
        if not confined.groups[pod.footprint].holdable and self._lets_in(name, pod):
            return NOWHERE
        return Charge(pod.footprint, confined.pool)

    def add(self, name: str, pod: Unbound) -> Charge:
        """Take a pod in; return its charge."""
        ways, footprint = pod.confined_to, pod.footprint
        confined = self._confined.get(ways)
        if confined is None:
            confined = self._confined[ways] = _Confined(self._pool_of(ways))
        group = confined.groups.get(footprint)
        if group is None:
            group = confined.groups[footprint] = _Group(holdable=self._places.hold(ways, footprint))
        group.names.add(name)
        charge = Charge(footprint, confined.pool)
        return charge if group.holdable else self._move(name, pod, charge, out=False)

    def remove(self, name: str, pod: Unbound) -> Charge:
        """Take a pod out; return the charge that it had."""
        confined = self._confined[pod.confined_to]
        group = confined.groups[pod.footprint]
        group.names.discard(name)
        if not group.names:
            del confined.groups[pod.footprint]
            if not confined.groups:
                del self._confined[pod.confined_to]
        charge = Charge(pod.footprint, confined.pool)
        return charge if group.holdable else self._move(name, pod, charge, out=True)

    def turned(self, concerned: Iterable[Ways]) -> Iterator[str]:
        """Yield the names of the pods that must be charged again after nodes changed.

        These are the pods that a node can hold now and none could before, those that no node can hold any longer, and
        those whose confinement leads to another pool now. `concerned` are the confinements for which that may be so.
        """
        moved = {ways for ways in concerned if self._confined[ways].pool != self._pool_of(ways)}
        for ways, confined in self._confined.items():
            for footprint, group in confined.groups.items():
                if ways in moved or group.holdable != self._places.hold(ways, footprint):
                    yield from group.names

    def _move(self, name: str, pod: Unbound, charge: Charge, *, out: bool) -> Charge:
        apart = self._lets_in(name, pod)
        part = Stuck(apart=pod.footprint) if apart else Stuck(pod.footprint)
        self.apart += apart * (-1 if out else 1)
        for scope in charge.scopes:
            total = self.stuck(scope).moved(*((part, NONE_STUCK) if out else (NONE_STUCK, part)))
            if total == NONE_STUCK:
                self._stuck.pop(scope, None)
            else:
                self._stuck[scope] = total
        return NOWHERE if apart else charge

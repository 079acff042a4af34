"""Unbound pods: where they are charged, which of them no node can hold, which of those stand apart, and the sums of it.

    unbound ──► a node can hold it ───────────────────────► pending                  committed
            ──► no node can ──► let in by the account ────► pending, unplaceable     committed
                            ──► let in by policy ─────────► apart                    not committed until it is bound

Whether policy lets a pod in follows from the pod as it is shown and from the configuration that holds, so that every
replica says the same, whoever answered its review. What the account let in always counts: it may be bound at any time.

Pods that are alike are one group, and a group is judged once: when its first pod comes, and again when a node changes
(`turned`). The pool that a confinement leads to is looked up for all of its groups together.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from webhook.core.ledger.entry import Unbound
from webhook.core.ledger.interval import NOWHERE, Charge
from webhook.core.ledger.places import Places
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import NOTHING, Amounts


class Stuck(NamedTuple):
    """What no node can hold of a scope's unbound pods: what counts all the same, and what stands apart."""

    unplaceable: Amounts = NOTHING
    apart: Amounts = NOTHING

    def moved(self, old: "Stuck", new: "Stuck") -> "Stuck":
        """Take one part of these sums out, and another in its place."""
        return Stuck._make(have.moved(*each) for have, *each in zip(self, old, new, strict=True))


NONE_STUCK = Stuck()

PoolOf = Callable[[Ways], str | None]
"""The pool that a confinement leads to, as the nodes are now."""

LetsIn = Callable[[str, Unbound], bool]
"""Whether policy lets a pod of this name in."""


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
    """The unbound pods of a ledger. What is said of one changes only while it is taken out.

    Most can be held by some node, and are bound in a moment: of these only the names are kept, by group.
    """

    def __init__(self, places: Places, pool_of: PoolOf, lets_in: LetsIn) -> None:
        self._places = places
        self._pool_of = pool_of
        self._lets_in = lets_in
        self._confined: dict[Ways, _Confined] = {}
        self._stuck: dict[str, Stuck] = {}
        self.apart = 0  # how many stand apart

    def stuck(self, scope: str) -> Stuck:
        """Return what no node can hold of a scope's unbound pods."""
        return self._stuck.get(scope, NONE_STUCK)

    def holdable(self) -> Iterator[Charge]:
        """Yield what some node can hold, for each kind of pods together, and where it is charged."""
        for confined in self._confined.values():
            for footprint, group in confined.groups.items():
                if group.holdable:
                    yield Charge(footprint.times(len(group.names)), confined.pool)

    def names(self) -> Iterator[str]:
        """Yield the names of all of them."""
        for confined in self._confined.values():
            for group in confined.groups.values():
                yield from group.names

    def confinements(self) -> Iterable[Ways]:
        """Return how they are confined, each way once."""
        return self._confined.keys()

    def pool_of(self, pod: Unbound) -> str | None:
        """Return the pool that a pod is charged to, if any; also where it stands apart."""
        return self._confined[pod.confined_to].pool

    def spread_of(self, name: str, pod: Unbound) -> Charge:
        """Return what a pod is charged to: nothing where it stands apart."""
        confined = self._confined[pod.confined_to]
        if not confined.groups[pod.footprint].holdable and self._lets_in(name, pod):
            return NOWHERE
        return Charge(pod.footprint, confined.pool)

    def add(self, name: str, pod: Unbound) -> Charge:
        """Take a pod in; return what it is charged to."""
        ways, footprint = pod.confined_to, pod.footprint
        confined = self._confined.get(ways)
        if confined is None:
            confined = self._confined[ways] = _Confined(self._pool_of(ways))
        group = confined.groups.get(footprint)
        if group is None:
            group = confined.groups[footprint] = _Group(holdable=self._places.hold(ways, footprint))
        group.names.add(name)
        spread = Charge(footprint, confined.pool)
        return spread if group.holdable else self._move(name, pod, spread, out=False)

    def remove(self, name: str, pod: Unbound) -> Charge:
        """Let a pod go; return what it was charged to."""
        confined = self._confined[pod.confined_to]
        group = confined.groups[pod.footprint]
        group.names.discard(name)
        if not group.names:
            del confined.groups[pod.footprint]
            if not confined.groups:
                del self._confined[pod.confined_to]
        spread = Charge(pod.footprint, confined.pool)
        return spread if group.holdable else self._move(name, pod, spread, out=True)

    def turned(self, concerned: Iterable[Ways]) -> Iterator[str]:
        """Yield the pods that a node can hold by now, those that none can any more, and those charged elsewhere by now.

        `concerned` are the confinements that may lead to another pool.
        """
        moved = {ways for ways in concerned if self._confined[ways].pool != self._pool_of(ways)}
        for ways, confined in self._confined.items():
            for footprint, group in confined.groups.items():
                if ways in moved or group.holdable != self._places.hold(ways, footprint):
                    yield from group.names

    def _move(self, name: str, pod: Unbound, spread: Charge, *, out: bool) -> Charge:
        apart = self._lets_in(name, pod)
        part = Stuck(apart=pod.footprint) if apart else Stuck(pod.footprint)
        self.apart += apart * (-1 if out else 1)
        for scope in spread.scopes:
            total = self.stuck(scope).moved(*((part, NONE_STUCK) if out else (NONE_STUCK, part)))
            if total == NONE_STUCK:
                self._stuck.pop(scope, None)
            else:
                self._stuck[scope] = total
        return NOWHERE if apart else spread

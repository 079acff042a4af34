"""Unbound pods: which of them no node can hold, which of those stand apart, and what they come to, scope by scope.

    unbound ──► a node can hold it ───────────────────────► pending                  committed
            ──► no node can ──► let in by the account ────► pending, unplaceable     committed
                            ──► let in by policy ─────────► apart                    not committed until it is bound

Whether policy lets a pod in follows from the pod as it is shown and from the configuration that holds, so that every
replica says the same, whoever answered its review. What the account let in always counts: it may be bound at any time.

Pods that are alike are one group, and a group is judged once: when its first pod comes, and again when a node changes
(`turned`).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from webhook.core.account.entry import Unbound
from webhook.core.account.extent import NOWHERE, Spread
from webhook.core.account.places import Places
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

LetsIn = Callable[[str, Unbound], bool]
"""Whether policy lets a pod of this name in."""


class _Group:
    """Pods that may go to the same nodes and request the same."""

    __slots__ = ("holdable", "names")

    def __init__(self, *, holdable: bool) -> None:
        self.holdable = holdable
        self.names: set[str] = set()


class UnboundPods:
    """The unbound pods of a ledger. What is said of one changes only while it is taken out.

    Most can be held by some node, and are bound in a moment: of these only the names are kept, by group.
    """

    def __init__(self, places: Places, lets_in: LetsIn) -> None:
        self._places = places
        self._lets_in = lets_in
        self._groups: dict[tuple[Ways, Amounts], _Group] = {}
        self._stuck: dict[str, Stuck] = {}

    def stuck(self, scope: str) -> Stuck:
        """Return what no node can hold of a scope's unbound pods."""
        return self._stuck.get(scope, NONE_STUCK)

    def holdable(self) -> Iterator[tuple[Ways, Amounts]]:
        """Yield what some node can hold, for each kind of pods together with the ways that these leave open."""
        for (confined_to, footprint), group in self._groups.items():
            if group.holdable:
                yield confined_to, footprint.times(len(group.names))

    def names(self) -> Iterator[str]:
        """Yield the names of all of them."""
        for group in self._groups.values():
            yield from group.names

    def add(self, name: str, pod: Unbound, pool: str | None) -> Spread:
        """Take a pod in; return what it is charged to."""
        key = pod.confined_to, pod.footprint
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(holdable=self._places.hold(*key))
        group.names.add(name)
        spread = Spread(pod.footprint, pool)
        return spread if group.holdable else self._move(name, pod, spread, out=False)

    def remove(self, name: str, pod: Unbound, pool: str | None) -> Spread:
        """Let a pod go; return what it was charged to."""
        key = pod.confined_to, pod.footprint
        group = self._groups[key]
        group.names.discard(name)
        if not group.names:
            del self._groups[key]
        spread = Spread(pod.footprint, pool)
        return spread if group.holdable else self._move(name, pod, spread, out=True)

    def is_apart(self, name: str, pod: Unbound) -> bool:
        """Say whether a pod that is known stands apart."""
        return not self._groups[pod.confined_to, pod.footprint].holdable and self._lets_in(name, pod)

    def turned(self) -> Iterator[str]:
        """Yield the pods that a node can hold by now, and those that none can any more."""
        for key, group in self._groups.items():
            if group.holdable != self._places.hold(*key):
                yield from group.names

    def _move(self, name: str, pod: Unbound, spread: Spread, *, out: bool) -> Spread:
        apart = self._lets_in(name, pod)
        part = Stuck(apart=pod.footprint) if apart else Stuck(pod.footprint)
        for scope in spread.scopes:
            total = self.stuck(scope).moved(*((part, NONE_STUCK) if out else (NONE_STUCK, part)))
            if total == NONE_STUCK:
                self._stuck.pop(scope, None)
            else:
                self._stuck[scope] = total
        return NOWHERE if apart else spread

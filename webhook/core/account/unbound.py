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


class Waiting(NamedTuple):
    """What the unbound pods of a scope come to; `unplaceable` is a part of `pending`, and that of what is committed."""

    pending: Amounts = NOTHING
    unplaceable: Amounts = NOTHING
    apart: Amounts = NOTHING

    def moved(self, old: "Waiting", new: "Waiting") -> "Waiting":
        """Take one part of these sums out, and another in its place."""
        return Waiting._make(have.moved(*each) for have, *each in zip(self, old, new, strict=True))


NOBODY = Waiting()

LetsIn = Callable[[str, Unbound], bool]
"""Whether policy lets a pod of this name in."""


def waiting(footprint: Amounts, *, holdable: bool, apart: bool) -> Waiting:
    """Return what one unbound pod adds to the sums of its scopes."""
    if apart:
        return Waiting(apart=footprint)
    return Waiting(footprint) if holdable else Waiting(footprint, footprint)


class _Group:
    """Pods that may go to the same nodes and request the same."""

    __slots__ = ("holdable", "names")

    def __init__(self, *, holdable: bool) -> None:
        self.holdable = holdable
        self.names: set[str] = set()


class UnboundPods:
    """The unbound pods of a ledger. What is said of one changes only while it is taken out."""

    def __init__(self, places: Places, lets_in: LetsIn) -> None:
        self._places = places
        self._lets_in = lets_in
        self._groups: dict[tuple[Ways, Amounts], _Group] = {}
        self._sums: dict[str, Waiting] = {}

    def sums(self, scope: str) -> Waiting:
        """Return what the unbound pods of a scope come to."""
        return self._sums.get(scope, NOBODY)

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
        return self._move(name, pod, pool, group, out=False)

    def remove(self, name: str, pod: Unbound, pool: str | None) -> Spread:
        """Let a pod go; return what it was charged to."""
        key = pod.confined_to, pod.footprint
        group = self._groups[key]
        group.names.discard(name)
        if not group.names:
            del self._groups[key]
        return self._move(name, pod, pool, group, out=True)

    def is_apart(self, name: str, pod: Unbound) -> bool:
        """Say whether a pod that is known stands apart."""
        return self._stands_apart(name, pod, self._groups[pod.confined_to, pod.footprint])

    def turned(self) -> Iterator[str]:
        """Yield the pods that a node can hold by now, and those that none can any more."""
        for key, group in self._groups.items():
            if group.holdable != self._places.hold(*key):
                yield from group.names

    def _stands_apart(self, name: str, pod: Unbound, group: _Group) -> bool:
        return not group.holdable and self._lets_in(name, pod)

    def _move(self, name: str, pod: Unbound, pool: str | None, group: _Group, *, out: bool) -> Spread:
        apart = self._stands_apart(name, pod, group)
        spread = Spread(pod.footprint, pool)
        part = waiting(pod.footprint, holdable=group.holdable, apart=apart)
        old, new = (part, NOBODY) if out else (NOBODY, part)
        for scope in spread.scopes:
            total = self.sums(scope).moved(old, new)
            if total == NOBODY:
                self._sums.pop(scope, None)
            else:
                self._sums[scope] = total
        return NOWHERE if apart else spread

"""Subjects: the namespaces and owners whose pods were admitted and not seen yet, and how much these pods come to.

A grant has two subjects: the namespace of its pod, and the pod's owner. The owner is the controller that the pod names,
by its UID, or else the user who made the request. An owner belongs to a namespace, because a pod may name any UID as
its owner.

What a subject has open is what the names of its open grants add to what lives there (reservations.py). It is kept event
by event, and a name counts in full for every owner that has an open grant under it. The pods of most names are seen
before a caller asks, so a new name is put on a list first, and added up when a caller does ask.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from webhook.core.ledger.costs import Costs
from webhook.core.values.amounts import NOTHING, Amounts

USER: Final = "~"  # prefix of an owner that is a user
_SIGHTS = 64  # pairs of owner and size, of one namespace, for which the last sight of a pod is remembered
_NAMESPACES = 1_024  # namespaces for which sights are remembered

Owners = tuple[str, ...]
"""The owners of the open grants under one name, without the namespace."""


def namespace_of(name: str) -> str:
    """Return the namespace of a pod's "namespace/name"."""
    return name.partition("/")[0]


def owner_in(namespace: str, owner: str) -> str:
    """Return an owner as a subject."""
    return f"{namespace}/{owner}"


def is_namespace(subject: str) -> bool:
    """Say whether a subject is a namespace, and not an owner."""
    return "/" not in subject


def subjects_of(name: str, owner: str) -> tuple[str, str]:
    """Return the subjects of a pod: its owner and its namespace."""
    namespace = namespace_of(name)
    return f"{namespace}/{owner}", namespace


def as_seen(owner: str) -> str:
    """Return the owner as the pod's own metadata names it: empty for a user, whom the metadata does not name."""
    return "" if owner.startswith(USER) else owner


_Sights = dict[tuple[str, Amounts], int]
"""By owner and size, the oldest first: the number of grants ever made when such a pod was last seen."""


class Awaited(Struct, eq=False):
    """What one subject has open: the names of its pods, the oldest first, and their sums by scope."""

    names: dict[str, None]
    sums: dict[str, Amounts]

    def in_scope(self, scope: str) -> Amounts:
        """Return their sum in a scope."""
        return self.sums.get(scope, NOTHING)


_NOBODY: Final = Awaited({}, {})


class Subjects:
    """What every subject has open, and when its pods were last seen."""

    def __init__(self) -> None:
        self._new: dict[str, tuple[Owners, Mapping[str, Costs]]] = {}  # by name, not yet added up
        self._awaited: dict[str, Awaited] = {}
        self._sights: dict[str, _Sights] = {}  # by namespace
        self.grants = 0  # how many were ever made: the clock by which sights are ordered

    # -- questions -----------------------------------------------------------------------------------------------------

    def awaited(self, subject: str) -> Awaited:
        """Return what a subject has open."""
        self._add_up()
        return self._awaited.get(subject, _NOBODY)

    def all(self) -> Iterator[tuple[str, Awaited]]:
        """Yield every subject that has anything open."""
        self._add_up()
        yield from self._awaited.items()

    def seen_since(self, subject: str, owner: str, size: Amounts, order: int) -> bool:
        """Say whether a pod of the subject, at least `size` large, was seen after grant number `order` was made."""
        sights = self._sights.get(namespace_of(subject), {})
        return any(
            at > order and (is_namespace(subject) or whose == owner) and size.within(seen)
            for (whose, seen), at in sights.items()
        )

    # -- changes -------------------------------------------------------------------------------------------------------

    def saw(self, name: str, owner: str, size: Amounts) -> None:
        """Note that a pod of an owner appeared, or grew by `size`."""
        namespace, key = namespace_of(name), (owner, size)
        sights = self._sights.pop(namespace, None) or {}
        sights.pop(key, None)
        sights[key] = self.grants
        if len(sights) > _SIGHTS:
            del sights[next(iter(sights))]
        self._sights[namespace] = sights
        if len(self._sights) > _NAMESPACES:
            del self._sights[next(iter(self._sights))]

    def add(self, name: str, owners: Owners, costs: Mapping[str, Costs]) -> None:
        """Count what a name has open; the name must not be counted already."""
        self._new[name] = owners, costs

    def remove(self, name: str, owners: Owners, costs: Mapping[str, Costs]) -> None:
        """Stop counting a name; the arguments must be those of `add`."""
        if self._new.pop(name, None) is None:
            for subject in _subjects(name, owners):
                self._take(subject, name, costs)

    def _add_up(self) -> None:
        for name, (owners, costs) in self._new.items():
            for subject in _subjects(name, owners):
                awaited = self._awaited.get(subject)
                if awaited is None:
                    awaited = self._awaited[subject] = Awaited({}, {})
                awaited.names[name] = None
                for scope, cost in costs.items():
                    awaited.sums[scope] = awaited.in_scope(scope).moved(NOTHING, cost.unseen)
        self._new.clear()

    def _take(self, subject: str, name: str, costs: Mapping[str, Costs]) -> None:
        awaited = self._awaited[subject]
        del awaited.names[name]
        for scope, cost in costs.items():
            awaited.sums[scope] = awaited.in_scope(scope).moved(cost.unseen, NOTHING)
        if not awaited.names:
            del self._awaited[subject]


def _subjects(name: str, owners: Owners) -> Iterator[str]:
    namespace = namespace_of(name)
    yield namespace
    for owner in owners:
        yield owner_in(namespace, owner)

"""Reservations: what was granted and is not yet certain to be shown by every view of the cluster.

                 grant                    its pod is seen                a write that says so
    (nothing) ───────────► open ───────────────────────────► settled ────────────────────────────► retired
                            │                                  ▲                                     (gone)
                            └── nothing came, and a view ──────┘
                                proven fresh after the lapse

Rule 1. Reservations are grouped by the pod's namespace/name. At any moment at most one pod lives under a name, so a
        name costs the *largest* of what lives there and what may still come there, never the sum: two hundred
        duplicates of one name cost one footprint.
Rule 2. A reservation is settled by its own UID alone. Another UID of the same name stays open: the pod that was seen
        may be deleted again while the slower request is still on its way, and then that one succeeds.
Rule 3. What nobody ever saw lapses only with a view that was proven fresh *after* the lapse. A plain timeout would
        release a pod that exists and that a stalled watch has not shown yet.
Rule 4. Settling frees nothing in the allotment: what is settled stays *unretired*, and inside it, until a write. If
        the pod was seen, the write tells the others up to which revision they must have looked. If it never came, the
        write books anew: its name may have been paid for by a pod that lived there, and nobody paid for this one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from webhook.core.amounts import NOTHING, Amounts
from webhook.core.scopes import CLUSTER

Sums = dict[str, Amounts]
"""Amounts by scope."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A footprint and the pool that it is confined to (None: only the cluster's sums know it)."""

    footprint: Amounts
    pool: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that this is charged to."""
        return (CLUSTER,) if self.pool is None else (CLUSTER, self.pool)

    def in_scope(self, scope: str) -> Amounts:
        """What this costs in one scope."""
        return self.footprint if scope in (CLUSTER, self.pool) else NOTHING


NOWHERE = Spread(NOTHING)

Live = Callable[[str], Spread]
"""What lives under a name now, spread over the scopes; NOWHERE for a name that nobody has."""


@dataclass(slots=True, eq=False)
class Reservation:
    """One grant. Times are seconds of the replica's own clock; a revision is a pod's resourceVersion."""

    uid: str
    spread: Spread
    granted_at: float
    after_revision: int = 0  # a resize is settled only by a revision beyond the object that was reviewed
    seen_at_revision: int | None = None  # None: open; 0: it never came and never will

    @property
    def is_open(self) -> bool:
        """Say whether the pod may still come without this view having shown it."""
        return self.seen_at_revision is None


Named = tuple[str, Reservation]
"""A reservation with the name of its pod."""


@dataclass(slots=True)
class _Name:
    """All unretired reservations under one name, and what they add to each of the sums at present."""

    by_uid: dict[str, Reservation] = field(default_factory=dict)
    unseen: Sums = field(default_factory=dict)
    open: Sums = field(default_factory=dict)
    unretired: Sums = field(default_factory=dict)


class Reservations:
    """The reservations of one replica, with their sums by scope kept up to date."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._names: dict[str, _Name] = {}
        self._unseen: Sums = {}
        self._open: Sums = {}
        self._unretired: Sums = {}

    # -- questions -----------------------------------------------------------------------------------------------------

    def unseen(self, scope: str) -> Amounts:
        """What open reservations may still add to what lives in the scope now."""
        return self._unseen.get(scope, NOTHING)

    def open(self, scope: str) -> Amounts:
        """What open reservations come to by themselves: what others must leave room for after the next write."""
        return self._open.get(scope, NOTHING)

    def unretired(self, scope: str) -> Amounts:
        """What all reservations hold of this replica's allotment in the scope."""
        return self._unretired.get(scope, NOTHING)

    def unseen_of(self, name: str, scope: str) -> Amounts:
        """What the open reservations of one name may still add in the scope."""
        group = self._names.get(name)
        return group.unseen.get(scope, NOTHING) if group else NOTHING

    def unretired_of(self, name: str, scope: str, *, without: frozenset[str] = frozenset()) -> Amounts:
        """What the reservations of one name hold of the allotment, some UIDs left out."""
        group = self._names.get(name)
        if group is None:
            return NOTHING
        if not without & group.by_uid.keys():
            return group.unretired.get(scope, NOTHING)
        return _largest(r for uid, r in group.by_uid.items() if uid not in without).get(scope, NOTHING)

    def get(self, name: str, uid: str) -> Reservation | None:
        """The reservation for this very pod; None when it is retired, or lapsed."""
        group = self._names.get(name)
        found = group.by_uid.get(uid) if group else None
        return None if found is None or found.seen_at_revision == 0 else found

    def __iter__(self) -> Iterator[Named]:
        for name, group in self._names.items():
            for reservation in group.by_uid.values():
                yield name, reservation

    def oldest_open(self) -> float:
        """When the oldest open reservation was granted; infinity when there is none."""
        return min((r.granted_at for _, r in self if r.is_open), default=float("inf"))

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, name: str, reservation: Reservation) -> None:
        """Take a grant in; one of the same UID is replaced (a review may be asked again)."""
        group = self._names.setdefault(name, _Name())
        replaced = group.by_uid.pop(reservation.uid, None)
        group.by_uid[reservation.uid] = reservation
        if replaced is None and reservation.is_open:  # a name may have many duplicates: no need to look at them all
            more = _largest((reservation,))
            self._count(name, group, _larger(group.open, more), _larger(group.unretired, more))
        else:
            self.refresh(name)

    def see(self, name: str, uid: str, revision: int) -> None:
        """Note that the view shows the pod that was granted (rule 2); the name's sums want a refresh after it."""
        reservation = self.get(name, uid)
        if reservation and reservation.is_open and revision > reservation.after_revision:
            reservation.seen_at_revision = revision

    def void(self, lapsed: Iterable[Named]) -> None:
        """Note that these pods never came and never will (rule 3)."""
        names: set[str] = set()
        for name, reservation in lapsed:
            reservation.seen_at_revision = 0
            names.add(name)
        self._refresh(names)

    def retire(self, retired: Iterable[Named]) -> None:
        """Forget these reservations, but none that took the place of one of them under its UID."""
        names: set[str] = set()
        for name, reservation in retired:
            group = self._names.get(name)
            if group and group.by_uid.get(reservation.uid) is reservation:
                del group.by_uid[reservation.uid]
                names.add(name)
        self._refresh(names)

    def refresh(self, name: str) -> None:
        """Bring the sums up to date after a change under this name, of its reservations or of what lives there."""
        group = self._names.get(name)
        if group is not None:
            still_open = _largest(r for r in group.by_uid.values() if r.is_open)
            self._count(name, group, still_open, _largest(group.by_uid.values()))

    def refresh_all(self) -> None:
        """Bring all sums up to date after nodes have changed."""
        self._refresh(list(self._names))

    def _refresh(self, names: Iterable[str]) -> None:
        for name in names:
            self.refresh(name)

    def _count(self, name: str, group: _Name, still_open: Sums, unretired: Sums) -> None:
        unseen = _beyond(still_open, self._live(name))
        _move(self._unseen, group.unseen, unseen)
        _move(self._open, group.open, still_open)
        _move(self._unretired, group.unretired, unretired)
        group.unseen, group.open, group.unretired = unseen, still_open, unretired
        if not group.by_uid:
            del self._names[name]


def _largest(reservations: Iterable[Reservation]) -> Sums:
    """Rule 1, for each scope."""
    largest: Sums = {}
    for reservation in reservations:
        for scope in reservation.spread.scopes:
            largest[scope] = largest.get(scope, NOTHING).or_more(reservation.spread.footprint)
    return largest


def _larger(one: Sums, other: Sums) -> Sums:
    return {s: one.get(s, NOTHING).or_more(other.get(s, NOTHING)) for s in one.keys() | other.keys()}


def _beyond(still_open: Sums, live: Spread) -> Sums:
    return {scope: amounts.beyond(live.in_scope(scope)) for scope, amounts in still_open.items()}


def _move(sums: Sums, old: Sums, new: Sums) -> None:
    for scope, amounts in old.items():
        sums[scope] = sums[scope].minus(amounts)
    for scope, amounts in new.items():
        sums[scope] = sums.get(scope, NOTHING).plus(amounts)

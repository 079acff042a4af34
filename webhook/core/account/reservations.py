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
Rule 5. A resize costs what it adds to the object that was reviewed. It is settled as soon as the pod is seen at a
        higher revision: it replaced the reviewed one, or never will. Several of one pod cost the whole way from the
        least before to the most after: each adds to the one before it, and those that failed cost nothing more.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from webhook.core.account.extent import UNBORN, Before, Extent, Extents, Spread, Sums, key_of, reach
from webhook.core.values.amounts import NOTHING, Amounts

Live = Callable[[str], Spread]
"""What lives under a name now, spread over the scopes; NOWHERE for a name that nobody has."""


class Reservation(Struct, eq=False, gc=False):
    """One grant. Times are seconds of the replica's own clock; a revision is a pod's resourceVersion."""

    uid: str
    spread: Spread
    granted_at: float
    before: Before = UNBORN
    seen_at_revision: int | None = None  # None: open; 0: it never came and never will
    told_again: bool = False  # a repeated review was answered by it

    @property
    def is_open(self) -> bool:
        """Say whether the pod may still come without this view having shown it."""
        return self.seen_at_revision is None

    @property
    def key(self) -> str:
        """What tells this grant from others."""
        return key_of(self.uid, self.before, self.spread.footprint)


Named = tuple[str, Reservation]
"""A reservation with the name of its pod."""


class _Name(Struct, eq=False):
    """All unretired reservations under one name, and what they add to each of the sums at present."""

    by_key: dict[str, Reservation] = field(default_factory=dict)
    unseen: Sums = field(default_factory=dict)
    open: Extents = field(default_factory=dict)
    unretired: Extents = field(default_factory=dict)


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

    def growth_unseen(self, name: str, extent: Extent, scope: str) -> Amounts:
        """What one more grant under a name would add to what lives there and what may still come."""
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        had = group.open.get(scope) if group else None
        if had is None:
            return extent.cost_beyond(live)
        return had.and_also(extent).cost_beyond(live).minus(had.cost_beyond(live))

    def growth_of(self, name: str, spread: Spread, before: Before, *, without: frozenset[str] = frozenset()) -> Sums:
        """What one more grant under a name would add to what it holds of the allotment, some keys left out."""
        group = self._names.get(name)
        held: Extents = {}
        if group is not None:
            counted = not without & group.by_key.keys()
            held = group.unretired if counted else _extents(r for k, r in group.by_key.items() if k not in without)
        growth: Sums = {}
        for scope, extent in reach(spread, before).items():
            had = held.get(scope)
            growth[scope] = extent.cost if had is None else had.and_also(extent).cost.minus(had.cost)
        return growth

    def get(self, name: str, key: str) -> Reservation | None:
        """The reservation for this very pod, or this very resize; None when it is retired, or lapsed."""
        group = self._names.get(name)
        found = group.by_key.get(key) if group else None
        return None if found is None or found.seen_at_revision == 0 else found

    def __iter__(self) -> Iterator[Named]:
        for name, group in self._names.items():
            for reservation in group.by_key.values():
                yield name, reservation

    def oldest_open(self) -> float:
        """When the oldest open reservation was granted; infinity when there is none."""
        return min((r.granted_at for _, r in self if r.is_open), default=float("inf"))

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, name: str, reservation: Reservation) -> None:
        """Take a grant in; the same one is replaced (a review may be asked again)."""
        group = self._names.setdefault(name, _Name())
        key = reservation.key
        replaced = group.by_key.pop(key, None)
        group.by_key[key] = reservation
        if replaced is None and reservation.is_open:  # a name may have many duplicates: no need to look at them all
            more = reach(reservation.spread, reservation.before)
            self._count(name, group, _both(group.open, more), _both(group.unretired, more))
        else:
            self.refresh(name)

    def see(self, name: str, uid: str, revision: int) -> bool:
        """Note that the view shows a pod (rules 2 and 5); the name's sums want a refresh after it.

        Returns whether anything granted here was waiting for that.
        """
        group = self._names.get(name)
        settled = False
        for reservation in group.by_key.values() if group else ():
            if reservation.uid == uid and reservation.is_open and revision > reservation.before.revision:
                reservation.seen_at_revision = revision
                settled = True
        return settled

    def void(self, lapsed: Iterable[Named]) -> None:
        """Note that these pods never came and never will (rule 3)."""
        names: set[str] = set()
        for name, reservation in lapsed:
            reservation.seen_at_revision = 0
            names.add(name)
        self._refresh(names)

    def retire(self, retired: Iterable[Named]) -> None:
        """Forget these reservations, but none that took the place of one of them."""
        names: set[str] = set()
        for name, reservation in retired:
            group = self._names.get(name)
            key = reservation.key
            if group and group.by_key.get(key) is reservation:
                del group.by_key[key]
                names.add(name)
        self._refresh(names)

    def refresh(self, name: str) -> None:
        """Bring the sums up to date after a change under this name, of its reservations or of what lives there."""
        group = self._names.get(name)
        if group is not None:
            still_open = _extents(r for r in group.by_key.values() if r.is_open)
            self._count(name, group, still_open, _extents(group.by_key.values()))

    def _refresh(self, names: Iterable[str]) -> None:
        for name in names:
            self.refresh(name)

    def _count(self, name: str, group: _Name, still_open: Extents, unretired: Extents) -> None:
        live = self._live(name)
        unseen = {scope: extent.cost_beyond(live.in_scope(scope)) for scope, extent in still_open.items()}
        _move(self._unseen, group.unseen, unseen)
        _move(self._open, _costs(group.open), _costs(still_open))
        _move(self._unretired, _costs(group.unretired), _costs(unretired))
        group.unseen, group.open, group.unretired = unseen, still_open, unretired
        if not group.by_key:
            del self._names[name]


def _extents(reservations: Iterable[Reservation]) -> Extents:
    extents: Extents = {}
    for reservation in reservations:
        for scope, extent in reach(reservation.spread, reservation.before).items():
            known = extents.get(scope)
            extents[scope] = extent if known is None else known.and_also(extent)
    return extents


def _both(one: Extents, other: Extents) -> Extents:
    both = {**one, **other}
    for scope in one.keys() & other.keys():
        both[scope] = one[scope].and_also(other[scope])
    return both


def _costs(extents: Extents) -> Sums:
    return {scope: extent.cost for scope, extent in extents.items()}


def _move(sums: Sums, old: Sums, new: Sums) -> None:
    for scope, amounts in old.items():
        sums[scope] = sums[scope].minus(amounts)
    for scope, amounts in new.items():
        sums[scope] = sums.get(scope, NOTHING).plus(amounts)

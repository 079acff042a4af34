"""Reservations: room that this replica has granted, kept until a write to the shared object retires it.

Theory
======

Why a grant needs a reservation
-------------------------------
When Headroom admits a pod, the pod does not exist yet. The API server may write it at any moment until the request
ends (34 s for a create), or never, and it does not tell Headroom which. Later this replica's watch shows the pod; the
watches of the other replicas may show it later still. Until then the room of the pod looks free. A reservation keeps
that room. While it is open, it counts in the sums by which this replica judges; until it is retired, it counts in what
this replica holds in the shared object.

The life of one reservation
---------------------------

              grant              the view shows the pod                  a write succeeds
    (nothing) ───────► open ──────────────────────────────► settled ────────────────────────► retired
                        │                                      ▲                             (dropped)
                        └── the lapse is over, and a view ─────┘
                            proven fresh after that does
                            not show the pod

    open       The pod may still come.
    settled    This replica knows the outcome. Either its view has shown the pod, and `seen_at_revision` is the
               revision of that; or the pod has not come and never will, and `seen_at_revision` is 0 (*void*).
    retired    The reservation is dropped. If its pod was seen, the same write has raised the floor in the shared
               object, so each replica that books later has a view that shows the pod, or shows that it is gone.

What one name costs
-------------------
Reservations are grouped by the pod's namespace/name. In each scope a grant is an *interval* of footprints
(interval.py; docs/protocol.md says stretch): a create runs from nothing to the pod's footprint, a resize from the
footprint before to the one after. Grants under one name that raise a sum are joined into one interval, from the lowest
beginning to the highest end. Three sums of each scope follow from the joined intervals of all names:

    unseen       what open reservations add to what lives: the part of the interval above the living pod
    paid         the other part of the interval of the open ones: what the living pod covers already
    unretired    the interval of all reservations, open and settled: what is used of the allotment

For example, a pod of 2 GiB lives under a name, and creates of 3 GiB and 1 GiB are open there. The largest is 3 GiB: 1
GiB is unseen, 2 GiB are paid, and 3 GiB are unretired. A review is judged by committed + unseen; what the next write
registers for the name is unseen + paid, because the views of other replicas may not show the living pod.

Rules
=====

Rule 1. At any moment at most one pod lives under a name. So a name costs the *largest* of what lives there and what may
        still come there, never the sum: two hundred duplicates of one name cost one footprint.
Rule 2. Only a pod with the reservation's own UID settles it. A reservation of the same name with another UID stays
        open: the pod that was seen may be deleted while the slower request is still in flight, and then that request
        succeeds.
Rule 3. A reservation whose pod was never seen lapses only when a view is proven fresh *after* the end of the lapse. A
        plain timeout would release the room of a pod that exists but that a stalled watch has not shown yet.
Rule 4. Settling frees nothing in the allotment. A settled reservation stays *unretired*, and so counts against what
        this replica holds, until a write. If the pod was seen, the write tells the other replicas up to which revision
        they must have looked. If the pod never came, the write books again from what is free: a pod that lived under
        the name may have covered this reservation, and then no room was ever booked for it.
Rule 5. A resize costs what it adds to the object that was reviewed. It is settled as soon as the view shows the pod at
        a higher revision: the resize was the change that replaced the reviewed object, or it can never be written.
        Several resizes of one pod cost one interval, from the least footprint before to the largest after: each adds to
        the one before it, and an attempt that failed and is repeated adds nothing.
        A change of where a pod may run is treated alike. In the pool that the pod is charged to from then on, its
        interval begins at nothing.
        A binding is not tied to the revision that was reviewed. It is settled when the pod is seen bound, or is gone.
Rule 6. Only a write makes less of what is unretired under a name, because other replicas may rely on what the last
        write said of the name.

The allotment that these rules serve is described in webhook/core/sharing/allotment.py, and docs/protocol.md has the
argument that they suffice. This module is pure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, KeysView
from itertools import takewhile

from msgspec import Struct

from webhook.core.ledger.costs import NO_COSTS, Costs, cost_of, first_grant
from webhook.core.ledger.interval import NOWHERE, UNBORN, Before, Charge, Extents, Interval, Sums, joined, key_of, reach
from webhook.core.ledger.subjects import Owners, Subjects
from webhook.core.values.amounts import NOTHING, Amounts

Live = Callable[[str], Charge]
"""Returns what the pod that lives under a name is charged, and to which scopes; NOWHERE if no pod has the name."""


class Reservation(Struct, eq=False, gc=False):
    """One grant. Times are seconds of the replica's own clock; a revision is the resourceVersion of a pod."""

    uid: str
    spread: Charge
    granted_at: float
    before: Before = UNBORN
    owner: str = ""  # the pod's owner (subjects.py)
    order: int = 0  # how many grants this replica made before it
    seen_at_revision: int | None = None  # None: open; 0: the pod never came and never will
    told_again: bool = False  # its pod was admitted other than by the write that booked it: `drop` must keep it
    said: object = None  # the verdict on its pod, if more than a plain yes: a repeated review gets the same one
    outdated: int = 0  # non-zero, and unique, once a later answer about the same pod replaced this reservation

    @property
    def is_open(self) -> bool:
        """Say whether the pod may still come: the view has not shown it, and it is not known to be never created."""
        return self.seen_at_revision is None

    @property
    def most(self) -> Amounts:
        """The most that this grant alone adds in any scope; a confinement adds the whole footprint in the pool."""
        return self.spread.footprint.beyond(self.before.within(self.spread.scopes[-1]))

    @property
    def key(self) -> str:
        """What distinguishes this grant from all others under its name."""
        key = key_of(self.uid, self.before, self.spread.footprint)
        return f"{key}~{self.outdated}" if self.outdated else key


Named = tuple[str, Reservation]
"""The namespace/name of a pod, and a reservation for it."""


class _Name(Struct, eq=False):
    """All unretired reservations under one name, their joined intervals by scope, and their part of the sums.

    `owners` are the owners of the open reservations. Values are replaced and never changed in place, except `by_key`.
    """

    by_key: dict[str, Reservation]
    open: Extents
    unretired: Extents
    costs: dict[str, Costs]
    owners: Owners = ()

    def still_open(self) -> list[Reservation]:
        """Return the reservations whose pods may still come."""
        return [r for r in self.by_key.values() if r.seen_at_revision is None]


class Reservations:
    """The reservations of one replica and their sums by scope, kept up to date with each change.

    The caller holds the lock that guards the ledger.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._names: dict[str, _Name] = {}
        self._sums: defaultdict[str, Costs] = defaultdict(Costs)
        self._open: dict[Reservation, str] = {}  # in the order in which they were granted or renewed
        self._settled: dict[Reservation, str] = {}
        self._void: set[Reservation] = set()  # the settled ones whose pods never came
        self._outdated = 0  # how many reservations were ever replaced by a later answer
        self.subjects = Subjects()
        self.names: KeysView[str] = self._names.keys()  # that have unretired reservations
        self.repeated: dict[str, None] = {}  # names with more than one grant, or with a grant beside a living pod

    # -- questions -----------------------------------------------------------------------------------------------------

    def unseen(self, scope: str) -> Amounts:
        """What open reservations add to what lives in the scope now."""
        return self._sums[scope].unseen

    def open(self, scope: str) -> Amounts:
        """What open reservations come to by themselves: the room that the next write registers for them."""
        sums = self._sums[scope]
        return sums.unseen.plus(sums.paid)

    def unretired(self, scope: str) -> Amounts:
        """What all reservations, open and settled, use of this replica's allotment in the scope."""
        return self._sums[scope].unretired

    def growth_unseen(self, name: str, extent: Interval, scope: str) -> Amounts:
        """What one more grant under a name would add to the living pod and the open reservations there."""
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        had = group.open.get(scope) if group else None
        if had is None:
            return extent.cost_beyond(live)
        return had.and_also(extent).cost_beyond(live).minus(had.cost_beyond(live))

    def unseen_of(self, name: str, key: str, scope: str) -> Amounts | None:
        """What one open grant adds to the living pod and the other open grants of its name; None if there is none."""
        group = self._names.get(name)
        if group is None or (found := group.by_key.get(key)) is None or not found.is_open:
            return None
        others = _extents(r for r in group.still_open() if r is not found).get(scope)
        live = self._live(name).in_scope(scope)
        together = group.costs[scope].unseen if scope in group.costs else NOTHING
        return together if others is None else together.minus(others.cost_beyond(live))

    def growth_by_others(self, name: str, high: Amounts, scope: str, more: Interval | None = None) -> Amounts:
        """What creates at other replicas, up to `high`, add under a name to the living pod and the open grants here.

        With `more`, the answer is what it would be if that interval had been granted here as well.
        """
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        ours = group.open.get(scope) if group else None
        if more is not None:
            ours = more if ours is None else ours.and_also(more)
        return high.beyond(live) if ours is None else ours.leaves(high, live)

    def open_from_nothing(self, name: str) -> Sums:
        """How far the open reservations of a name reach, by scope; only in the sums in which they begin at nothing."""
        group = self._names.get(name)
        return {scope: extent.from_nothing for scope, extent in group.open.items()} if group else {}

    def growth_of(self, name: str, spread: Charge, before: Before, *, without: frozenset[str] = frozenset()) -> Sums:
        """What one more grant under a name would use of the allotment, if the reservations `without` were not there."""
        group = self._names.get(name)
        if group is None:
            if before is UNBORN:
                return dict.fromkeys(spread.scopes, spread.footprint)
            return {scope: extent.cost for scope, extent in reach(spread, before).items()}
        counted = not without & group.by_key.keys()
        held = group.unretired if counted else _extents(r for k, r in group.by_key.items() if k not in without)
        growth: Sums = {}
        for scope, extent in reach(spread, before).items():
            had = held.get(scope)
            growth[scope] = extent.cost if had is None else had.and_also(extent).cost.minus(had.cost)
        return growth

    def get(self, name: str, key: str) -> Reservation | None:
        """The reservation for exactly this pod or this change of it; None if it is retired or its pod never came."""
        group = self._names.get(name)
        found = group.by_key.get(key) if group else None
        return None if found is None or found.seen_at_revision == 0 else found

    def __iter__(self) -> Iterator[Named]:
        for name, group in self._names.items():
            for reservation in group.by_key.values():
                yield name, reservation

    def __len__(self) -> int:
        """How many reservations are not retired."""
        return len(self._open) + len(self._settled)

    def are_too_many(self, name: str, most: int, most_of_one_name: int) -> bool:
        """Say whether the limit of all reservations, or of those under this name, is reached."""
        if len(self._open) + len(self._settled) >= most:
            return True
        group = self._names.get(name)
        return group is not None and len(group.by_key) >= most_of_one_name

    @property
    def still_open(self) -> int:
        """How many reservations are open: their pods may still come."""
        return len(self._open)

    @property
    def any_void(self) -> bool:
        """Say whether an unretired reservation is void: its pod never came and never will."""
        return bool(self._void)

    def settled(self) -> tuple[Named, ...]:
        """All reservations that are settled and not yet retired."""
        return tuple((name, reservation) for reservation, name in self._settled.items())

    def granted_by(self, moment: float) -> list[Named]:
        """The open reservations that were granted at this moment or before.

        If a review waited for the lock, its reservation may stand behind a younger one, and is then returned only
        together with that one. It is kept a moment longer than needed, which is safe.
        """
        first = takewhile(lambda named: named[0].granted_at <= moment, self._open.items())
        return [(name, reservation) for reservation, name in first]

    def granted_first(self, name: str, otherwise: float) -> float:
        """When the oldest open reservation under a name was granted; `otherwise` if there is none."""
        group = self._names.get(name)
        return min((r.granted_at for r in group.still_open()), default=otherwise) if group else otherwise

    def oldest_open(self) -> float:
        """When the oldest open reservation was granted; infinity if there is none."""
        return next(iter(self._open)).granted_at if self._open else float("inf")

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, name: str, reservation: Reservation) -> None:
        """Add a grant; it replaces the one with the same key, because the API server may repeat a review.

        If the pod is now charged to another pool, the replaced reservation is kept until a write (rule 6).
        """
        group = self._names.get(name)
        if group is None:
            if reservation.seen_at_revision is None and reservation.before is UNBORN and self._live(name) is NOWHERE:
                self._begin(name, reservation)
                return
            group = self._names[name] = _Name({}, {}, {}, {})
        key = reservation.key
        replaced = group.by_key.pop(key, None)
        if replaced is not None and replaced.spread == reservation.spread:
            self._forget(replaced)
        elif replaced is not None:
            self._set_aside(name, group, replaced)
        group.by_key[key] = reservation
        (self._open if reservation.is_open else self._settled)[reservation] = name
        if replaced is None and reservation.is_open:  # need not look at all duplicates of a name, which may be many
            more = reach(reservation.spread, reservation.before)
            owners = group.owners if reservation.owner in group.owners else (*group.owners, reservation.owner)
            self._count(name, group, joined(group.open, more), joined(group.unretired, more), owners)
        else:
            self._recount(name)

    def _begin(self, name: str, reservation: Reservation) -> None:
        """Add the create of a pod whose name has neither a living pod nor a reservation, as most creates are."""
        reaches, costs = first_grant(reservation.spread)
        owners = (reservation.owner,)
        self._names[name] = _Name({reservation.uid: reservation}, reaches, reaches, costs, owners)
        self.subjects.add(name, owners, costs)
        self._open[reservation] = name
        for scope, cost in costs.items():
            self._sums[scope].move(NO_COSTS, cost)

    def _set_aside(self, name: str, group: _Name, replaced: Reservation) -> None:
        """Keep a replaced reservation as one whose pod never came: the API server goes by its last answer."""
        if replaced.is_open:
            self._settle(name, replaced, 0)
            self._void.add(replaced)
        self._outdated = replaced.outdated = self._outdated + 1
        group.by_key[replaced.key] = replaced

    def renew(self, reservation: Reservation, now: float) -> None:
        """Start the lapse of an open grant from `now`, because its review was repeated."""
        reservation.granted_at = max(reservation.granted_at, now)
        if reservation.is_open:
            self._open[reservation] = self._open.pop(reservation)

    def see(self, name: str, uid: str, revision: int, *, bound: bool = True) -> bool:
        """Settle what this sight of a pod settles (rules 2 and 5), and say whether that was anything.

        If so, the caller must `refresh` the name. `bound` says that the pod is bound or gone; otherwise a binding of it
        may still come.
        """
        group = self._names.get(name)
        settled = False
        for reservation in group.by_key.values() if group else ():
            if (
                reservation.uid == uid
                and reservation.seen_at_revision is None
                and revision > reservation.before.revision
                and (bound or not reservation.before.binds)
            ):
                self._settle(name, reservation, revision)
                settled = True
        return settled

    def void(self, lapsed: Iterable[Named]) -> None:
        """Settle these reservations as ones whose pods never came and never will (rule 3)."""
        names: set[str] = set()
        for name, reservation in lapsed:
            self._settle(name, reservation, 0)
            self._void.add(reservation)
            names.add(name)
        for name in names:
            self.refresh(name)

    def begin_again(self) -> None:
        """Take in that etcd was restored: count each pod that was seen as one that never came.

        Its request has ended, so it cannot come a second time, and the revision at which it was seen means nothing in
        the new history. An open pod may still come. A resize waits for a revision past the one that was reviewed, as
        before: the revision of a pod never becomes lower, so the resize cannot be written after that, even if the
        reviewed revision never existed in this history.
        """
        for reservation in self._settled:
            reservation.seen_at_revision = 0
        self._void.update(self._settled)

    def retire(self, retired: Iterable[Named]) -> None:
        """Drop these reservations; one that has replaced one of them since stays."""
        names: set[str] = set()
        for name, reservation in retired:
            group = self._names.get(name)
            key = reservation.key
            if group and group.by_key.get(key) is reservation:
                del group.by_key[key]
                self._forget(reservation)
                names.add(name)
        for name in names:
            if self._names[name].by_key:
                self._recount(name)
            else:
                self._leave(name)

    def _leave(self, name: str) -> None:
        """Remove a name without reservations from the sums."""
        self.repeated.pop(name, None)
        group = self._names.pop(name)
        if group.owners:
            self.subjects.remove(name, group.owners, group.costs)
        for scope, costs in group.costs.items():
            self._sums[scope].move(costs, NO_COSTS)

    def _settle(self, name: str, reservation: Reservation, revision: int) -> None:
        reservation.seen_at_revision = revision
        self._open.pop(reservation, None)
        self._settled[reservation] = name

    def _forget(self, reservation: Reservation) -> None:
        self._open.pop(reservation, None)
        self._settled.pop(reservation, None)
        self._void.discard(reservation)

    def refresh(self, name: str) -> None:
        """Bring the sums up to date after a reservation of this name was settled, or its living pod changed."""
        group = self._names.get(name)
        if group is not None and group.open:
            still_open = group.still_open()
            owners = _owners(still_open) if still_open else ()
            self._count(name, group, _extents(still_open), group.unretired, owners)

    def _recount(self, name: str) -> None:
        group = self._names[name]
        still_open = group.still_open()
        self._count(name, group, _extents(still_open), _extents(group.by_key.values()), _owners(still_open))

    def _count(self, name: str, group: _Name, still_open: Extents, unretired: Extents, owners: Owners) -> None:
        """Replace a name's part of the sums by what its reservations come to now."""
        live = self._live(name) if still_open else NOWHERE
        costs = {scope: cost_of(still_open.get(scope), extent, live, scope) for scope, extent in unretired.items()}
        for scope, old in group.costs.items():
            if scope not in costs:
                self._sums[scope].move(old, NO_COSTS)
        for scope, new in costs.items():
            self._sums[scope].move(group.costs.get(scope, NO_COSTS), new)
        if group.owners:
            self.subjects.remove(name, group.owners, group.costs)
        if owners:
            self.subjects.add(name, owners, costs)
        group.open, group.unretired, group.costs, group.owners = still_open, unretired, costs, owners
        if still_open and (len(group.by_key) > 1 or any(any(cost.paid) for cost in costs.values())):
            self.repeated[name] = None


def _owners(reservations: Iterable[Reservation]) -> Owners:
    return tuple(dict.fromkeys(reservation.owner for reservation in reservations))


def _extents(reservations: Iterable[Reservation]) -> Extents:
    extents: Extents = {}
    for reservation in reservations:
        extents = joined(extents, reach(reservation.spread, reservation.before))
    return extents

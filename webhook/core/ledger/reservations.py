"""Reservations: the room for pods that were admitted and that some replica's view may not have shown yet.

                 grant                    its pod is seen                a write that says so
    (nothing) ───────────► open ───────────────────────────► settled ────────────────────────────► retired
                            │                                  ▲                                     (gone)
                            └── no pod came, and a view ───────┘
                                proven fresh after the lapse

A replica admits a pod before any watch can show it. Until then a reservation keeps the pod's room. Each review that is
granted has one reservation. It is *open* while its pod may still appear, and *settled* once this replica's view has
shown the pod, or proved that it can no longer appear. Settled is not enough: another replica's view may be older and
still lack the pod. So the reservation goes on holding room in this replica's allotment until a write to the shared
object tells the others; then it is *retired*, and forgotten. Open and settled reservations together are *unretired*.

Rule 1. Reservations are grouped by the pod's namespace/name. At any moment at most one pod lives under a name, so a
        name costs the *largest* of what lives there and what may still come there, never the sum: two hundred
        duplicates of one name cost one footprint.
Rule 2. Only a pod with the reservation's own UID settles it. A reservation of the same name for another UID stays open:
        the pod that was seen may be deleted while the slower request is still under way, and then that one succeeds.
Rule 3. A reservation whose pod was never seen lapses only with a view that was proven fresh *after* the lapse. A plain
        timeout would release room for a pod that exists and that a stalled watch has not shown yet.
Rule 4. Settling frees nothing in the allotment: a settled reservation stays *unretired*, and counts in the allotment,
        until a write. If its pod was seen, the write tells the other replicas which revision their views must have
        reached. If its pod never came, the write books again: the pod that lived under the name may have covered the
        cost, and then nothing was booked for this one.
Rule 5. A resize costs what it adds to the object that was reviewed. It is settled as soon as the pod is seen at a
        higher revision: the resize replaced the reviewed object, or never will. Several resizes of one pod cost the
        whole way from the least before to the most after: each adds to the one before it, and those that failed cost
        nothing more. The same holds for a change of where a pod may run: in the pool that the pod is charged to from
        then on, it begins at nothing. A binding is not tied to the object that was reviewed; it is settled when the pod
        is seen bound, or gone.
Rule 6. Only a write makes what is unretired under a name smaller: other replicas may rely on what the last write said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from itertools import takewhile

from msgspec import Struct

from webhook.core.ledger.costs import NO_COSTS, Costs, Total, cost_of, first_grant
from webhook.core.ledger.interval import (
    NOWHERE,
    UNBORN,
    Before,
    Charge,
    Interval,
    Intervals,
    Sums,
    joined,
    key_of,
    reach,
)
from webhook.core.ledger.subjects import Owners, Subjects
from webhook.core.values.amounts import NOTHING, Amounts

Live = Callable[[str], Charge]
"""Returns the charge of the pod that lives under a name now; NOWHERE for a name that no pod has."""


class Reservation(Struct, eq=False, gc=False):
    """One grant: the room that one review of a pod was given. Times are seconds of the replica's own clock.

    A revision is a pod's resourceVersion.
    """

    uid: str
    charge: Charge
    granted_at: float
    before: Before = UNBORN
    owner: str = ""  # the pod's owner (subjects.py)
    order: int = 0  # how many grants were made before it
    seen_at_revision: int | None = None  # None: open; 0: its pod never came and never will
    told_again: bool = False  # a repeated review, or policy without a booking, let its pod in: `drop` must not void it
    said: object = None  # the verdict on its pod, if that was more than a plain yes: a repeated review gets the same
    outdated: int = 0  # non-zero, and unique, once a later answer about the same pod replaced this reservation

    @property
    def is_open(self) -> bool:
        """Say whether the pod may still appear: this replica's view has neither shown it nor ruled it out."""
        return self.seen_at_revision is None

    @property
    def most(self) -> Amounts:
        """The most that it adds by itself in any scope: a change that moves a pod to a pool adds all of it there."""
        return self.charge.footprint.beyond(self.before.within(self.charge.scopes[-1]))

    @property
    def key(self) -> str:
        """The key that distinguishes this grant from the others of its name."""
        key = key_of(self.uid, self.before, self.charge.footprint)
        return f"{key}~{self.outdated}" if self.outdated else key


Named = tuple[str, Reservation]
"""The name of a pod, and a reservation for it."""


class _Name(Struct, eq=False):
    """All unretired reservations under one name, their intervals, and what they add to the sums now.

    All fields but `by_key` are replaced and never changed in place. `owners` are those of the open reservations.
    """

    by_key: dict[str, Reservation]
    open: Intervals
    unretired: Intervals
    costs: Mapping[str, Costs]
    owners: Owners = ()

    def still_open(self) -> list[Reservation]:
        """Return the open reservations."""
        return [r for r in self.by_key.values() if r.seen_at_revision is None]


class Reservations:
    """The reservations of one replica and their sums by scope, kept up to date with each change.

    The caller holds the lock that guards the ledger.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._names: dict[str, _Name] = {}
        self._sums: defaultdict[str, Total] = defaultdict(Total)
        self._open: dict[Reservation, str] = {}  # in the order in which they were granted or last renewed
        self._settled: dict[Reservation, str] = {}
        self._void: set[Reservation] = set()  # the settled ones whose pod never came
        self._outdated = 0  # how many were ever replaced by a later answer
        self.subjects = Subjects()
        self.names: KeysView[str] = self._names.keys()  # the names under which anything is reserved
        self.repeated: dict[str, None] = {}  # names reserved for more than one pod, or for one beside a living pod

    # -- questions -----------------------------------------------------------------------------------------------------

    def unseen(self, scope: str) -> Amounts:
        """Return what open reservations may still add to what lives in the scope now."""
        return self._sums[scope].unseen

    def open(self, scope: str) -> Amounts:
        """Return what open reservations come to by themselves: after the next write, others must leave room for it."""
        sums = self._sums[scope]
        return sums.unseen.plus(sums.paid)

    def unretired(self, scope: str) -> Amounts:
        """Return how much of this replica's allotment in the scope its reservations hold."""
        return self._sums[scope].unretired

    def growth_unseen(self, name: str, interval: Interval, scope: str) -> Amounts:
        """Return what one more grant under a name would add to what lives there and what may still come."""
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        had = group.open.get(scope) if group else None
        if had is None:
            return interval.cost_beyond(live)
        return had.and_also(interval).cost_beyond(live).minus(had.cost_beyond(live))

    def unseen_of(self, name: str, key: str, scope: str) -> Amounts | None:
        """Return what one open grant adds to what else lives and may come under its name; None if it is not open."""
        group = self._names.get(name)
        if group is None or (found := group.by_key.get(key)) is None or not found.is_open:
            return None
        others = _intervals(r for r in group.still_open() if r is not found).get(scope)
        live = self._live(name).in_scope(scope)
        together = group.costs[scope].unseen if scope in group.costs else NOTHING
        return together if others is None else together.minus(others.cost_beyond(live))

    def growth_by_others(self, name: str, high: Amounts, scope: str, more: Interval | None = None) -> Amounts:
        """Return what creates granted by other replicas, up to `high`, add under a name.

        They add to what lives there and to what this replica's open grants may still bring, with `more` as if that were
        granted here as well.
        """
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        ours = group.open.get(scope) if group else None
        if more is not None:
            ours = more if ours is None else ours.and_also(more)
        return high.beyond(live) if ours is None else ours.leaves(high, live)

    def open_from_nothing(self, name: str) -> Sums:
        """Return, by scope, how far the open grants of a name reach in the sums where they begin at 0."""
        group = self._names.get(name)
        return {scope: interval.from_nothing for scope, interval in group.open.items()} if group else {}

    def growth_of(self, name: str, charge: Charge, before: Before, *, without: frozenset[str] = frozenset()) -> Sums:
        """Return what one more grant would add to what a name holds of the allotment, without the keys `without`."""
        group = self._names.get(name)
        if group is None:
            if before == UNBORN:
                return dict.fromkeys(charge.scopes, charge.footprint)
            return {scope: interval.cost for scope, interval in reach(charge, before).items()}
        counted = not without & group.by_key.keys()
        held = group.unretired if counted else _intervals(r for k, r in group.by_key.items() if k not in without)
        growth: Sums = {}
        for scope, interval in reach(charge, before).items():
            had = held.get(scope)
            growth[scope] = interval.cost if had is None else had.and_also(interval).cost.minus(had.cost)
        return growth

    def get(self, name: str, key: str) -> Reservation | None:
        """Return the reservation for exactly this pod or change; None if there is none, or it has lapsed."""
        group = self._names.get(name)
        found = group.by_key.get(key) if group else None
        return None if found is None or found.seen_at_revision == 0 else found

    def __iter__(self) -> Iterator[Named]:
        for name, group in self._names.items():
            for reservation in group.by_key.values():
                yield name, reservation

    def __len__(self) -> int:
        """Return how many reservations are unretired."""
        return len(self._open) + len(self._settled)

    def are_too_many(self, name: str, most: int, most_of_one_name: int) -> bool:
        """Say whether there are `most` reservations, or `most_of_one_name` under this name, so that none is added."""
        if len(self._open) + len(self._settled) >= most:
            return True
        group = self._names.get(name)
        return group is not None and len(group.by_key) >= most_of_one_name

    @property
    def still_open(self) -> int:
        """How many reservations are open."""
        return len(self._open)

    @property
    def any_void(self) -> bool:
        """Say whether any unretired reservation is for a pod that never came."""
        return bool(self._void)

    def settled(self) -> tuple[Named, ...]:
        """Return all settled reservations that are not yet retired."""
        return tuple((name, reservation) for reservation, name in self._settled.items())

    def granted_by(self, moment: float) -> list[Named]:
        """Return the open reservations that were granted or renewed no later than `moment`.

        If a review waited for the lock, its reservation may stand behind a younger one. It is then returned only
        together with that one: it is kept a moment longer, which is safe.
        """
        first = takewhile(lambda named: named[0].granted_at <= moment, self._open.items())
        return [(name, reservation) for reservation, name in first]

    def granted_first(self, name: str, otherwise: float) -> float:
        """Return when the oldest open reservation under a name was granted; `otherwise` if there is none."""
        group = self._names.get(name)
        return min((r.granted_at for r in group.still_open()), default=otherwise) if group else otherwise

    def oldest_open(self) -> float:
        """Return when the oldest open reservation was granted; infinity if there is none."""
        return next(iter(self._open)).granted_at if self._open else float("inf")

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, name: str, reservation: Reservation) -> None:
        """Add a grant; it replaces the grant with the same key (a review may be repeated).

        If the pod is charged to another pool than before, the old charge is held until a write (rule 6).
        """
        group = self._names.get(name)
        if group is None:
            if reservation.seen_at_revision is None and reservation.before == UNBORN and self._live(name) == NOWHERE:
                self._begin(name, reservation)
                return
            group = self._names[name] = _Name({}, {}, {}, {})
        key = reservation.key
        replaced = group.by_key.pop(key, None)
        if replaced is not None and replaced.charge == reservation.charge:
            self._forget(replaced)
        elif replaced is not None:
            self._set_aside(name, group, replaced)
        group.by_key[key] = reservation
        (self._open if reservation.is_open else self._settled)[reservation] = name
        if replaced is None and reservation.is_open:  # a name may have many duplicates: avoid a look at all of them
            more = reach(reservation.charge, reservation.before)
            owners = group.owners if reservation.owner in group.owners else (*group.owners, reservation.owner)
            self._count(name, group, joined(group.open, more), joined(group.unretired, more), owners)
        else:
            self._recount(name)

    def _begin(self, name: str, reservation: Reservation) -> None:
        """Add the grant of a new pod under a name that no pod has: the most frequent case."""
        reaches, costs = first_grant(reservation.charge)
        owners = (reservation.owner,)
        self._names[name] = _Name({reservation.uid: reservation}, reaches, reaches, costs, owners)
        self.subjects.add(name, owners, costs)
        self._open[reservation] = name
        for scope, cost in costs.items():
            self._sums[scope].add(cost)

    def _set_aside(self, name: str, group: _Name, replaced: Reservation) -> None:
        """Keep a replaced grant as one whose pod never comes: the API server goes by the last answer that it got."""
        if replaced.is_open:
            self._settle(name, replaced, 0)
            self._void.add(replaced)
        self._outdated = replaced.outdated = self._outdated + 1
        group.by_key[replaced.key] = replaced

    def renew(self, reservation: Reservation, now: float) -> None:
        """Count the lapse of a grant from `now` on, because its review was repeated."""
        reservation.granted_at = max(reservation.granted_at, now)
        if reservation.is_open:
            self._open[reservation] = self._open.pop(reservation)

    def see(self, name: str, uid: str, revision: int, *, bound: bool = True) -> bool:
        """Settle the reservations that waited for a pod that the view shows now (rules 2 and 5); say if any did.

        If any did, the caller must `refresh` the name. `bound` says that the pod is bound, or gone; otherwise a binding
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
        """Settle reservations whose pods never came and never will (rule 3)."""
        names: set[str] = set()
        for name, reservation in lapsed:
            self._settle(name, reservation, 0)
            self._void.add(reservation)
            names.add(name)
        for name in names:
            self.refresh(name)

    def begin_again(self) -> None:
        """Take in that history was replaced: every settled reservation is now one whose pod never came.

        The revisions at which those pods were seen no longer mean anything, and the reviewed requests cannot be written
        a second time. Open reservations stay open. A resize waits for a revision past the one that was reviewed, as
        before. The revision of a pod never becomes lower, so after that the resize cannot be written, even if the
        reviewed revision never existed in the history that holds now.
        """
        for reservation in self._settled:
            reservation.seen_at_revision = 0
        self._void.update(self._settled)

    def retire(self, retired: Iterable[Named]) -> None:
        """Forget these reservations, but not a reservation that has replaced one of them."""
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
        """Take a name, which has no reservations left, out of the sums."""
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
        """Bring the sums up to date after a reservation of this name was settled, or what lives there changed."""
        group = self._names.get(name)
        if group is not None and group.open:
            still_open = group.still_open()
            owners = _owners(still_open) if still_open else ()
            self._count(name, group, _intervals(still_open), group.unretired, owners)

    def _recount(self, name: str) -> None:
        group = self._names[name]
        still_open = group.still_open()
        self._count(name, group, _intervals(still_open), _intervals(group.by_key.values()), _owners(still_open))

    def _count(self, name: str, group: _Name, still_open: Intervals, unretired: Intervals, owners: Owners) -> None:
        """Replace a name's part of the sums by what its reservations come to now."""
        live = self._live(name) if still_open else NOWHERE
        costs = {scope: cost_of(still_open.get(scope), interval, live, scope) for scope, interval in unretired.items()}
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


def _intervals(reservations: Iterable[Reservation]) -> Intervals:
    intervals: Intervals = {}
    for reservation in reservations:
        intervals = joined(intervals, reach(reservation.charge, reservation.before))
    return intervals

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
        So does a change of where a pod may run: in the pool that it is charged to from then on it begins at nothing.
        A binding is not tied to what was reviewed; it is settled when the pod is seen bound, or gone.
Rule 6. What is unretired under a name becomes less by a write alone: others may count on what the last one said of it.
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
"""What lives under a name now, spread over the scopes; NOWHERE for a name that nobody has."""


class Reservation(Struct, eq=False, gc=False):
    """One grant. Times are seconds of the replica's own clock; a revision is a pod's resourceVersion."""

    uid: str
    spread: Charge
    granted_at: float
    before: Before = UNBORN
    owner: str = ""  # of the pod (subjects.py)
    order: int = 0  # how many grants were made before it
    seen_at_revision: int | None = None  # None: open; 0: it never came and never will
    told_again: bool = False  # its pod was let in by it, or again by it, though not by the write that booked it
    said: object = None  # what was said of its pod, where that was more than yes: a repeated review is told the same
    outdated: int = 0  # more than 0, and no other's number: another answer about this very pod took its place

    @property
    def is_open(self) -> bool:
        """Say whether the pod may still come without this view having shown it."""
        return self.seen_at_revision is None

    @property
    def most(self) -> Amounts:
        """The most that it adds in any scope, by itself: one that confines a pod adds all of it in the pool."""
        return self.spread.footprint.beyond(self.before.within(self.spread.scopes[-1]))

    @property
    def key(self) -> str:
        """What tells this grant from others."""
        key = key_of(self.uid, self.before, self.spread.footprint)
        return f"{key}~{self.outdated}" if self.outdated else key


Named = tuple[str, Reservation]
"""A reservation with the name of its pod."""


class _Name(Struct, eq=False):
    """All unretired reservations under one name, how far they reach, and what they add to the sums at present.

    All but `by_key` are replaced and never changed. `owners` are those of the open ones.
    """

    by_key: dict[str, Reservation]
    open: Extents
    unretired: Extents
    costs: dict[str, Costs]
    owners: Owners = ()

    def still_open(self) -> list[Reservation]:
        """Those that may still come."""
        return [r for r in self.by_key.values() if r.seen_at_revision is None]


class Reservations:
    """The reservations of one replica, with their sums by scope kept up to date."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._names: dict[str, _Name] = {}
        self._sums: defaultdict[str, Costs] = defaultdict(Costs)
        self._open: dict[Reservation, str] = {}  # in the order in which they were granted last
        self._settled: dict[Reservation, str] = {}
        self._void: set[Reservation] = set()  # those of the settled that never came
        self._outdated = 0  # how many ever were
        self.subjects = Subjects()
        self.names: KeysView[str] = self._names.keys()  # under which anything is reserved
        self.repeated: dict[str, None] = {}  # those that more than one pod had, or one beside what lived there

    # -- questions -----------------------------------------------------------------------------------------------------

    def unseen(self, scope: str) -> Amounts:
        """What open reservations may still add to what lives in the scope now."""
        return self._sums[scope].unseen

    def open(self, scope: str) -> Amounts:
        """What open reservations come to by themselves: what others must leave room for after the next write."""
        sums = self._sums[scope]
        return sums.unseen.plus(sums.paid)

    def unretired(self, scope: str) -> Amounts:
        """What all reservations hold of this replica's allotment in the scope."""
        return self._sums[scope].unretired

    def growth_unseen(self, name: str, extent: Interval, scope: str) -> Amounts:
        """What one more grant under a name would add to what lives there and what may still come."""
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        had = group.open.get(scope) if group else None
        if had is None:
            return extent.cost_beyond(live)
        return had.and_also(extent).cost_beyond(live).minus(had.cost_beyond(live))

    def unseen_of(self, name: str, key: str, scope: str) -> Amounts | None:
        """What one open grant adds to what else lives and may come under its name; None where there is no such."""
        group = self._names.get(name)
        if group is None or (found := group.by_key.get(key)) is None or not found.is_open:
            return None
        others = _extents(r for r in group.still_open() if r is not found).get(scope)
        live = self._live(name).in_scope(scope)
        together = group.costs[scope].unseen if scope in group.costs else NOTHING
        return together if others is None else together.minus(others.cost_beyond(live))

    def growth_by_others(self, name: str, high: Amounts, scope: str, more: Interval | None = None) -> Amounts:
        """What creates of others, up to so much, add to what lives under a name and may still come of ours.

        With `more` as if that had been granted here as well.
        """
        live = self._live(name).in_scope(scope)
        group = self._names.get(name)
        ours = group.open.get(scope) if group else None
        if more is not None:
            ours = more if ours is None else ours.and_also(more)
        return high.beyond(live) if ours is None else ours.leaves(high, live)

    def open_from_nothing(self, name: str) -> Sums:
        """How far those under a name reach that may still come, sum by sum, where they begin at nothing."""
        group = self._names.get(name)
        return {scope: extent.from_nothing for scope, extent in group.open.items()} if group else {}

    def growth_of(self, name: str, spread: Charge, before: Before, *, without: frozenset[str] = frozenset()) -> Sums:
        """What one more grant under a name would add to what it holds of the allotment, some keys left out."""
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
        """The reservation for this very pod, or this very resize; None when it is retired, or lapsed."""
        group = self._names.get(name)
        found = group.by_key.get(key) if group else None
        return None if found is None or found.seen_at_revision == 0 else found

    def __iter__(self) -> Iterator[Named]:
        for name, group in self._names.items():
            for reservation in group.by_key.values():
                yield name, reservation

    def __len__(self) -> int:
        """How many are not retired."""
        return len(self._open) + len(self._settled)

    def are_too_many(self, name: str, most: int, most_of_one_name: int) -> bool:
        """Say whether there are so many, or so many under one name, that no other should be added there."""
        if len(self._open) + len(self._settled) >= most:
            return True
        group = self._names.get(name)
        return group is not None and len(group.by_key) >= most_of_one_name

    @property
    def still_open(self) -> int:
        """How many pods may still come."""
        return len(self._open)

    @property
    def any_void(self) -> bool:
        """Say whether anything unretired never came."""
        return bool(self._void)

    def settled(self) -> tuple[Named, ...]:
        """All that is settled and not yet retired."""
        return tuple((name, reservation) for reservation, name in self._settled.items())

    def granted_by(self, moment: float) -> list[Named]:
        """The open ones that were granted no later than this.

        One whose review waited for the lock may stand behind one that is younger, and is then told with that: kept for
        a moment longer, which is safe.
        """
        first = takewhile(lambda named: named[0].granted_at <= moment, self._open.items())
        return [(name, reservation) for reservation, name in first]

    def granted_first(self, name: str, otherwise: float) -> float:
        """When the oldest open reservation under a name was granted."""
        group = self._names.get(name)
        return min((r.granted_at for r in group.still_open()), default=otherwise) if group else otherwise

    def oldest_open(self) -> float:
        """When the oldest open reservation was granted; infinity when there is none."""
        return next(iter(self._open)).granted_at if self._open else float("inf")

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, name: str, reservation: Reservation) -> None:
        """Take a grant in; the same one is replaced (a review may be asked again).

        If its pod is charged to another pool by now, what it was charged to is held until a write (rule 6).
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
        if replaced is None and reservation.is_open:  # a name may have many duplicates: no need to look at them all
            more = reach(reservation.spread, reservation.before)
            owners = group.owners if reservation.owner in group.owners else (*group.owners, reservation.owner)
            self._count(name, group, joined(group.open, more), joined(group.unretired, more), owners)
        else:
            self._recount(name)

    def _begin(self, name: str, reservation: Reservation) -> None:
        """Take in a new pod's grant under a name that nobody has, as most are."""
        reaches, costs = first_grant(reservation.spread)
        owners = (reservation.owner,)
        self._names[name] = _Name({reservation.uid: reservation}, reaches, reaches, costs, owners)
        self.subjects.add(name, owners, costs)
        self._open[reservation] = name
        for scope, cost in costs.items():
            self._sums[scope].move(NO_COSTS, cost)

    def _set_aside(self, name: str, group: _Name, replaced: Reservation) -> None:
        """Let what another answer took the place of be one that never comes: the API server goes by its last answer."""
        if replaced.is_open:
            self._settle(name, replaced, 0)
            self._void.add(replaced)
        self._outdated = replaced.outdated = self._outdated + 1
        group.by_key[replaced.key] = replaced

    def renew(self, reservation: Reservation, now: float) -> None:
        """Let an open grant count from now: its review was repeated."""
        reservation.granted_at = max(reservation.granted_at, now)
        if reservation.is_open:
            self._open[reservation] = self._open.pop(reservation)

    def see(self, name: str, uid: str, revision: int, *, bound: bool = True) -> bool:
        """Note that the view shows a pod (rules 2 and 5), and say whether anything granted here was waiting for that.

        If so, the name's sums want a refresh. `bound`: it is bound, or gone; else a binding may still come.
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
        """Note that these pods never came and never will (rule 3)."""
        names: set[str] = set()
        for name, reservation in lapsed:
            self._settle(name, reservation, 0)
            self._void.add(reservation)
            names.add(name)
        for name in names:
            self.refresh(name)

    def begin_again(self) -> None:
        """Note that history was replaced: what was seen is as if it had never come, for it cannot come once more.

        The revisions at which it was seen mean nothing any more. What is open may still come. A resize waits for a
        revision past the one that was reviewed, as before: no pod's revision ever becomes lower, so it is not written
        after that, even if the revision that was reviewed was never that of this history.
        """
        for reservation in self._settled:
            reservation.seen_at_revision = 0
        self._void.update(self._settled)

    def retire(self, retired: Iterable[Named]) -> None:
        """Forget these reservations, but none that took the place of one of them."""
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
        """Let a name cost nothing any more."""
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
        """Bring the sums up to date after something was settled under this name, or another pod lives there."""
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
        """Let a name cost what its reservations come to, no more what they came to before."""
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

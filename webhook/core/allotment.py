"""Allotments: how several replicas share one bound without asking each other at every grant.

              booked by a write                  its last write is older than its validity
    (nothing) ─────────────────► holding: it grants ────────────────────────────► silent: it grants nothing
                                  ▲  │ retire, renew, hand back                     │  │
                                  └──┘              renew                           │  │ validity + lapse,
                                  ▲─────────────────────────────────────────────────┘  │ then a fresh proof
    (nothing) ◄──── it leaves ── holding                          expired by another ◄─┘

One shared object (shared.py), changed by compare-and-swap only. All times are the replica's own clock, in seconds.

Rule 1. A replica grants without any call while its unretired reservations stay within what it holds, within the
        *validity* of its last successful write (counted from when that was sent), and within the bound as it sees it.
Rule 2. A booking needs a view at or past the floor, and
        committed(view) + unseen + Σ held by others + what is booked ≤ bound.
        What is booked is what waits, and a share of what is free that shrinks as the bound comes near.
Rule 3. The same write retires the reservations whose pods the writer has seen, and raises the floor to the highest of
        their revisions: whoever books next sees those pods, or sees that they are gone.
Rule 4. A reservation that nobody saw lapses as reservations.py says (its rule 3).
Rule 5. What a silent replica holds lapses after validity + lapse since the observer first saw its last write, with a
        view proven fresh after that; the same write raises the floor to the highest *pod* revision of that view.
Rule 6. Who cannot book *calls*: the others hand back what they have not spent, retire what they have seen, and
        book no more than they need for a while. Only then is a refusal final.
Rule 7. A lost or damaged object is made anew and closed. Holders register what is open. It is opened after validity +
        lapse since the opener first saw it, with a view proven fresh after that, from which it takes the floor.
Rule 8. What policy lets through is booked too. That may pass the bound, and then nothing more is granted.
Rule 9. A state of a newer version is left alone.

The argument that no sequence of these steps passes the bound is in docs/design.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from webhook.core.amounts import NOTHING, Amounts
from webhook.core.ledger import Ledger, PodFacts
from webhook.core.reservations import Reservation, Sums
from webhook.core.shared import Holding, Shared


class Timing(NamedTuple):
    """Seconds. `lapse` must be more than what the API server gives a create (34 s) and etcd to finish its write."""

    validity: float = 15.0
    lapse: float = 45.0
    renew: float = 5.0
    lean: float = 2.0


class Ask(NamedTuple):
    """A pod that waits for a booking.

    `forced`: policy lets it through, so it is booked even past the bound. `called`: the others were called for it
    already, so that it makes no call again.
    """

    pod: PodFacts
    forced: bool = False
    called: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next state of the shared object, and what becomes true here once it is written."""

    shared: Shared
    sent_at: float
    held: Sums
    retired: tuple[tuple[str, str], ...]
    booked: tuple[Ask, ...] = ()
    unfit: tuple[Ask, ...] = ()
    load: Sums = field(default_factory=dict)  # what counts against `held`: grows with each grant made meanwhile


class _Heard(NamedTuple):
    renewal: int
    at: float


class Allotment:
    """This replica's part of the protocol. The caller holds one lock for this and the ledger."""

    def __init__(self, replica: str, ledger: Ledger, timing: Timing) -> None:
        self.replica = replica
        self.timing = timing
        self.shared: Shared | None = None
        self.revision = 0  # resourceVersion of the object that `shared` was read from; 0: there is none
        self._ledger = ledger
        self._held: Sums = {}
        self._valid_until = float("-inf")
        self._sent_at = float("-inf")
        self._renewal = 0
        self._answered = 0
        self._lean_until = float("-inf")
        self._spare_at_booking: Sums = {}
        self._pending: Proposal | None = None
        self._heard: dict[str, _Heard] = {}
        self._epoch: tuple[str, float] = ("", float("-inf"))

    # -- granting ------------------------------------------------------------------------------------------------------

    def take(self, pod: PodFacts, now: float) -> bool:
        """Grant from the allotment if it covers the pod (rule 1); the caller has judged it against the bound."""
        if now >= self._valid_until:
            return False
        growth = self._growth(pod, frozenset())
        if not self._covered(growth, self._held, {s: self._ledger.reservations.unretired(s) for s in growth}):
            return False
        pending = self._pending
        if pending is not None:  # it may have been written already, so its terms must hold as well
            later = self._growth(pod, frozenset(uid for _, uid in pending.retired))
            if not self._covered(later, pending.held, pending.load):
                return False
            for scope, amounts in later.items():
                pending.load[scope] = pending.load.get(scope, NOTHING).plus(amounts)
        self._ledger.grant(pod, now)
        return True

    def may_book(self) -> bool:
        """Say whether a booking could succeed now: the object is open (or still to be made) and the view far enough."""
        return self.shared is None or (self.shared.open and self._ledger.revision >= self.shared.floor)

    def valid(self, now: float) -> bool:
        """Say whether this replica may grant at all now."""
        return now < self._valid_until

    def spare(self, scope: str) -> Amounts:
        """What is held and not spent."""
        return self._held.get(scope, NOTHING).beyond(self._ledger.reservations.unretired(scope))

    def held(self, scope: str) -> Amounts:
        """What is held, spent or not."""
        return self._held.get(scope, NOTHING)

    def _growth(self, pod: PodFacts, without: frozenset[str]) -> Sums:
        """What a grant would add to the unretired reservations (the largest under one name counts)."""
        spread = self._ledger.spread(pod)
        of_name = self._ledger.reservations.unretired_of
        return {s: spread.in_scope(s).beyond(of_name(pod.name, s, without=without)) for s in spread.scopes}

    def _covered(self, growth: Sums, held: Sums, load: Sums) -> bool:
        for scope, amounts in growth.items():
            limit, used = held.get(scope, NOTHING), load.get(scope, NOTHING)
            for index, bound in enumerate(self._ledger.capacity.bearing(scope).bound):
                if bound is not None and amounts[index] and used[index] + amounts[index] > limit[index]:
                    return False
        return True

    # -- the shared object ---------------------------------------------------------------------------------------------

    def observe(self, shared: Shared | None, revision: int, now: float) -> None:
        """Take in the shared object as it was read or watched; None: it is lost, or damaged beyond use."""
        if shared is not None and self.shared is not None and revision <= self.revision:
            return
        if shared is not None and self._regressed(shared):
            shared = None
        self.shared, self.revision = shared, revision
        if shared is None:
            self._held = {}
            self._pending = None
            return
        if shared.epoch != self._epoch[0]:
            self._epoch = (shared.epoch, now)
            self._heard.clear()
        self._listen(shared, now)
        mine = shared.holdings.get(self.replica)
        if self._pending and mine and mine.renewal == self._pending.shared.holdings[self.replica].renewal:
            self.written(revision, shared)
        elif self._pending is None:
            self._adopt()

    def _adopt(self) -> None:
        """Hold what the shared object says, which may be less than was booked: another may have expired it."""
        mine = self.shared.holdings.get(self.replica) if self.shared else None
        self._held = dict(mine.held) if mine else {}

    def _regressed(self, shared: Shared) -> bool:
        """Say whether an older state came back under the same epoch (an etcd restore, a careless edit)."""
        old = self.shared
        return old is not None and old.epoch == shared.epoch and (shared.floor < old.floor or shared.call < old.call)

    def _listen(self, shared: Shared, now: float) -> None:
        for replica in self._heard.keys() - shared.holdings.keys():
            del self._heard[replica]
        for replica, holding in shared.holdings.items():
            heard = self._heard.get(replica)
            if replica != self.replica and (heard is None or heard.renewal != holding.renewal):
                self._heard[replica] = _Heard(holding.renewal, now)

    def silent(self, now: float) -> dict[str, float]:
        """Return the replicas that stopped renewing, each with the moment from which its share can be taken back."""
        after = self.timing.validity + self.timing.lapse
        return {r: heard.at + after for r, heard in self._heard.items() if now >= heard.at + self.timing.validity}

    def opens_at(self) -> float | None:
        """Return from when on a closed object can be opened; None when it is open or lost."""
        if self.shared is None or self.shared.open:
            return None
        return self._epoch[1] + self.timing.validity + self.timing.lapse

    def wants_proof(self, now: float) -> bool:
        """Say whether something waits for nothing but a view that is proven fresh."""
        proven = self._ledger.proven_since
        opens_at = self.opens_at()
        waiting = [*self.silent(now).values(), *([] if opens_at is None else [opens_at])]
        if any(proven < at <= now for at in waiting):
            return True
        return self._ledger.reservations.oldest_open() + self.timing.lapse <= now

    # -- writing -------------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bool:
        """Say whether a write is due though nobody waits for one."""
        if self._pending is not None:
            return False
        shared = self.shared
        if shared is None or self.replica not in shared.holdings or now >= self._sent_at + self.timing.renew:
            return True
        return (
            shared.call > shared.holdings[self.replica].answered
            or bool(self._expired(now))
            or self._opens(now)
            or self._runs_low(now)
        )

    def propose(self, asks: Sequence[Ask], now: float, epoch: str, *, fresh: bool = False) -> Proposal:
        """Work out the next state: retire, renew, answer, expire, and book for those who wait as far as they fit.

        What is booked is reserved at once: that only makes this replica more careful, and is undone by `failed`.
        `epoch` names a new life of the object if it must be made; `fresh` says that none ever was.
        """
        before = self.shared or Shared(epoch, open=fresh)
        if self.shared is None:
            self._epoch = (epoch, now)
        seen = [(name, r) for name, r in self._ledger.reservations if not r.is_open]
        expired = self._expired(now)
        floor = max([before.floor, *(r.seen_at_revision or 0 for _, r in seen)])
        opening = self._opens(now)
        if expired or opening:
            floor = max(floor, self._ledger.pod_revision)
        others = {r: h for r, h in before.holdings.items() if r != self.replica and r not in expired}
        base = Shared(before.epoch, before.open or opening, floor=floor, call=before.call, holdings=others)
        bookable = base.open and self._ledger.revision >= floor
        booked, unfit = self._reserve(asks, base, now, bookable=bookable)
        if any(not ask.called for ask in unfit) and any(h.held for r, h in others.items() if r not in self.silent(now)):
            base = _called(base)
        return self._proposal(base, seen, booked, unfit, now, bookable=bookable)

    def _proposal(
        self,
        base: Shared,
        seen: Iterable[tuple[str, Reservation]],
        booked: list[Ask],
        unfit: list[Ask],
        now: float,
        *,
        bookable: bool,
    ) -> Proposal:
        if base.call > self._answered:
            self._answered, self._lean_until = base.call, now + self.timing.lean
        self._renewal += 1
        reservations = self._ledger.reservations
        load = {scope: reservations.open(scope) for scope in self._ledger.accounting.scopes}
        held = {scope: load[scope].plus(self._next_spare(scope, base, now, bookable=bookable)) for scope in load}
        mine = Holding(self._renewal, self._answered, {s: a for s, a in held.items() if a != NOTHING})
        shared = Shared(
            base.epoch,
            base.open,
            floor=base.floor,
            call=base.call,
            holdings={**base.holdings, self.replica: mine},
        )
        retired = tuple((name, r.uid) for name, r in seen)
        return Proposal(shared, now, held, retired, tuple(booked), tuple(unfit), load)

    def _reserve(self, asks: Sequence[Ask], base: Shared, now: float, *, bookable: bool) -> tuple[list[Ask], list[Ask]]:
        booked: list[Ask] = []
        unfit: list[Ask] = []
        for ask in asks:
            if ask.forced or (bookable and self.fits(ask.pod, base)):
                self._ledger.grant(ask.pod, now)
                booked.append(ask)
            else:
                unfit.append(ask)
        return booked, unfit

    def fits(self, pod: PodFacts, shared: Shared) -> bool:
        """Rule 2 for one pod, on top of what is reserved here."""
        spread = self._ledger.spread(pod)
        for scope in spread.scopes:
            growth = spread.in_scope(scope).beyond(self._ledger.charged(pod.name, scope))
            free = self.free(scope, shared)
            if any(f is not None and g and g > f for g, f in zip(growth, free, strict=True)):
                return False
        return True

    def free(self, scope: str, shared: Shared) -> tuple[int | None, ...]:
        """What nobody holds of each sum of a scope; below zero when over, None where it is not bounded."""
        standing = self._ledger.standing(scope)
        taken = standing.committed.plus(standing.unseen).plus(shared.held_by_others(self.replica, scope))
        return tuple(None if b is None else b - t for b, t in zip(standing.bearing.bound, taken, strict=True))

    def _next_spare(self, scope: str, base: Shared, now: float, *, bookable: bool) -> Amounts:
        if now < self._lean_until:
            return NOTHING
        free = Amounts._make(0 if f is None else max(0, f) for f in self.free(scope, base))
        if not bookable:
            return self.spare(scope).upto(free)
        sharers = 1 + sum(r not in self.silent(now) for r in base.holdings)
        return Amounts._make(f // (2 * sharers) for f in free)

    def begin(self, proposal: Proposal) -> None:
        """The proposal is being sent: from now on both its terms and the old ones must hold."""
        self._pending = proposal
        self._sent_at = proposal.sent_at

    def written(self, revision: int, shared: Shared | None = None) -> None:
        """The pending proposal was written; `shared` is the state since, where others have changed it again."""
        pending = self._pending
        if pending is None:
            return
        self._pending = None
        self.shared, self.revision = shared or pending.shared, revision
        self._held = pending.held
        self._valid_until = pending.sent_at + self.timing.validity
        self._ledger.reservations.retire(pending.retired)
        self._spare_at_booking = {scope: self.spare(scope) for scope in pending.held}

    def failed(self) -> None:
        """The pending proposal was certainly not written: undo what was reserved for it, keep what was granted."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._ledger.reservations.retire((ask.pod.name, ask.pod.uid) for ask in pending.booked)
            self._adopt()

    @property
    def pending(self) -> Proposal | None:
        """The proposal whose outcome is not known yet."""
        return self._pending

    def answered(self, call: int, now: float) -> bool:
        """Say whether every replica that lives has handed back for this call (rule 6)."""
        shared = self.shared
        if shared is None:
            return False
        silent = self.silent(now)
        return all(h.answered >= call or r == self.replica or r in silent for r, h in shared.holdings.items())

    def _expired(self, now: float) -> list[str]:
        """Rule 5."""
        return [r for r, at in self.silent(now).items() if at <= self._ledger.proven_since]

    def _opens(self, now: float) -> bool:
        """Rule 7."""
        opens_at = self.opens_at()
        return opens_at is not None and now >= opens_at and self._ledger.proven_since >= opens_at

    def _runs_low(self, now: float) -> bool:
        if now < self._lean_until:
            return False
        for scope, booked in self._spare_at_booking.items():
            spare = self.spare(scope)
            if any(have * 4 < had for have, had in zip(spare, booked, strict=True)):
                return True
        return False

    def lapse(self) -> list[tuple[str, Reservation]]:
        """Forget what was granted, never seen, and can come no more (reservations.py, rule 3); return it."""
        due = self._ledger.proven_since - self.timing.lapse
        lapsed = [(n, r) for n, r in self._ledger.reservations if r.is_open and r.granted_at <= due]
        self._ledger.reservations.retire((name, r.uid) for name, r in lapsed)
        return lapsed


def _called(shared: Shared) -> Shared:
    return Shared(shared.epoch, shared.open, floor=shared.floor, call=shared.call + 1, holdings=shared.holdings)

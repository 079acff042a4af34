"""Allotments: how several replicas share one bound without asking each other at every grant.

Theory
======

The problem
-----------
The promise is that no grant takes a scope past its bound, whatever the number of replicas. Each replica judges by its
own view of the cluster, and every view is a little behind. Two replicas that judged by their views alone could both
give the last free gigabyte away. To ask the others at every review would be safe, but slow.

So each replica *books* room in advance. One shared object (shared_state.py) says how much each replica holds, scope by
scope. From what it holds, a replica grants without any call; what one replica holds, no other replica gives away. The
object is changed by compare-and-swap only: a write succeeds only if the object is still at the resourceVersion from
which the writer worked out the new state.

Words
-----
    holding     what the object says of one replica; the amounts that it *holds* are its allotment
    unretired   what the replica has granted and no write has retired yet (reservations.py)
    spare       what it holds beyond that: as much as it may still grant without a call
    floor       a pod's resourceVersion in the object: no replica books with a view that has not reached it
    validity    how long after a write was sent the writer may grant (15 s)
    lapse       how long after a verdict its pod may still come (45 s, which is longer than any create takes)
    proof       a consistent read that shows that the view has all that was true at a moment; `proven_since` is that
    epoch       the name of one life of the object; an object that replaces a lost one has another epoch

Times are seconds of the replica's own clock. No clock is compared with that of another machine: each replica measures
from the moment at which it first saw a thing itself, which is never earlier than the moment at which it happened.

The life of one holding
-----------------------

               a write books               no write for longer than *validity*
    (nothing) ─────────────► holding: it grants ───────────────────────────────► silent: it grants nothing
                              ▲  │ retire, renew, hand back                        │   │
                              └──┘                                                 │   │ validity + lapse, then
                              ▲               a write renews                       │   │ a view proven fresh
                              └────────────────────────────────────────────────────┘   │
    (nothing) ◄── it leaves ── holding                       another replica expires it ◄─┘

One write
---------
A write does all that is due at once (proposal.py): it retires what is settled and raises the floor, renews the holding,
answers a call, expires replicas that are silent, opens a closed object, and books for pending reviews.

    propose ──► begin ──► the write is sent ──┬─► written   it was carried out: its terms are in force
                                              ├─► failed    it certainly was not: its bookings are undone
                                              └─► (no answer yet, or it was lost) still `pending`

A write may be carried out although its answer is lost. While a proposal is pending, the replica does not know which
terms are in force, so a grant must be covered by the old terms and by the proposed ones (grants.py).

Why it is safe, in short
------------------------
At a booking, the writer's view has reached the floor. So it shows each pod whose reservation some replica has retired,
or shows that the pod is gone. Each other pod that was granted, and that lives or may still come, has an unretired
reservation at some replica, and these stay within what that replica holds. So what the view shows and what all replicas
hold together are no less than all that lives or may come, and the booking keeps them within the bound. After the
booking, each grant comes out of what its replica holds already.

Room from which a replica may have granted goes to others only once it is certain that each pod has been seen or will
never come: after the times in rules 4, 5 and 7, and with a view that is proven fresh after those.

Rules
=====

Rule 1. A replica grants without any call while three things hold: its unretired reservations stay within what it
        holds; the *validity* of its last successful write, counted from when that was sent, is not over; and the sums
        stay within the bound as the replica sees it.
Rule 2. A booking needs a view at or past the floor, and
        committed(view) + unseen + held by others + what is booked ≤ bound.
        A repeated name costs the largest of what lives there and of what any replica holds for it (name_claims.py).
        A write books for the pending reviews, and a share of what is free, which shrinks as the bound comes near.
Rule 3. The same write retires the reservations whose pods the writer has seen, and raises the floor to the highest of
        their revisions: the replica that books next sees those pods, or sees that they are gone.
Rule 4. A reservation whose pod the replica never saw lapses as reservations.py says (rules 3 and 4 there).
Rule 5. What a silent replica holds is taken back when validity + lapse have passed since the observer first saw its
        last write, and the observer's view is proven fresh after that. The write that *expires* it raises the floor to
        the highest *pod* revision of that view. If the silent replica lives after all, it begins again from nothing:
        for what it granted before, it holds nothing.
Rule 6. A replica that cannot book what it needs *calls* the others. They hand back what they have not spent, retire
        what they have seen, and for a while book no more than they need. Only after that is a refusal final.
Rule 7. A lost or damaged object is made again, with a new epoch, and closed. Replicas register in it what they have
        open. A replica opens it when validity + lapse have passed since that replica first saw it, with a view proven
        fresh after that; it takes the floor from that view. No replica books from it before it has listed the pods
        since it first saw the object, because etcd may have been restored.
        A consistent read that returns a lower revision than one that was known when the read was sent proves a
        restore. Then the object counts as lost, and all known revisions are dropped: they begin with the next list. A
        replica that was out of touch with the API server for as long as a restore takes (continuity.py) grants nothing
        before its next write, and books nothing before a list.
Rule 8. A pod that policy lets in is booked too, within its credit (credit.py). That may pass the bound, and then
        nothing more is granted. A pod on trial (modes warn and audit) is booked past the bound only where rule 6 would
        make a refusal final.
Rule 9. A replica neither changes nor uses a state that a newer version of Headroom wrote.

docs/protocol.md has the argument that no sequence of these steps passes the bound, and tests/model runs them against a
model of etcd. This module is pure; see `Allotment` for the lock.
"""

from collections.abc import Sequence

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.continuity import Continuity
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.grants import Grants, Terms
from webhook.core.sharing.name_claims import MOST, held_by_others, named
from webhook.core.sharing.peers import Peers, Timing
from webhook.core.sharing.proposal import Ask, Draft, PendingWrite, Proposal, Tell, fits, is_spent, must_call, view_of
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.sharing.size import levels
from webhook.core.values.amounts import NOTHING, Amounts

__all__ = ["Allotment", "Ask", "Proposal", "Timing"]


class Allotment:
    """This replica's part of the protocol. The caller holds the one lock that guards this and the ledger.

    Its `grants` are made without a write. This class reads and writes the shared object.
    """

    def __init__(self, replica: str, ledger: Ledger, timing: Timing, credit: Credit | None = None) -> None:
        self.replica = replica
        self._ledger = ledger
        self._credit = credit or Credit(ledger, timing.lapse)
        self._terms = Terms()
        self.grants = Grants(replica, ledger, timing.lapse, self._credit, self._terms, self.valid)
        self.timing = timing
        self.revision = 0  # resourceVersion of the object that `shared` was read from; 0: no object is known
        self.newest = 0  # the highest resourceVersion of the object seen since the last restore of etcd
        self.went_back = False  # a write was carried out after a restore of etcd that happened since it was sent
        self._continuity = Continuity()
        self._witness = Peers(replica, timing)
        self._valid_until = float("-inf")
        self._renewal = 0
        self._lean_until = float("-inf")
        self._spare_at_booking: Sums = {}
        self._leaving = False

    @property
    def shared(self) -> Shared | None:
        """The shared object as it was last read or written; None: no object is known, or it is lost."""
        return self._terms.shared

    @property
    def _written_at(self) -> float:
        """When the last successful write was sent."""
        return self._valid_until - self.timing.validity

    def valid(self, now: float) -> bool:
        """Say whether this replica may grant at all now (rule 1)."""
        shared = self._terms.shared
        if shared is None or not shared.open or self.replica not in shared.holdings:
            return False
        return now < self._valid_until and not self._leaving and self._continuity.doubted_since(now) is None

    @property
    def restarts(self) -> int:
        """How often etcd was restored, as far as this replica knows."""
        return self._continuity.restarts

    @property
    def sees_the_past(self) -> bool:
        """Say whether the view may still be of the history from before a restore of etcd.

        That is so until a write of this replica is carried out at a higher revision than all that the view shows, as it
        is in one history. An API server that was not restarted with etcd goes on to serve what it has in its cache, and
        calls that consistent.
        """
        return not self._continuity.confirmed

    # -- the shared object ---------------------------------------------------------------------------------------------

    def observe(self, shared: Shared | None, revision: int, now: float, known: int = 0) -> None:
        """Take in the shared object as it was read or watched; None: it is lost (revision 0), or damaged beyond use.

        After a consistent read, `known` is the value of `newest` at the moment at which the read was sent; 0 for an
        event of a watch, which proves nothing (rule 7).
        """
        self._look(now)
        if 0 < revision < known <= self.newest:
            self.begin_again(now)
        if revision and (revision < self.newest or (revision == self.newest and self.shared is not None)):
            return  # the watch is behind what this replica has read or written
        self.newest = max(self.newest, revision)
        if shared is not None and self._witness.contradicts(shared, self._written_at, now):
            shared = None
        self._terms.shared, self.revision = shared, revision
        mine = shared is not None and self.pending is not None and self.pending.shared.epoch == shared.epoch
        if not mine and self._witness.is_another(shared):
            self._ledger.doubt(now)
        if shared is None:
            self._witness.lose()
            self._terms.held = {}
            return
        self._witness.see(shared, now)
        self._credit.hear(shared, self.replica, now)
        if self.pending is None:
            self._adopt()
        elif self.pending.is_in(shared, self.replica):
            self._continuity.carried_out(self.pending, 0)
            self._confirm(self.pending)

    def lose_touch(self, now: float) -> None:
        """Take in that the API server cannot be reached (rule 7): if that lasts, etcd may be restored meanwhile.

        In that case this replica grants nothing before a write from after the outage, and books nothing before a list.
        """
        self._continuity.lose_touch(now, self.pending)

    def vouches(self, proposal: Proposal) -> bool:
        """Say whether the pods that a written proposal booked for may be admitted."""
        return self._continuity.vouches(proposal, outdated=self._ledger.outdated)

    def begin_again(self, now: float, since: float | None = None) -> None:
        """Take in that etcd was restored (rule 7); only a list asked for at `since` (default: now) or later counts.

        A pod that was granted may still come, and a pod that was seen may be gone. The object that is there now is an
        old copy.
        """
        self.went_back = False
        self._look(now)
        self._continuity.begin_again(self.pending)
        self._witness.begin_again(now)
        self._terms.shared, self._terms.held = None, {}
        self.revision = self.newest = 0
        self._spare_at_booking = {}
        self._ledger.begin_again(now if since is None else since)

    def _adopt(self) -> None:
        """Hold what the shared object says; that may be less than was booked, if another replica has expired it."""
        mine = self.shared.holdings.get(self.replica) if self.shared else None
        self._terms.held = dict(mine.held) if mine else {}

    def silent(self, now: float) -> dict[str, float]:
        """Return the replicas that stopped renewing, each with the moment from which it can be expired (rule 5)."""
        return self._witness.silent(now)

    def opens_at(self) -> float | None:
        """Return the moment from which a closed object can be opened; None if it is open or lost."""
        return self._witness.opens_at(self.shared)

    def earliest(self, now: float) -> float | None:
        """Return before when no replica can grant because the object is lost or closed (rule 7); None otherwise."""
        if self.shared is None and self.was_shared_before:
            return now + self.timing.release
        return self.opens_at()

    def closed(self, now: float) -> str | None:
        """Say for how long no replica can grant because the object is lost or closed (rule 7); None otherwise."""
        at = self.earliest(now)
        if at is None:
            return None
        if self.sees_the_past and now >= at:
            return "etcd was put back, and an API server still shows what was before: restart every kube-apiserver"
        made = "was created again" if self.shared else "is created again"
        return f"the object that replicas share {made}, and is opened in about {max(0.0, at - now):.0f} s"

    @property
    def was_shared_before(self) -> bool:
        """Say whether this replica knew an object before this one."""
        return self._witness.knows_of_another

    def wants_proof(self, now: float) -> bool:
        """Say whether an expiry, an opening or a lapse is due except for a view that is proven fresh."""
        opens_at = self.opens_at()
        waiting = [*self.silent(now).values(), *([] if opens_at is None else [opens_at])]
        if any(self._ledger.proven_since < at <= now for at in waiting):
            return True
        return self._ledger.reservations.oldest_open() + self.timing.lapse <= now

    # -- writing -------------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> Proposal | None:
        """The proposal that is being written, while its outcome is unknown."""
        pending = self._terms.pending
        return None if pending is None else pending.proposal

    @property
    def left(self) -> bool:
        """Say whether this replica is leaving and has handed back everything that it held."""
        return self._leaving and self.pending is None and not self._holding_in(self.shared)

    def due(self, now: float, *, fresh: bool = False) -> bool:
        """Say whether a write is due even without pending reviews; `fresh` as for `propose`."""
        self._look(now)
        shared = self.shared
        if self.pending is not None or self.left or self._ledger.awaits_list:
            return False
        if shared is None or self.replica not in shared.holdings or not self._continuity.in_touch:
            return True
        if now >= self._written_at + self.timing.renew:
            return True  # also after a write that lost to another replica's: the two may meet at each renewal
        return (
            self._is_called(shared.holdings[self.replica], shared)
            or self._ledger.reservations.any_void
            or self._says_too_little(shared.holdings[self.replica], shared)
            or self._ledger.history.levels_to_report(levels(shared, self.replica))
            != shared.holdings[self.replica].lapsed
            or bool(self._expired(now))
            or self._opens(now, fresh=fresh)
            or self._runs_low(now)
        )

    def propose(
        self,
        asks: Sequence[Ask],
        now: float,
        epoch: str,
        *,
        fresh: bool = False,
        leaving: bool = False,
        tell: Tell | None = None,
    ) -> Proposal:
        """Work out the next state: retire, renew, answer, expire, and book for the pending reviews that fit.

        What is booked is reserved at once. Until the write that only makes this replica more careful; `failed` undoes
        it.

        `epoch` names a new life of the object in case the object must be made; the name must never have been used.
        `fresh` says that no replica ever granted anything, so the object may be opened without waiting: this replica
        left the mark that each maker of the object must leave or find first, less than `Timing.release` ago. `leaving`
        hands everything back and ends all granting here; the caller repeats it until `left`. `tell` is called for each
        ask just before it is booked.
        """
        self._look(now)
        self._leaving = self._leaving or leaving
        self._begin_anew(now)
        self._ledger.history.forget(now, self.timing.lapse)
        before = self.shared or Shared(epoch, open=False)
        draft = Draft(self.replica, self._ledger, self._credit, before, self.silent(now), tell)
        draft.settle(self._expired(now), opens=self._opens(now, fresh=fresh))
        draft.reserve(asks, now, may_book=not self._leaving and not self.sees_the_past)
        if draft.answers:
            self._lean_until = now + self.timing.lean
        self._renewal += 1
        keep = {scope: self.grants.spare(scope) for scope in self._terms.held}
        return draft.proposal(self._renewal, keep, now, lean=now < self._lean_until, leaving=self._leaving)

    def begin(self, proposal: Proposal) -> None:
        """Take in that the proposal is being sent: from now on its terms and the old ones must both cover a grant."""
        self._terms.pending = PendingWrite.of(proposal)
        self._continuity.send(self.newest, self._ledger.revision)

    def written(self, revision: int, now: float) -> None:
        """Take in that the pending proposal was written, at this resourceVersion of the object."""
        self._look(now)
        pending = self.pending
        if pending is None:
            return
        if self._continuity.is_overtaken(pending):
            self._terms.pending = None
            return
        if self._continuity.contradicts(revision):  # etcd was restored to a state that this write happened to fit
            self._terms.pending, self._terms.shared, self._terms.held, self.went_back = None, None, {}, True
            return
        if revision < self.newest:  # a newer state was seen already, and it decides what is held
            self._terms.pending = None
            self._renew(pending)
            self._adopt()
            return
        self.newest = self.revision = revision
        self._terms.shared = pending.shared
        self._continuity.carried_out(pending, revision)
        self._credit.hear(pending.shared, self.replica, pending.sent_at)
        self._confirm(pending)

    def failed(self) -> None:
        """Take in that the pending proposal was certainly not written: undo its bookings, keep what was granted."""
        pending, self._terms.pending = self.pending, None
        if pending is not None:
            self._ledger.reservations.retire(pending.tentative)
            self._adopt()

    def _renew(self, pending: Proposal) -> None:
        """Start the lapse of repeated grants from the write; a failed write must not prolong what others took back."""
        for _, reservation in pending.renewed:
            self._ledger.reservations.renew(reservation, pending.sent_at)

    def _confirm(self, pending: Proposal) -> None:
        self._terms.pending = None
        self._renew(pending)
        self._terms.held = pending.held if self._holding_in(pending.shared) else {}
        self._valid_until = pending.sent_at + self.timing.validity
        self._ledger.reservations.retire(pending.retired)
        self._spare_at_booking = {scope: self.grants.spare(scope) for scope in self._terms.held}

    def _begin_anew(self, now: float) -> None:
        """Settle what was granted a lapse ago or earlier, if the object holds nothing for this replica (rule 5).

        Each of those pods has come, and a view at or past the floor shows it, or it never will. If the replica held
        that room again without booking it, another pod of the same name could be granted from it.
        """
        if self.shared is not None and self.replica not in self.shared.holdings:
            self.grants.void(now - self.timing.lapse)

    def _look(self, now: float) -> None:
        """Take in what has become true by the passing of time; to notice it late is always safe."""
        if self.shared is not None:
            self._witness.see(self.shared, now)
        if self.went_back:
            self.begin_again(now)
        doubted = self._continuity.doubted_since(now)
        if doubted is not None:
            self._ledger.doubt(doubted)
            self._continuity.outlast(doubted, self.pending)

    def _holding_in(self, shared: Shared | None) -> bool:
        return shared is not None and self.replica in shared.holdings

    def _is_called(self, mine: Holding, shared: Shared) -> bool:
        return shared.call > mine.answered and (not mine.lean or self._ledger.revision >= shared.called_at)

    def _says_too_little(self, mine: Holding, shared: Shared) -> bool:
        """Say whether this replica must write a repeated name, because others may otherwise refuse by what it holds."""
        if not mine.lean or len(mine.named) >= MOST:
            return False  # others call a replica that is not lean before they refuse
        return not named(self._ledger.reservations, shared, self.replica).keys() <= mine.named.keys()

    def _expired(self, now: float) -> list[str]:
        """Return the silent replicas that can be expired now (rule 5)."""
        if self._ledger.outdated:
            return []
        return [replica for replica, at in self.silent(now).items() if at <= self._ledger.proven_since]

    def _opens(self, now: float, *, fresh: bool) -> bool:
        """Say whether the closed object can be opened now (rule 7)."""
        at = self.opens_at()
        if at is None or self._ledger.outdated or self.sees_the_past:
            return False
        return (fresh and not self._witness.knows_of_another) or at <= min(now, self._ledger.proven_since)

    def _runs_low(self, now: float) -> bool:
        if now < self._lean_until:
            return False
        for scope, booked in self._spare_at_booking.items():
            if any(have * 4 < had for have, had in zip(self.grants.spare(scope), booked, strict=True)):
                return True
        return False

    # -- pending reviews -----------------------------------------------------------------------------------------------

    def may_book(self) -> bool:
        """Say whether a booking could succeed now: the object is open or not made yet, and the view is far enough."""
        if self._ledger.outdated or self.sees_the_past:
            return False
        return self.shared is None or (self.shared.open and self._ledger.revision >= self.shared.floor)

    def fits(self, pod: PodInfo, shared: Shared) -> bool:
        """Say whether a pod could be booked on top of this state (rule 2)."""
        return fits(self._ledger, shared, self.replica, pod)

    def held_by_others(self, scope: str, pod: PodInfo, shared: Shared | None = None) -> Amounts:
        """What other replicas hold in a scope beside a pod, as if it were admitted; by `shared`, or the known state."""
        state = shared or self.shared
        return NOTHING if state is None else held_by_others(self._ledger, state, self.replica, scope, pod)

    def granted_elsewhere(self, scope: str) -> Amounts:
        """What other replicas hold in a scope for pods that may still come, as of each one's last write; for reports.

        Pods that a replica has granted or seen since then are not considered.
        """
        total = NOTHING
        for replica, holding in self.shared.holdings.items() if self.shared else ():
            if replica != self.replica:
                total = total.plus(holding.held.get(scope, NOTHING).beyond(holding.spare.get(scope, NOTHING)))
        return total

    def promising(self, pod: PodInfo, now: float) -> bool:
        """Say whether another proposal may help a pod that did not fit: it fits by now, or others must be called."""
        if self.shared is None or not self.may_book():
            return False
        view = view_of(self._ledger, pod)
        return self.fits(pod, self.shared) or must_call(self.shared, self.replica, self.silent(now), view)

    def refuses(self, pod: PodInfo, now: float) -> bool:
        """Say whether a pod that was proposed and did not fit can be refused for good (rule 6)."""
        if self.shared is None or not self.may_book() or not self.valid(now):
            return False
        return is_spent(self._ledger, self.shared, self.replica, self.silent(now), pod)

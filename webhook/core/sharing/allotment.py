"""Allotments: how several replicas share one bound without asking each other at every grant.

              booked by a write                  its last write is older than its validity
    (nothing) ─────────────────► holding: it grants ────────────────────────────► silent: it grants nothing
                                  ▲  │ retire, renew, hand back                     │  │
                                  └──┘              renew                           │  │ validity + lapse,
                                  ▲─────────────────────────────────────────────────┘  │ then a fresh proof
    (nothing) ◄──── it leaves ── holding                          expired by another ◄─┘

One shared object (shared_state.py), changed by compare-and-swap only. Times are the replica's own clock, in seconds.

Rule 1. A replica grants without any call while its unretired reservations stay within what it holds, within the
        *validity* of its last successful write (counted from when that was sent), and within the bound as it sees it.
Rule 2. A booking needs a view at or past the floor, and
        committed(view) + unseen + held by others + what is booked ≤ bound.
        A name that is repeated costs the largest of what lives there and what anybody holds for it (name_claims.py).
        What is booked is what waits, and a share of what is free that shrinks as the bound comes near.
Rule 3. The same write retires the reservations whose pods the writer has seen, and raises the floor to the highest of
        their revisions: whoever books next sees those pods, or sees that they are gone.
Rule 4. A reservation that nobody saw lapses as reservations.py says (its rules 3 and 4).
Rule 5. What a silent replica holds lapses after validity + lapse since the observer first saw its last write, with a
        view proven fresh after that; the same write raises the floor to the highest *pod* revision of that view.
        Who was not dead begins anew: for what it granted before, it holds nothing.
Rule 6. Who cannot book *calls*: the others hand back what they have not spent, retire what they have seen, and
        book no more than they need for a while. Only then is a refusal final.
Rule 7. A lost or damaged object is made anew and closed. Holders register what is open. It is opened after validity +
        lapse since the opener first saw it, with a view proven fresh after that, from which it takes the floor.
        Nobody books from it who has not listed the pods since it saw it first: etcd may have been put back.
        A consistent read that went back, to a revision lower than one that was known when it was asked for, proves
        that: the object is lost, and every revision that is known begins again with the next list. Who lost touch with
        the API server for as long as that takes grants nothing before its next write, and books nothing before a list.
Rule 8. What policy lets through is booked too, within its credit (credit.py). That may pass the bound, and then nothing
        more is granted. What is on trial (modes warn and audit) passes it only where rule 6 makes a refusal final.
Rule 9. A state of a newer version is left alone.

The argument that no sequence of these steps passes the bound is in docs/protocol.md.
"""

from collections.abc import Sequence

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.continuity import Continuity
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.grants import Grants
from webhook.core.sharing.name_claims import MOST, held_by_others, named
from webhook.core.sharing.peers import Peers, Timing
from webhook.core.sharing.proposal import Ask, Draft, Proposal, Tell, fits, is_spent, must_call, view_of
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.sharing.size import levels
from webhook.core.values.amounts import NOTHING, Amounts

__all__ = ["Allotment", "Ask", "Proposal", "Timing"]


class Allotment(Grants):
    """This replica's part of the protocol. The caller holds one lock for this and the ledger."""

    def __init__(self, replica: str, ledger: Ledger, timing: Timing, credit: Credit | None = None) -> None:
        super().__init__(replica, ledger, timing.lapse, credit or Credit(ledger, timing.lapse))
        self.timing = timing
        self.revision = 0  # resourceVersion of the object that `shared` was read from; 0: there is none
        self.newest = 0  # the highest resourceVersion of the object that was seen in this history
        self.went_back = False  # a write was carried out in another history than the one that it was sent in
        self._continuity = Continuity()
        self._witness = Peers(replica, timing)
        self._valid_until = float("-inf")
        self._renewal = 0
        self._lean_until = float("-inf")
        self._spare_at_booking: Sums = {}
        self._leaving = False

    @property
    def _written_at(self) -> float:
        """When the last write was sent that was carried out."""
        return self._valid_until - self.timing.validity

    def valid(self, now: float) -> bool:
        """Say whether this replica may grant at all now (rule 1)."""
        shared = self.shared
        if shared is None or not shared.open or self.replica not in shared.holdings:
            return False
        return now < self._valid_until and not self._leaving and self._continuity.doubted_since(now) is None

    @property
    def restarts(self) -> int:
        """How often etcd was put back, as far as is known."""
        return self._continuity.restarts

    @property
    def sees_the_past(self) -> bool:
        """Say whether no write shows yet that the view is of the history that replaced another.

        A write is carried out past all that a true view shows. An API server that was not restarted with etcd goes on
        to show what it has in its cache, and calls that consistent.
        """
        return not self._continuity.confirmed

    # -- the shared object ---------------------------------------------------------------------------------------------

    def observe(self, shared: Shared | None, revision: int, now: float, known: int = 0) -> None:
        """Take in the shared object as it was read or watched; None: it is lost (revision 0), or damaged beyond use.

        Of a consistent read `known` is what `newest` was when it was sent.
        """
        self._look(now)
        if 0 < revision < known <= self.newest:
            self.begin_again(now)
        if revision and (revision < self.newest or (revision == self.newest and self.shared is not None)):
            return  # a watch that is behind what was read or written here
        self.newest = max(self.newest, revision)
        if shared is not None and self._witness.contradicts(shared, self._written_at, now):
            shared = None
        self.shared, self.revision = shared, revision
        mine = shared is not None and self._pending is not None and self._pending.shared.epoch == shared.epoch
        if not mine and self._witness.is_another(shared):
            self._ledger.doubt(now)
        if shared is None:
            self._witness.lose()
            self._held = {}
            return
        self._witness.see(shared, now)
        self._credit.hear(shared, self.replica, now)
        if self._pending is None:
            self._adopt()
        elif self._pending.is_in(shared, self.replica):
            self._continuity.carried_out(self._pending, 0)
            self._confirm(self._pending)

    def lose_touch(self, now: float) -> None:
        """Take in that the API server is away (rule 7): etcd may be put back meanwhile, if that lasts.

        Then nothing is granted before a write from after this, and nothing is booked before a list.
        """
        self._continuity.lose_touch(now, self._pending)

    def vouches(self, proposal: Proposal) -> bool:
        """Say whether those may be let in whom a written proposal booked for."""
        return self._continuity.vouches(proposal, outdated=self._ledger.outdated)

    def begin_again(self, now: float, since: float | None = None) -> None:
        """Take in that history was replaced (rule 7), before a list that was asked for at a moment (default: now).

        What was granted may still come, and what was seen may be gone; the object that is there now is an old copy.
        """
        self.went_back = False
        self._look(now)
        self._continuity.begin_again(self._pending)
        self._witness.begin_again(now)
        self.shared, self.revision, self.newest, self._held = None, 0, 0, {}
        self._spare_at_booking = {}
        self._ledger.begin_again(now if since is None else since)

    def _adopt(self) -> None:
        """Hold what the shared object says, which may be less than was booked: another may have expired it."""
        mine = self.shared.holdings.get(self.replica) if self.shared else None
        self._held = dict(mine.held) if mine else {}

    def silent(self, now: float) -> dict[str, float]:
        """Return the replicas that stopped renewing, each with the moment from which its share can be taken back."""
        return self._witness.silent(now)

    def opens_at(self) -> float | None:
        """Return from when on a closed object can be opened; None when it is open or lost."""
        return self._witness.opens_at(self.shared)

    def earliest(self, now: float) -> float | None:
        """Return before when nobody can grant, since the object was lost or was made again (rule 7); None: one may."""
        if self.shared is None and self.was_shared_before:
            return now + self.timing.release
        return self.opens_at()

    def closed(self, now: float) -> str | None:
        """Say for how long nobody may grant, since the shared object was lost or made anew (rule 7); None: one may."""
        at = self.earliest(now)
        if at is None:
            return None
        if self.sees_the_past and now >= at:
            return "etcd was put back, and an API server still shows what was before: restart every kube-apiserver"
        made = "was made anew" if self.shared else "is made anew"
        return f"the object that replicas share {made}, and is opened in about {max(0.0, at - now):.0f} s"

    @property
    def was_shared_before(self) -> bool:
        """Say whether another object was there before this one, and this replica knew it."""
        return self._witness.knows_of_another

    def wants_proof(self, now: float) -> bool:
        """Say whether something waits for nothing but a view that is proven fresh."""
        opens_at = self.opens_at()
        waiting = [*self.silent(now).values(), *([] if opens_at is None else [opens_at])]
        if any(self._ledger.proven_since < at <= now for at in waiting):
            return True
        return self._ledger.reservations.oldest_open() + self.timing.lapse <= now

    # -- writing -------------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> Proposal | None:
        """The proposal whose outcome is not known yet."""
        return self._pending

    @property
    def left(self) -> bool:
        """Say whether this replica has handed everything back for good."""
        return self._leaving and self._pending is None and not self._holding_in(self.shared)

    def due(self, now: float, *, fresh: bool = False) -> bool:
        """Say whether a write is due though nobody waits for one; `fresh` as for `propose`."""
        self._look(now)
        shared = self.shared
        if self._pending is not None or self.left or self._ledger.deaf:
            return False
        if shared is None or self.replica not in shared.holdings or not self._continuity.in_touch:
            return True
        if now >= self._written_at + self.timing.renew:
            return True  # one that lost against another's write is due still: they may meet again and again
        return (
            self._is_called(shared.holdings[self.replica], shared)
            or self._ledger.reservations.any_void
            or self._says_too_little(shared.holdings[self.replica], shared)
            or self._ledger.history.told(levels(shared, self.replica)) != shared.holdings[self.replica].lapsed
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
        """Work out the next state: retire, renew, answer, expire, and book for those who wait as far as they fit.

        What is booked is reserved at once: that only makes this replica more careful, and is undone by `failed`.

        `epoch` names a new life of the object if it must be made: a name that was never used. `fresh` says that no
        replica ever granted anything, so that the object may be opened without waiting: this replica alone left the
        mark that every maker of the object must leave or find first, and that less than `Timing.release` ago.
        `leaving` hands everything back and ends all granting here: repeat it until `left`. `tell` is called for each
        ask that is booked, just before it is.
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
        keep = {scope: self.spare(scope) for scope in self._held}
        return draft.proposal(self._renewal, keep, now, lean=now < self._lean_until, leaving=self._leaving)

    def begin(self, proposal: Proposal) -> None:
        """The proposal is being sent: from now on both its terms and the old ones must hold."""
        self._pending = proposal
        self._continuity.send(self.newest, self._ledger.revision)

    def written(self, revision: int, now: float) -> None:
        """The pending proposal was written."""
        self._look(now)
        pending = self._pending
        if pending is None:
            return
        if self._continuity.is_overtaken(pending):
            self._pending = None
            return
        if self._continuity.contradicts(revision):  # etcd was put back to a state that this write happened to fit
            self._pending, self.shared, self._held, self.went_back = None, None, {}, True
            return
        if revision < self.newest:  # outdated already: what was seen since no longer holds it
            self._pending = None
            self._renew(pending)
            self._adopt()
            return
        self.newest = self.revision = revision
        self.shared = pending.shared
        self._continuity.carried_out(pending, revision)
        self._credit.hear(self.shared, self.replica, pending.sent_at)
        self._confirm(pending)

    def failed(self) -> None:
        """The pending proposal was certainly not written: undo what was reserved for it, keep what was granted."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._ledger.reservations.retire(pending.tentative)
            self._adopt()

    def _renew(self, pending: Proposal) -> None:
        """Let what was asked for again count from the write: one that failed must not keep what others took back."""
        for _, reservation in pending.renewed:
            self._ledger.reservations.renew(reservation, pending.sent_at)

    def _confirm(self, pending: Proposal) -> None:
        self._pending = None
        self._renew(pending)
        self._held = pending.held if self._holding_in(pending.shared) else {}
        self._valid_until = pending.sent_at + self.timing.validity
        self._ledger.reservations.retire(pending.retired)
        self._spare_at_booking = {scope: self.spare(scope) for scope in self._held}

    def _begin_anew(self, now: float) -> None:
        """Settle what was granted before others took it back: it came by then, and the floor tells, or never will.

        Held again, unbooked, it would pay for another pod of the same name.
        """
        if self.shared is not None and self.replica not in self.shared.holdings:
            self._void(now - self.timing.lapse)

    def _look(self, now: float) -> None:
        """Take in what follows from time, as late as that is known: later is always safe."""
        if self.shared is not None:
            self._witness.see(self.shared, now)
        if self.went_back:
            self.begin_again(now)
        doubted = self._continuity.doubted_since(now)
        if doubted is not None:
            self._ledger.doubt(doubted)
            self._continuity.outlast(doubted, self._pending)

    def _holding_in(self, shared: Shared | None) -> bool:
        return shared is not None and self.replica in shared.holdings

    def _is_called(self, mine: Holding, shared: Shared) -> bool:
        return shared.call > mine.answered and (not mine.lean or self._ledger.revision >= shared.called_at)

    def _says_too_little(self, mine: Holding, shared: Shared) -> bool:
        """Say whether a name is repeated by now, and this holding does not say so though others may refuse by it."""
        if not mine.lean or len(mine.named) >= MOST:
            return False  # of one that is not lean, others ask for more before they refuse
        return not named(self._ledger.reservations, shared, self.replica).keys() <= mine.named.keys()

    def _expired(self, now: float) -> list[str]:
        """Rule 5."""
        if self._ledger.outdated:
            return []
        return [replica for replica, at in self.silent(now).items() if at <= self._ledger.proven_since]

    def _opens(self, now: float, *, fresh: bool) -> bool:
        """Rule 7."""
        at = self.opens_at()
        if at is None or self._ledger.outdated or self.sees_the_past:
            return False
        return (fresh and not self._witness.knows_of_another) or at <= min(now, self._ledger.proven_since)

    def _runs_low(self, now: float) -> bool:
        if now < self._lean_until:
            return False
        for scope, booked in self._spare_at_booking.items():
            if any(have * 4 < had for have, had in zip(self.spare(scope), booked, strict=True)):
                return True
        return False

    # -- those who wait ------------------------------------------------------------------------------------------------

    def may_book(self) -> bool:
        """Say whether a booking could succeed now: the object is open (or still to be made) and the view far enough."""
        if self._ledger.outdated or self.sees_the_past:
            return False
        return self.shared is None or (self.shared.open and self._ledger.revision >= self.shared.floor)

    def fits(self, pod: PodInfo, shared: Shared) -> bool:
        """Say whether a pod could be booked for in this state."""
        return fits(self._ledger, shared, self.replica, pod)

    def held_by_others(self, scope: str, pod: PodInfo, shared: Shared | None = None) -> Amounts:
        """What others hold in a scope beside a pod, if that were let in; by the state that is known, or `shared`."""
        state = shared or self.shared
        return NOTHING if state is None else held_by_others(self._ledger, state, self.replica, scope, pod)

    def promising(self, pod: PodInfo, now: float) -> bool:
        """Say whether it helps a pod that did not fit to propose again: it fits by now, or others must be called."""
        if self.shared is None or not self.may_book():
            return False
        view = view_of(self._ledger, pod)
        return self.fits(pod, self.shared) or must_call(self.shared, self.replica, self.silent(now), view)

    def refuses(self, pod: PodInfo, now: float) -> bool:
        """Say whether a pod that was proposed and did not fit can be refused for good (rule 6)."""
        if self.shared is None or not self.may_book() or not self.valid(now):
            return False
        return is_spent(self._ledger, self.shared, self.replica, self.silent(now), pod)

"""Bookings: all that the allotment controller asks of the state, and reports to it.

Its thread waits here for work, takes the next proposal, and reports what became of the write. Nothing here calls the
Kubernetes API.
"""

from collections.abc import Iterator

from webhook.core.config.percentage import Part
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared_state import Shared
from webhook.state.guarded import Guarded
from webhook.state.node_log import NodeLog
from webhook.state.pending import Settled
from webhook.state.restores import Restore, Restores
from webhook.state.reviews import Reviews

_NEAR = Part.parse("90%")  # of a bound


class Bookings:
    """The state as the allotment controller sees it.

    Only its thread calls `await_work`, `next_proposal` and what reports a write. Any thread may call the rest.
    """

    def __init__(self, guarded: Guarded, reviews: Reviews, restores: Restores, nodes: NodeLog) -> None:
        self._guarded = guarded
        self._reviews = reviews
        self._restores = restores
        self._nodes = nodes
        self.clock = guarded.clock
        self.replica = guarded.allotment.replica
        self.lose_touch = restores.lose_touch

    # -- work ----------------------------------------------------------------------------------------------------------

    def problem(self) -> str | None:
        """Say why there is no account to judge by now; None when there is."""
        return self._guarded.readiness.problem(self._guarded.clock())

    def await_work(self, seconds: float) -> None:
        """Wait until there is work, or `seconds` have passed.

        If the view must advance before anything can be booked, the event that advances it far enough ends the wait.
        """
        guarded = self._guarded
        with guarded.lock:
            near = any(guarded.ledger.balance(scope).is_past(_NEAR) for scope in guarded.ledger.accounting.scopes)
            guarded.wakeup.wait(seconds, behind=not guarded.allotment.may_book(), near=near)

    def wants_proof(self) -> bool:
        """Say whether something waits only for a fresh proof: a lapse, or an object that can be opened."""
        with self._guarded.lock:
            return self._guarded.allotment.wants_proof(self._guarded.clock())

    def excuse(self) -> None:
        """Record that this replica has a problem, which may keep pods from being created.

        A reservation from before now that lapses does not lower the credit of its owner or namespace.
        """
        with self._guarded.lock:
            self._guarded.ledger.history.excuse(self._guarded.clock())

    # -- writes --------------------------------------------------------------------------------------------------------

    def next_proposal(self, epoch: str, *, fresh: bool, may_write: bool) -> tuple[Proposal, int] | None:
        """Settle the reviews that need not wait any longer; return the proposal to write now, or None.

        With the proposal comes the revision of the shared object that it replaces; 0: it creates the object.
        `may_write` is True once the caller has read the object. `epoch` and `fresh` are as for `Allotment.propose`.
        """
        guarded, pending = self._guarded, self._reviews.pending
        with self._reviews.settling() as settled:
            now = guarded.clock()
            guarded.ledger.tick(now)
            problem = guarded.readiness.problem(now)
            if problem is not None or not guarded.allotment.valid(now):
                guarded.ledger.history.excuse(now)
            settled.extend(pending.without_booking(now, problem, guarded.basis))
            guarded.wakeup.await_pods(pending.awaits_pods)
            may_write = may_write and problem is None and guarded.allotment.pending is None
            proposed = self._propose(now, epoch, fresh=fresh) if may_write else None
        self._nodes.tell()
        return proposed

    def _propose(self, now: float, epoch: str, *, fresh: bool) -> tuple[Proposal, int] | None:
        allotment, pending = self._guarded.allotment, self._reviews.pending
        asks = pending.asks(now)
        if not asks and not allotment.due(now, fresh=fresh):
            return None
        proposal = pending.propose(asks, now, epoch, fresh=fresh)
        allotment.begin(proposal)
        return proposal, allotment.revision

    def written(self, proposal: Proposal, revision: int) -> None:
        """Record that the proposal was written; admit the pods that it booked for, refuse those without room left."""
        allotment, clock = self._guarded.allotment, self._guarded.clock
        with self._reviews.settling() as settled:
            restarts, known = allotment.restarts, allotment.newest
            allotment.written(revision, clock())
            if allotment.went_back:
                allotment.begin_again(clock())
            self._restores.compare(restarts, known, revision)
            settled.extend(self._after(proposal))

    def lost(self, proposal: Proposal, shared: Shared | None, revision: int, known: int) -> bool:
        """Record the object after a write that lost; say whether an earlier attempt at this write was carried out.

        `known` is as for `observe`.
        """
        allotment = self._guarded.allotment
        with self._reviews.settling() as settled:
            self.observe(shared, revision, known)
            written = allotment.pending is not proposal
            if written:
                settled.extend(self._after(proposal))
            else:
                allotment.failed()
        return written

    def failed(self) -> None:
        """Undo the pending proposal; the caller knows that it was not written and will not be."""
        with self._guarded.lock:
            self._guarded.allotment.failed()

    def _after(self, proposal: Proposal) -> Iterator[Settled]:
        now = self._guarded.clock()
        return self._reviews.pending.after(proposal, now, self._guarded.basis, self._guarded.readiness.problem(now))

    # -- the shared object ---------------------------------------------------------------------------------------------

    def newest(self) -> int:
        """Return the newest known revision of the shared object; call this before sending a read (see `observe`)."""
        with self._guarded.lock:
            return self._guarded.allotment.newest

    def observe(self, shared: Shared | None, revision: int, known: int = 0) -> None:
        """Record the shared object as it was read or watched; None: it is lost (revision 0) or damaged.

        After a consistent read, `known` is what `newest` returned before the read was sent.
        """
        guarded = self._guarded
        with guarded.lock:
            restarts = guarded.allotment.restarts
            guarded.allotment.observe(shared, revision, guarded.clock(), known)
            self._restores.compare(restarts, known, revision)
            guarded.wakeup.wake()

    def watched(self, shared: Shared | None, revision: int, restarts: int) -> bool:
        """Record what the watch shows of the object; None: nothing that can be used.

        False, and nothing is recorded, if a restore of etcd was found since the caller knew of `restarts`: any thread
        may find one at any time, and what the watch shows may be of the old history then.
        """
        with self._guarded.lock:
            if self._guarded.allotment.restarts > restarts:
                return False
            if shared is not None:
                self.observe(shared, revision)
            return True

    def born(self, created: str) -> None:
        """Record when the object was created, as Kubernetes writes it, empty if that is not known; for reports."""
        with self._guarded.lock:
            self._guarded.ledger.born(created)

    def restores(self) -> Restore:
        """Return what is known about restores of etcd."""
        return self._restores.known()

    # -- the end -------------------------------------------------------------------------------------------------------

    def still_to_come(self) -> int:
        """Return how many pods were admitted here that the watch has not shown yet."""
        with self._guarded.lock:
            return self._guarded.ledger.reservations.still_open

    def farewell(self) -> tuple[Proposal, int] | None:
        """Return the last proposal and the revision that it replaces; None if there is nothing to hand back.

        It hands back everything except room for pods that were admitted and may still be created. After this call the
        replica grants nothing.
        """
        guarded = self._guarded
        with guarded.lock:
            allotment, shared = guarded.allotment, guarded.allotment.shared
            if shared is None or allotment.replica not in shared.holdings or guarded.ledger.awaits_list:
                return None
            proposal = allotment.propose([], guarded.clock(), shared.epoch, leaving=True)
            allotment.begin(proposal)
            return proposal, allotment.revision

"""Pending reviews: those that the allotment does not cover, until a booking or the lack of room decides them."""

import logging
from collections.abc import Iterator
from typing import Protocol

from webhook.core.ledger.ledger import Ledger
from webhook.core.pods.confinement import weight
from webhook.core.reviews.basis import Basis
from webhook.core.reviews.decision import (
    at_booking,
    decide,
    refuse_beside_others,
    remember,
    said_before,
    verdict_of,
)
from webhook.core.reviews.evaluation import Evaluation, again
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.verdict import Verdict, cannot_tell
from webhook.core.sharing.allotment import Allotment, Ask, Proposal
from webhook.core.sharing.shared_state import Shared

log = logging.getLogger(__name__)


class Waiting(Protocol):
    """A review that waits until `until` (seconds on the replica's clock); after that, it is sent back or answered.

    `verdict` is the answer once a write has booked room for the pod; it is worked out again for that write. Both it and
    `evaluation` were made under `basis`. `proposed` is True once a write found no room for the pod. `awaits` is set
    while the pod's owner or namespace has no credit left and earlier pods must be seen first. Then nothing is booked
    for the pod, and `awaits` is the verdict when the time is up; in the modes warn and audit that verdict allows the
    pod.
    """

    evaluation: Evaluation
    basis: Basis
    verdict: Verdict
    until: float
    awaits: Verdict | None
    proposed: bool

    def settle(self, verdict: Verdict, figures: tuple[Figures, ...]) -> None:
        """Answer the review; called once, without the lock."""

    def fail(self, error: Exception) -> None:
        """End the review with an error; called instead of `settle`."""


Settled = tuple[Waiting, Verdict]

_RECONFIGURED = "the configuration or the version of the API server changed while this was decided"
_LIGHT = 8 << 10  # bytes that every pending review may take: there are never more of them than connections
_HEAVY = 8 << 20  # bytes for all pending reviews together that take more than that


class PendingReviews:
    """The pending reviews, in order of arrival. The caller holds the lock of `ClusterState`."""

    def __init__(self, ledger: Ledger, allotment: Allotment) -> None:
        self._ledger = ledger
        self._allotment = allotment
        self._waiting: list[Waiting] = []
        self._heavy = 0  # bytes that the reviews above `_LIGHT` take
        self.awaited = 0  # how often a review began to wait for earlier pods
        self._asking: dict[str, Waiting] = {}  # the first review of each pod in the last `asks`, by the pod's key

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def awaits_pods(self) -> bool:
        """Say whether any review waits for earlier pods to be seen."""
        return any(waiting.awaits is not None for waiting in self._waiting)

    def enter(self, waiting: Waiting) -> bool:
        """Add a review; False if it takes much memory and too many such reviews are pending already."""
        heavy = _heaviness(waiting)
        if self._heavy + heavy > _HEAVY:
            return False
        self._heavy += heavy
        self._waiting.append(waiting)
        self.awaited += waiting.awaits is not None
        return True

    def asks(self, now: float) -> list[Ask]:
        """Return what to book now: each review's pod once, and again where another write may help."""
        self._asking = {}
        if not self._allotment.may_book():
            return []
        asks: list[Ask] = []
        for waiting in self._waiting:
            asked = waiting.evaluation
            if _lacks_booking(waiting) and (not waiting.proposed or self._helps(asked, now)):
                asks.append(Ask(asked.info, asked.forced, asked.on_trial))
                self._asking.setdefault(asked.info.key, waiting)
        return asks

    def _helps(self, asked: Evaluation, now: float) -> bool:
        """Say whether another write would decide a review whose pod did not fit.

        In the modes warn and audit, a pod that enforcing would refuse is booked by that write.
        """
        if self._allotment.promising(asked.info, now):
            return True
        return asked.on_trial and self._allotment.refuses(asked.info, now)

    def propose(self, asks: list[Ask], now: float, epoch: str, *, fresh: bool) -> Proposal:
        """Return the next write (allotment.py), and set the verdict of each pending review that it books for.

        If a verdict cannot be worked out, the review keeps its earlier one, so that the bookings of the others go on.
        """

        def judge(ask: Ask, shared: Shared) -> None:
            try:
                waiting = self._asking[ask.pod.key]
                waiting.verdict = at_booking(self._ledger, self._allotment, waiting.evaluation, shared, now)
            except Exception:
                log.exception(
                    "pod %r could not be judged again at its booking: its earlier verdict is kept", ask.pod.name
                )

        return self._allotment.propose(asks, now, epoch, fresh=fresh, tell=judge)

    def without_booking(self, now: float, problem: str | None, basis: Basis) -> Iterator[Settled]:
        """Settle the reviews that are covered now, do not fit any longer, or have waited for too long.

        A review that was evaluated under another basis than `basis`, the one in force, is evaluated again. If what was
        kept of it is not enough for that, it is sent back, so that the API server asks again.
        """
        pending = self._allotment.pending
        booked = {ask.pod.key for ask in pending.booked} if pending else frozenset[str]()
        for waiting in list(self._waiting):
            verdict, in_flight = None, waiting.evaluation.info.key in booked
            if not self._evaluated_under(basis, waiting, in_flight=in_flight):
                verdict = self._cannot_tell(waiting, problem or _RECONFIGURED, now)
            elif now >= waiting.until:
                verdict = self._cannot_tell(waiting, problem, now)
            elif problem is None and not in_flight:
                verdict = self._settled(waiting, now)
            if verdict is not None:
                yield self._leave(waiting, verdict)

    def _evaluated_under(self, basis: Basis, waiting: Waiting, *, in_flight: bool) -> bool:
        """Evaluate a review under the basis in force, if it was evaluated under another; False if it is incomplete.

        What was found out for the old evaluation is dropped: whether a write found no room, or whether credit is left.
        A review that the write `in_flight` books for keeps the basis of that booking, unless its pod counts otherwise.
        """
        if waiting.basis == basis or (in_flight and waiting.basis.rules == basis.rules):
            return True
        asked, is_complete = again(waiting.evaluation, waiting.basis.accounting, basis.accounting)
        waiting.evaluation, waiting.basis, waiting.proposed, waiting.awaits = asked, basis, False, None
        return is_complete

    def give_up(self, waiting: Waiting, problem: str | None, now: float) -> Iterator[Settled]:
        """Settle a review that cannot wait any longer, unless it is settled already."""
        if waiting in self._waiting:
            yield self._leave(waiting, self._cannot_tell(waiting, problem, now))

    def after(self, proposal: Proposal, now: float, basis: Basis, problem: str | None = None) -> Iterator[Settled]:
        """Settle the reviews that a written proposal booked for, and those for which no room is left.

        With a `problem`, the state became stale during the write. Then it refuses nothing, because what is left is
        unknown. Nor does it refuse a review whose basis is not `basis`, the one in force. A pod that was booked is
        admitted by the verdict of its booking, under the basis of that moment.
        """
        if not self._allotment.vouches(proposal):
            for name, reservation in proposal.tentative:
                self._allotment.grants.drop(name, reservation.key)
            return
        booked = {ask.pod.key for ask in proposal.booked}
        unfit = {ask.pod.key for ask in proposal.unfit}
        for waiting in list(self._waiting):
            key = waiting.evaluation.info.key
            verdict = said_before(self._ledger, waiting.evaluation.info) or waiting.verdict if key in booked else None
            if key in unfit:
                waiting.proposed = True
                verdict = self._settled(waiting, now) if problem is None and waiting.basis == basis else None
            if verdict is not None:
                booked.discard(key)
                remember(self._ledger, waiting.evaluation, verdict)
                yield self._leave(waiting, verdict)
        for name, reservation in proposal.tentative:
            if reservation.key in booked:  # its review ended during the write, so no answer was given by this booking
                self._allotment.grants.drop(name, reservation.key)

    def _settled(self, waiting: Waiting, now: float) -> Verdict | None:
        outcome = decide(self._ledger, self._allotment, waiting.evaluation, now)
        self.awaited += waiting.awaits is None and outcome.awaits is not None
        waiting.awaits = outcome.awaits
        if outcome.settled:
            return outcome.verdict
        waiting.verdict = outcome.verdict
        if outcome.awaits is not None:
            return None
        pod, forced = waiting.evaluation.info, waiting.evaluation.forced
        if waiting.proposed and not forced and self._allotment.refuses(pod, now):
            return refuse_beside_others(self._ledger, self._allotment, waiting.evaluation, now)
        return None

    def _cannot_tell(self, waiting: Waiting, problem: str | None, now: float) -> Verdict:
        if waiting.awaits is not None and problem is None:
            return waiting.awaits
        asked = waiting.evaluation
        if asked.forced:
            self._allotment.grants.force(asked.info, now)
        if asked.on_trial and problem is None and waiting.verdict.is_over:
            return waiting.verdict  # the pod is over the bound anyway: a booking would not change the verdict
        detail = problem or self._allotment.closed(now) or "this replica could not book its share in time"
        return verdict_of(asked, cannot_tell(asked.mode, detail))

    def _leave(self, waiting: Waiting, verdict: Verdict) -> Settled:
        self._waiting.remove(waiting)
        self._heavy -= _heaviness(waiting)
        return waiting, verdict


def _lacks_booking(waiting: Waiting) -> bool:
    """Say whether the review waits for a booking, and not for earlier pods."""
    return waiting.awaits is None and not waiting.evaluation.request.dry_run


def _heaviness(waiting: Waiting) -> int:
    """Return the bytes that a review takes if it is not light, else 0.

    Only the places where its pod may go are counted: everything else in a review has limits of its own.
    """
    info = waiting.evaluation.info
    taken = weight(info.confined_to) + weight(info.was_confined_to or ())
    return taken if taken > _LIGHT else 0

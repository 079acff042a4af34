"""Reviews: what a review asks of the state, one short hold of the lock for each call.

To judge and to reserve is one step (`decide`). A review that the allotment does not cover enters the pending ones, and
is settled by the allotment controller's thread (bookings.py) or when its time is up.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from webhook.core.reviews.basis import Basis
from webhook.core.reviews.binding import evaluate_binding
from webhook.core.reviews.decision import Outcome, decide, verdict_of
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.figures import Figures, figures_of
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Decision, Reason, Verdict, cannot_tell
from webhook.state.guarded import Guarded
from webhook.state.holders import UnseenHolders, most_awaited
from webhook.state.pending import PendingReviews, Settled, Waiting

Judged = tuple[Outcome, tuple[Figures, ...]]
"""An outcome, and the figures for the record of the decision; none if the pod fits or nothing could be judged."""


class Reviews:
    """Decides reviews; any thread may call it."""

    def __init__(self, guarded: Guarded, holders: UnseenHolders) -> None:
        self._guarded = guarded
        self._holders = holders
        self.pending = PendingReviews(guarded.ledger, guarded.allotment)  # only `state` uses it, under the lock

    @property
    def awaited(self) -> int:
        """How often a review began to wait for earlier pods to be seen."""
        return self.pending.awaited

    def decide(self, asked: Evaluation, basis: Basis, now: float) -> Judged | None:
        """Judge an evaluation that was made under `basis`, and reserve for its pod if the allotment covers it.

        None: another basis is in force by now, and nothing was decided. Evaluate again under that one.
        """
        guarded = self._guarded
        with guarded.lock:
            if guarded.basis != basis:
                return None
            problem = guarded.readiness.problem(now)
            if problem is None or asked.quota:  # a refusal by a quota needs no cluster state
                outcome = decide(guarded.ledger, guarded.allotment, asked, now)
            else:
                outcome = self._unjudged(asked, problem, now)
            if outcome.verdict.reason is Reason.FITS:  # as of most reviews
                return outcome, ()
            return outcome, self._figures(outcome.verdict, asked, problem)

    def bind(self, request: AdmissionRequest, now: float) -> tuple[Evaluation | Verdict, Basis]:
        """Evaluate a binding, which takes the ledger; return the basis in force with it."""
        guarded = self._guarded
        with guarded.lock:
            asked = evaluate_binding(request, guarded.ledger, guarded.readiness.problem(now))
            if isinstance(asked, Verdict) and asked.decision is Decision.CANNOT_TELL:
                guarded.wakeup.wake()  # ends the watch's pause: it shows the pod before the API server asks again
            return asked, guarded.basis

    def enter(self, waiting: Waiting) -> bool:
        """Let a review wait; False if it takes much memory and too many such reviews wait already."""
        guarded = self._guarded
        with guarded.lock:
            if not self.pending.enter(waiting):
                return False
            guarded.wakeup.await_pods(self.pending.awaits_pods)
            guarded.wakeup.wake()
            return True

    def unjudged(self, asked: Evaluation, problem: str, now: float) -> Judged:
        """Answer without a judgement, because of this problem; reserve for a pod that policy lets in."""
        with self._guarded.lock:
            outcome = self._unjudged(asked, problem, now)
            return outcome, self._figures(outcome.verdict, asked, self._guarded.readiness.problem(now))

    def opens_at(self, now: float) -> float | None:
        """Return before when no replica can grant, because the shared object is lost or closed; None otherwise."""
        with self._guarded.lock:
            return self._guarded.allotment.earliest(now)

    def give_up(self, waiting: Waiting) -> None:
        """Settle a review that cannot wait any longer, unless it is settled already."""
        guarded = self._guarded
        with self.settling() as settled:
            now = guarded.clock()
            settled.extend(self.pending.give_up(waiting, guarded.readiness.problem(now), now))

    @contextmanager
    def settling(self) -> Iterator[list[Settled]]:
        """Hold the lock; then answer every settled review, even if the body raised: they are no longer pending."""
        settled: list[Settled] = []
        try:
            with self._guarded.lock:
                yield settled
        finally:
            for waiting, verdict in settled:
                self._settle(waiting, verdict)

    def log_holder(self, verdict: Verdict) -> None:
        """Log the namespace that holds most, at a limited rate, if a pod is refused while unseen pods hold room."""
        if any(s.granted for s in verdict.sums) and self._holders.is_due():
            with self._guarded.lock:
                most = most_awaited(self._guarded.ledger.reservations.subjects)
            self._holders.tell_most(most)

    def _settle(self, waiting: Waiting, verdict: Verdict) -> None:
        guarded = self._guarded
        try:
            with guarded.lock:
                figures = self._figures(verdict, waiting.evaluation, guarded.readiness.problem(guarded.clock()))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            waiting.fail(error)
        else:
            waiting.settle(verdict, figures)

    def _unjudged(self, asked: Evaluation, problem: str, now: float) -> Outcome:
        if asked.forced and not asked.request.dry_run:
            self._guarded.allotment.grants.force(asked.info, now)
        return Outcome(verdict_of(asked, cannot_tell(asked.mode, problem)), settled=True)

    def _figures(self, verdict: Verdict, asked: Evaluation, problem: str | None) -> tuple[Figures, ...]:
        """Return the verdict's figures, or the current ones; none if the pod fits."""
        if verdict.reason is Reason.FITS:
            return ()
        judged = verdict.figures
        if judged or problem is not None:
            return judged
        return figures_of(self._guarded.ledger, asked.info)

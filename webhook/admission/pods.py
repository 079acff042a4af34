"""Admission of pods: how a review is decided, and how pending reviews get their booking.

    review ──► evaluation ──►[ lock: judge, take ]──► verdict ──► response
                                   │ the allotment does not cover it
                                   └──► pending ──► booked by the next write ──► response

The allotment controller asks for the next proposal and reports the result of its write. Nothing in this module calls
the Kubernetes API, or waits for anything but the lock of `ClusterState`.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webhook.admission.deadlines import Deadlines
from webhook.admission.decision_record import DecisionRecord, ReviewContext
from webhook.admission.pending import PendingReview, PendingReviews, Settled
from webhook.core.reviews.awaiting import final
from webhook.core.reviews.binding import bind_question
from webhook.core.reviews.decision import Outcome, decide, verdict_of
from webhook.core.reviews.evaluation import Evaluation, asked_of_quotas, question
from webhook.core.reviews.figures import Figures, figures_of
from webhook.core.reviews.response import message, respond
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode_of_pod, encode
from webhook.core.reviews.verdict import Decision, Reason, Verdict, cannot_tell
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared_state import Shared
from webhook.http.messages import Response, plain
from webhook.state.cluster_state import ClusterState
from webhook.state.holders import most_awaited
from webhook.state.quota_view import QuotaView

log = logging.getLogger(__name__)

_TOO_MUCH = "too many waiting reviews of pods with a large nodeSelector or node affinity"


class PodAdmission:
    """Answers reviews of pods by the cluster state.

    A pod that a ResourceQuota will refuse is refused in the quota's words; that needs no cluster state.
    """

    def __init__(
        self,
        account: ClusterState,
        observe: Callable[[DecisionRecord], None],
        quotas: QuotaView | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self.quotas = QuotaView(account.clock) if quotas is None else quotas
        self._room = PendingReviews(account.ledger, account.allotment)
        self._observe = observe
        self._patience = Deadlines(wall_clock)
        self.sent_back = 0  # how many responses told the API server to ask again (503 with Retry-After)

    @property
    def awaited(self) -> int:
        """How often a review began to wait for earlier pods to be seen."""
        return self._room.awaited

    # -- the way of a review -------------------------------------------------------------------------------------------

    def review(self, body: bytes, timeout: float) -> Response | PendingReview:
        """Answer an AdmissionReview, or return a pending review whose answer comes later.

        `timeout` is how many seconds the API server waits in total.
        """
        now = self.account.clock()
        try:
            request = decode_of_pod(body)
        except ReviewError as error:
            return _refused(error)
        try:
            return self._answer_or_wait(request, body, now, timeout)
        except ReviewError as error:
            return _refused(error)
        except Exception:
            log.exception("review %r could not be judged", request.uid)
            mode = self.account.config.policy(request.namespace).mode
            verdict = cannot_tell(mode, "an unforeseen error, see Headroom's log")
            return self._answer(ReviewContext(request, now, timeout), verdict, ())

    def _answer_or_wait(
        self, request: AdmissionRequest, body: bytes, now: float, timeout: float
    ) -> Response | PendingReview:
        asked = self._binding(request, now) if request.is_binding else question(request, self.account.ledger.accounting)
        if isinstance(asked, Verdict):
            return self._answer(ReviewContext(request, now, timeout), asked, ())
        quotas = self.quotas.of(request.namespace)
        if quotas:
            asked = asked_of_quotas(asked, quotas, body, self.account.ledger.accounting.rules)
        case = ReviewContext(request, now, timeout, asked)
        with self.account.lock:
            outcome = self._decide(asked, case.arrived)
            if not outcome.settled:
                kept = asked.kept()
                case = ReviewContext(kept.request, now, timeout, kept)
                waiting = PendingReview(case, kept, outcome.verdict, self._wait_until(case), outcome.awaits)
                if self._room.enter(waiting):
                    self.account.await_pods(self._room.awaits_pods)
                    self.account.wake()
                    return waiting
                outcome = self._unjudged(asked, _TOO_MUCH, now)
            figures = self._figures(outcome.verdict, asked, now)
        return self._answer(case, outcome.verdict, figures)

    def _binding(self, request: AdmissionRequest, now: float) -> Evaluation | Verdict:
        with self.account.lock:
            asked = bind_question(request, self.account.ledger, self.account.problem(now))
            if isinstance(asked, Verdict) and asked.decision is Decision.CANNOT_TELL:
                self.account.wake()  # ends the watch's pause, so that it shows the pod before the API server asks again
            return asked

    def _decide(self, asked: Evaluation, now: float) -> Outcome:
        problem = self.account.problem(now)
        if problem is None or asked.quota:  # a refusal by a quota needs no cluster state
            return decide(self.account.ledger, self.account.allotment, asked, now)
        return self._unjudged(asked, problem, now)

    def _unjudged(self, asked: Evaluation, problem: str, now: float) -> Outcome:
        if asked.forced and not asked.request.dry_run:
            self.account.allotment.grants.force(asked.facts, now)
        return Outcome(verdict_of(asked, cannot_tell(asked.mode, problem)), settled=True)

    def _figures(self, verdict: Verdict, asked: Evaluation, now: float) -> tuple[Figures, ...]:
        """Return the figures for the record of a decision: the verdict's, or the current ones; none if the pod fits."""
        if verdict.reason is Reason.FITS:
            return ()
        judged = verdict.figures
        if judged or self.account.problem(now) is not None:
            return judged
        return figures_of(self.account.ledger, asked.facts)

    def _answer(self, case: ReviewContext, verdict: Verdict, figures: tuple[Figures, ...]) -> Response:
        now = self.account.clock()
        if verdict.decision is Decision.CANNOT_TELL:
            if self._may_ask_again(case, now):
                return plain(503, verdict.detail, retry_after=1)
            verdict = final(verdict)
        age = max(self.account.pods.age(now), self.account.nodes.age(now))
        if verdict.decision is Decision.DENY:
            self._name_holder(verdict)
        name = case.question.facts.name if case.question else None
        response = respond(case.request, verdict, name, self.account.help)
        told = message(case.request, verdict, response, name, self.account.help)
        try:
            self._observe(
                DecisionRecord(case, verdict, told, figures, age, now - case.arrived, self.account.config_hash)
            )
        except Exception:
            log.exception("the decision on review %r could not be recorded", case.request.uid)
        return Response(200, encode(response))

    def _name_holder(self, verdict: Verdict) -> None:
        """Log the namespace that holds most, at a limited rate, if a pod is refused while unseen pods hold room."""
        if any(s.granted for s in verdict.sums) and self.account.holders.is_due():
            with self.account.lock:
                most = most_awaited(self.account.ledger.reservations.subjects)
            self.account.holders.tell_most(most)

    def _may_ask_again(self, case: ReviewContext, now: float) -> bool:
        """Say whether asking again can help and leaves time for an answer; if so, count and remember the review."""
        with self.account.lock:
            if self._opens_too_late(case, now) or not self._patience.may_ask_again(case, now):
                return False
            self._patience.send_back(case)
            self.sent_back += 1
            return True

    def _opens_too_late(self, case: ReviewContext, now: float) -> bool:
        """Say whether no replica can grant before the API server gives up; then waiting or asking again is useless."""
        opens_at = self.account.allotment.earliest(now)
        return opens_at is not None and opens_at >= self._patience.given_up_at(case, now)

    def _wait_until(self, case: ReviewContext) -> float:
        if self._opens_too_late(case, case.arrived):
            return case.arrived
        on_trial = case.question is not None and case.question.on_trial
        return self._patience.wait_until(case, case.arrived, to_ask_again=not on_trial)

    # -- bookings ------------------------------------------------------------------------------------------------------

    def next_proposal(self, epoch: str, *, fresh: bool, may_write: bool) -> tuple[Proposal, int] | None:
        """Settle the reviews that need not wait any longer; return the proposal to write now, or None.

        With the proposal comes the revision of the shared object that it replaces; 0: it creates the object.
        `may_write` is True once the caller has read the object. `epoch` and `fresh` are as for `Allotment.propose`.
        Only the allotment controller's thread calls this.
        """
        with self._settling() as settled:
            now = self.account.clock()
            self.account.ledger.tick(now)
            problem = self.account.problem(now)
            if problem is not None or not self.account.allotment.valid(now):
                self.account.excuse()
            recounted = self.account.recounted()
            settled.extend(self._room.without_booking(now, problem, recounted=recounted))
            self.account.await_pods(self._room.awaits_pods)
            proposed = None
            if may_write and problem is None and self.account.allotment.pending is None:
                asks = self._room.asks(now)
                if asks or self.account.allotment.due(now, fresh=fresh):
                    proposal = self._room.propose(asks, now, epoch, fresh=fresh)
                    self.account.allotment.begin(proposal)
                    proposed = proposal, self.account.allotment.revision
        self.account.tell_of_nodes()
        return proposed

    def proposal_written(self, proposal: Proposal, revision: int) -> None:
        """Record that the proposal was written; admit the pods that it booked for, refuse those without room left."""
        with self._settling() as settled:
            self.account.written(revision)
            settled.extend(self._after(proposal))

    def resolve(self, proposal: Proposal, shared: Shared | None, revision: int, known: int) -> bool:
        """Record the object after a write that lost; say whether an earlier attempt at this write was carried out.

        `known` is as for `ClusterState.observe`.
        """
        with self._settling() as settled:
            self.account.observe(shared, revision, known)
            written = self.account.allotment.pending is not proposal
            if written:
                settled.extend(self._after(proposal))
            else:
                self.account.allotment.failed()
        return written

    def _after(self, proposal: Proposal) -> Iterator[Settled]:
        now = self.account.clock()
        return self._room.after(proposal, now, self.account.problem(now))

    def patience(self, waiting: PendingReview) -> float:
        """Return for how many seconds to wait for a pending review's answer before calling `give_up`."""
        return max(0.0, waiting.until - self.account.clock())

    def give_up(self, waiting: PendingReview) -> None:
        """Answer a review that cannot wait any longer, whatever the allotment controller does; any thread may call."""
        with self._settling() as settled:
            now = self.account.clock()
            settled.extend(self._room.give_up(waiting, self.account.problem(now), now))

    @contextmanager
    def _settling(self) -> Iterator[list[Settled]]:
        """Hold the lock; then answer every settled review, even if the body raised: they are no longer pending."""
        settled: list[Settled] = []
        try:
            with self.account.lock:
                yield settled
        finally:
            for waiting, verdict in settled:
                self._settle(waiting, verdict)

    def _settle(self, waiting: PendingReview, verdict: Verdict) -> None:
        answer: Response | Exception
        try:
            with self.account.lock:
                figures = self._figures(verdict, waiting.question, self.account.clock())
            answer = self._answer(waiting.case, verdict, figures)
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            answer = error
        if not waiting.answer.set_running_or_notify_cancel():
            return
        if isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)


def _refused(error: ReviewError) -> Response:
    log.warning("refused a request to /validate: %s", error)
    return plain(400, str(error))

"""Admission of pods: the way of one review, from top to bottom.

    review ──► basis ──► evaluation ──► quotas ──►[ lock: judge, take ]──► verdict ──► response
                 ▲                                   │       │ the allotment does not cover it
                 └── another basis is in force ──────┘       └──► pending ──► settled by the next write ──► response

The basis is the configuration that is in force when a review comes in. The review is evaluated, decided, answered and
recorded under that one value. Nothing in this module calls the Kubernetes API, or waits for anything but the lock of
`ClusterState`.
"""

import logging
import time
from collections.abc import Callable

from webhook.admission.deadlines import Deadlines
from webhook.admission.decision_record import DecisionRecord, ReviewContext
from webhook.admission.pending import PendingReview
from webhook.core.reviews.awaiting import final
from webhook.core.reviews.decision import Outcome
from webhook.core.reviews.evaluation import Evaluation, asked_of_quotas, evaluate
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.response import message, respond
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode_of_pod, encode
from webhook.core.reviews.verdict import Decision, Verdict, cannot_tell
from webhook.http.messages import Response, plain
from webhook.state.cluster_state import ClusterState
from webhook.state.quota_view import QuotaView

log = logging.getLogger(__name__)

_TOO_MUCH = "too many waiting reviews of pods with a large nodeSelector or node affinity"


class PodAdmission:
    """Answers reviews of pods by the cluster state.

    A pod that a ResourceQuota will refuse is refused in the quota's words; that needs no cluster state.
    """

    def __init__(
        self,
        state: ClusterState,
        observe: Callable[[DecisionRecord], None],
        quotas: QuotaView | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = state
        self.quotas = QuotaView(state.clock) if quotas is None else quotas
        self._reviews = state.reviews
        self._observe = observe
        self._deadlines = Deadlines(wall_clock)

    def review(self, body: bytes, timeout: float) -> Response | PendingReview:
        """Answer an AdmissionReview, or return a pending review whose answer comes later.

        `timeout` is how many seconds the API server waits in total.
        """
        now = self.state.clock()
        try:
            request = decode_of_pod(body)
        except ReviewError as error:
            return _refused(error)
        try:
            return self._judge(request, body, now, timeout)
        except ReviewError as error:
            return _refused(error)
        except Exception:
            log.exception("review %r could not be judged", request.uid)
            basis = self.state.basis
            mode = basis.config.policy(request.namespace).mode
            verdict = cannot_tell(mode, "an unforeseen error, see Headroom's log")
            return self._answer(ReviewContext(request, now, timeout, basis), verdict, ())

    def _judge(self, request: AdmissionRequest, body: bytes, now: float, timeout: float) -> Response | PendingReview:
        asked: Evaluation | Verdict
        while True:
            if request.is_binding:
                asked, basis = self._reviews.bind(request, now)
            else:
                basis = self.state.basis
                asked = evaluate(request, basis.accounting)
            if isinstance(asked, Verdict):
                return self._answer(ReviewContext(request, now, timeout, basis), asked, ())
            quotas = self.quotas.of(request.namespace)
            if quotas:
                asked = asked_of_quotas(asked, quotas, body, basis.accounting.rules)
            judged = self._reviews.decide(asked, basis, now)
            if judged is not None:  # else another basis has come into force since this one was taken
                break
        outcome, figures = judged
        case = ReviewContext(request, now, timeout, basis, asked)
        return self._answer(case, outcome.verdict, figures) if outcome.settled else self._wait(case, asked, outcome)

    def _wait(self, case: ReviewContext, asked: Evaluation, outcome: Outcome) -> Response | PendingReview:
        """Let a review wait until the allotment controller settles it; it keeps only what its answer needs."""
        kept = asked.kept(case.basis.rules)
        case = ReviewContext(kept.request, case.arrived, case.timeout, case.basis, kept)
        opens_at = self._reviews.opens_at(case.arrived)
        until = self._deadlines.wait_until(case, opens_at, to_ask_again=not kept.on_trial)
        waiting = PendingReview(case, kept, case.basis, outcome.verdict, until, self._answer, outcome.awaits)
        if self._reviews.enter(waiting):
            return waiting
        outcome, figures = self._reviews.unjudged(asked, _TOO_MUCH, case.arrived)
        return self._answer(case, outcome.verdict, figures)

    def _answer(self, case: ReviewContext, verdict: Verdict, figures: tuple[Figures, ...]) -> Response:
        """Turn a verdict into the response, and record the decision, both under the basis of the review."""
        now, help_ = self.state.clock(), case.basis.help
        if verdict.decision is Decision.CANNOT_TELL:
            if self._deadlines.send_back(case, now, self._reviews.opens_at(now)):
                return plain(503, verdict.detail, retry_after=1)
            verdict = final(verdict)
        if verdict.decision is Decision.DENY:
            self._reviews.log_holder(verdict)
        name = case.evaluation.info.name if case.evaluation else None
        response = respond(case.request, verdict, name, help_)
        text = message(case.request, verdict, response, name, help_)
        try:
            age = max(self.state.pods.age(now), self.state.nodes.age(now))
            self._observe(DecisionRecord(case, verdict, text, figures, age, now - case.arrived))
        except Exception:
            log.exception("the decision on review %r could not be recorded", case.request.uid)
        return Response(200, encode(response))

    # -- pending reviews -----------------------------------------------------------------------------------------------

    def patience(self, waiting: PendingReview) -> float:
        """Return for how many seconds to wait for a pending review's answer before calling `give_up`."""
        return max(0.0, waiting.until - self.state.clock())

    def give_up(self, waiting: PendingReview) -> None:
        """Answer a review that cannot wait any longer, whatever the allotment controller does; any thread may call."""
        self._reviews.give_up(waiting)

    @property
    def awaited(self) -> int:
        """How often a review began to wait for earlier pods to be seen."""
        return self._reviews.awaited

    @property
    def sent_back(self) -> int:
        """How many responses asked the API server to send the review again (503 with Retry-After)."""
        return self._deadlines.sent_back


def _refused(error: ReviewError) -> Response:
    log.warning("refused a request to /validate: %s", error)
    return plain(400, str(error))

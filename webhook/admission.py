"""Admission: the way of a review, and those who wait for a booking.

    review ──► question ──►[ lock: judge, take ]──► verdict ──► answer
                                   │ the allotment does not cover it
                                   └──► waiting ──► booked by the next write ──► answer

The booking thread asks for the next proposal and tells what became of it. Nothing in this module calls the Kubernetes
API or waits for anything but the account's lock.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable

from webhook.account import Account
from webhook.cases import Answer, Case, Decided, plain
from webhook.core.account.standing import Standing
from webhook.core.reviews.binding import bind_question
from webhook.core.reviews.decision import Outcome, decide, verdict_of
from webhook.core.reviews.question import Question, question
from webhook.core.reviews.reply import message, respond
from webhook.core.reviews.review import Request, ReviewError, decode_of_pod, encode
from webhook.core.reviews.verdict import Decision, Reason, Verdict, cannot_tell
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared import Shared
from webhook.core.values.scopes import CLUSTER
from webhook.waiting import Settled, Waiting, WaitingRoom

log = logging.getLogger(__name__)

_PATIENCE = 2.0  # seconds that a review waits for a booking before it is sent to ask again
_LAST_CALL = 1.5  # seconds before the API server gives up: too late to ask again
_LAST_WORD = 0.5  # seconds before the API server gives up: by then an answer must be on its way
_REMEMBERED = 10_000  # reviews that were sent to ask again


class Admission:
    """Answers reviews from the account."""

    def __init__(self, account: Account, observe: Callable[[Decided], None]) -> None:
        self.account = account
        self._room = WaitingRoom(account.ledger, account.allotment)
        self._observe = observe
        self._asked_again: OrderedDict[str, float] = OrderedDict()
        self.sent_back = 0  # how often the API server was told to ask again

    # -- the way of a review -------------------------------------------------------------------------------------------

    def review(self, body: bytes, timeout: float) -> Answer | Waiting:
        """Answer an AdmissionReview; the API server waits `timeout` seconds for it in all."""
        now = self.account.clock()
        try:
            request = decode_of_pod(body)
        except ReviewError as error:
            log.warning("refused a request to /validate: %s", error)
            return plain(400, str(error))
        try:
            return self._answer_or_wait(request, now, timeout)
        except Exception:
            log.exception("review %r could not be judged", request.uid)
            mode = self.account.config.policy(request.namespace).mode
            verdict = cannot_tell(mode, "an unforeseen error, see Headroom's log")
            return self._answer(Case(request, now, timeout), verdict, None)

    def _answer_or_wait(self, request: Request, now: float, timeout: float) -> Answer | Waiting:
        asked = self._binding(request, now) if request.is_binding else question(request, self.account.ledger.accounting)
        if isinstance(asked, Verdict):
            return self._answer(Case(request, now, timeout), asked, None)
        case = Case(request, now, timeout, asked)
        with self.account.lock:
            outcome = self._decide(asked, case.arrived)
            if not outcome.settled:
                waiting = Waiting(case, asked, outcome.verdict, self._wait_until(case))
                self._room.enter(waiting)
                self.account.wake()
                return waiting
            standing = self._standing(outcome.verdict)
        return self._answer(case, outcome.verdict, standing)

    def _binding(self, request: Request, now: float) -> Question | Verdict:
        with self.account.lock:
            asked = bind_question(request, self.account.ledger, self.account.problem(now))
            if isinstance(asked, Verdict) and asked.decision is Decision.CANNOT_TELL:
                self.account.wake()  # so that the watch, which may pause, shows the pod by the time it is asked again
            return asked

    def _decide(self, asked: Question, now: float) -> Outcome:
        problem = self.account.problem(now)
        if problem is None:
            return decide(self.account.ledger, self.account.allotment, asked, now)
        if asked.forced and not asked.request.dry_run:
            self.account.allotment.force(asked.facts, now)
        return Outcome(verdict_of(asked, cannot_tell(asked.mode, problem)), settled=True)

    def _standing(self, verdict: Verdict) -> Standing | None:
        """Keep the figures of a decision that somebody will read."""
        if verdict.decision is Decision.ALLOW and verdict.reason is Reason.FITS:
            return None
        return self.account.ledger.standing(verdict.sums[0].scope if verdict.sums else CLUSTER)

    def _answer(self, case: Case, verdict: Verdict, standing: Standing | None) -> Answer:
        now = self.account.clock()
        if verdict.decision is Decision.CANNOT_TELL and self._may_ask_again(case, now):
            return plain(503, verdict.detail, retry_after=1)
        age = max(self.account.pods.age(now), self.account.nodes.age(now))
        response = respond(case.request, verdict, case.question.facts.name if case.question else None)
        told = message(verdict, response)
        try:
            self._observe(Decided(case, verdict, told, standing, age, now - case.arrived, self.account.config_hash))
        except Exception:
            log.exception("the decision on review %r could not be recorded", case.request.uid)
        return Answer(200, encode(response))

    def _may_ask_again(self, case: Case, now: float) -> bool:
        """Say whether the API server has time left to ask again; it was seen to do so with the same uid.

        If it ever comes with another uid, it is told to ask again until it gives up by itself.
        """
        with self.account.lock:
            if now + _LAST_CALL >= self._given_up_at(case) or self._opens_too_late(case):
                return False
            self._asked_again.setdefault(case.request.uid, case.arrived)
            if len(self._asked_again) > _REMEMBERED:
                self._asked_again.popitem(last=False)
            self.sent_back += 1
            return True

    def _given_up_at(self, case: Case) -> float:
        """When the API server gives up: its time runs from when it asked first."""
        return self._asked_again.get(case.request.uid, case.arrived) + case.timeout

    def _opens_too_late(self, case: Case) -> bool:
        """Say whether nobody can grant before the API server gives up, so that to wait or to ask again is in vain."""
        opens_at = self.account.allotment.opens_at()
        return opens_at is not None and opens_at >= self._given_up_at(case)

    def _wait_until(self, case: Case) -> float:
        if self._opens_too_late(case):
            return case.arrived
        return min(case.arrived + _PATIENCE, self._given_up_at(case) - _LAST_WORD)

    # -- bookings ------------------------------------------------------------------------------------------------------

    def next_proposal(self, epoch: str, *, fresh: bool, may_write: bool) -> tuple[Proposal, int] | None:
        """Let time act and answer whoever needs wait no more; return what is to be written now, if anything is.

        With it comes the revision of the object that it replaces; 0: there is none, so it is made. It may be written
        once the object has been looked for.
        """
        with self.account.lock:
            now = self.account.clock()
            self.account.ledger.tick(now)
            problem = self.account.problem(now)
            settled = list(self._room.without_booking(now, problem))
            proposed = None
            if may_write and problem is None and self.account.allotment.pending is None:
                asks = self._room.asks(now)
                if asks or self.account.allotment.due(now, fresh=fresh):
                    proposal = self.account.allotment.propose(asks, now, epoch, fresh=fresh)
                    self.account.allotment.begin(proposal)
                    proposed = proposal, self.account.allotment.revision
        self._settle(settled)
        return proposed

    def proposal_written(self, proposal: Proposal, revision: int) -> None:
        """The proposal was written: let in whom it booked for, refuse whom nothing is left for."""
        with self.account.lock:
            self.account.allotment.written(revision)
            settled = list(self._room.after(proposal, self.account.clock()))
        self._settle(settled)

    def resolve(self, proposal: Proposal, shared: Shared | None, revision: int) -> bool:
        """Take in the object after a write that lost, and say whether an earlier attempt at it was carried out."""
        with self.account.lock:
            self.account.allotment.observe(shared, revision, self.account.clock())
            written = self.account.allotment.pending is not proposal
            settled = list(self._room.after(proposal, self.account.clock())) if written else []
            if not written:
                self.account.allotment.failed()
        self._settle(settled)
        return written

    def patience(self, waiting: Waiting) -> float:
        """Return the seconds for which to wait for a review's answer, before giving it up."""
        return max(0.0, waiting.until - self.account.clock())

    def give_up(self, waiting: Waiting) -> None:
        """Answer a review that can wait no longer, whatever the booking thread is about."""
        with self.account.lock:
            now = self.account.clock()
            settled = list(self._room.give_up(waiting, self.account.problem(now), now))
        self._settle(settled)

    def _settle(self, settled: list[Settled]) -> None:
        for waiting, verdict in settled:
            with self.account.lock:
                standing = self._standing(verdict)
            answer = self._answer(waiting.case, verdict, standing)
            if waiting.answer.set_running_or_notify_cancel():
                waiting.answer.set_result(answer)

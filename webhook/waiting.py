"""The waiting room: reviews that the allotment does not cover, until a booking or the lack of room settles them."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from webhook.cases import Answer, Case
from webhook.core.allotment import Allotment, Ask, Proposal
from webhook.core.decision import decide, refuse_beside_others, verdict_of
from webhook.core.ledger import Ledger
from webhook.core.question import Question
from webhook.core.verdict import Verdict, cannot_tell


@dataclass(slots=True, eq=False)
class Waiting:
    """A review that waits until some time of the replica's clock, and is then sent to ask again.

    `verdict` holds once it is booked for, `call` is the one that was made for it.
    """

    case: Case
    question: Question
    verdict: Verdict
    until: float
    call: int | None = None
    answer: Future[Answer] = field(default_factory=Future)


Settled = tuple[Waiting, Verdict]


class WaitingRoom:
    """Those who wait, in the order in which they came. The caller holds the lock."""

    def __init__(self, ledger: Ledger, allotment: Allotment) -> None:
        self._ledger = ledger
        self._allotment = allotment
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, waiting: Waiting) -> None:
        """Let a review wait for its booking."""
        self._waiting.append(waiting)

    def asks(self, now: float) -> list[Ask]:
        """Return what to book now: not for those whose call the others are still about to answer."""
        if not self._allotment.may_book():
            return []
        return [
            Ask(w.question.facts, w.question.forced, called=w.call is not None)
            for w in self._waiting
            if w.call is None or self._allotment.answered(w.call, now)
        ]

    def without_booking(self, now: float, problem: str | None) -> Iterator[Settled]:
        """Settle whoever is covered by now, does not fit any more, or has waited for too long."""
        pending = self._allotment.pending
        booked = {ask.pod.uid for ask in pending.booked} if pending else frozenset[str]()
        for waiting in list(self._waiting):
            if now >= waiting.until:
                yield self._leave(waiting, self._cannot_tell(waiting, problem, now))
            elif problem is None and waiting.question.facts.uid not in booked:
                outcome = decide(self._ledger, self._allotment, waiting.question, now)
                if outcome.settled:
                    yield self._leave(waiting, outcome.verdict)

    def give_up(self, waiting: Waiting, problem: str | None, now: float) -> Iterator[Settled]:
        """Settle one that can wait no longer, unless it is settled already."""
        if waiting in self._waiting:
            yield self._leave(waiting, self._cannot_tell(waiting, problem, now))

    def after(self, proposal: Proposal, now: float) -> Iterator[Settled]:
        """Settle those whom a written proposal booked for, and those for whom nothing is left."""
        booked = {ask.pod.uid for ask in proposal.booked}
        unfit = {ask.pod.uid for ask in proposal.unfit}
        for waiting in list(self._waiting):
            uid = waiting.question.facts.uid
            if uid in booked:
                yield self._leave(waiting, waiting.verdict)
            elif uid in unfit and self._is_final(waiting, proposal, now):
                refused = refuse_beside_others(self._ledger, self._allotment, waiting.question, now)
                yield self._leave(waiting, refused)

    def _is_final(self, waiting: Waiting, proposal: Proposal, now: float) -> bool:
        """A refusal is final when nobody else holds anything, or all answered a call made after the review came."""
        if not proposal.shared.open:
            return False
        if waiting.call is not None:
            return self._allotment.answered(waiting.call, now)
        others = (h for r, h in proposal.shared.holdings.items() if r != self._allotment.replica)
        if not any(h.held for h in others):
            return True
        waiting.call = proposal.shared.call
        return False

    def _cannot_tell(self, waiting: Waiting, problem: str | None, now: float) -> Verdict:
        if waiting.question.forced:
            self._ledger.grant(waiting.question.facts, now)
        detail = problem or "this replica could not book its share in time"
        return verdict_of(waiting.question, cannot_tell(waiting.question.mode, detail))

    def _leave(self, waiting: Waiting, verdict: Verdict) -> Settled:
        self._waiting.remove(waiting)
        return waiting, verdict

"""Pending reviews: a review whose answer comes later, and where it is awaited."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from webhook.admission.decision_record import ReviewContext
from webhook.core.reviews.basis import Basis
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.verdict import Verdict
from webhook.http.messages import Response

Respond = Callable[[ReviewContext, Verdict, tuple[Figures, ...]], Response]
"""Turns a verdict into the response, and records it."""


@dataclass(slots=True, eq=False)
class PendingReview:
    """A review that `state/pending.py` decides later. `answer` is awaited; cancelled where nobody awaits it."""

    case: ReviewContext
    evaluation: Evaluation
    basis: Basis
    verdict: Verdict
    until: float
    respond: Respond
    awaits: Verdict | None = None
    proposed: bool = False
    answer: Future[Response] = field(default_factory=Future)

    def settle(self, verdict: Verdict, figures: tuple[Figures, ...]) -> None:
        """Answer the review under the basis that its verdict was made under."""
        try:
            response = self.respond(self.case.under(self.basis, self.evaluation), verdict, figures)
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            self.fail(error)
        else:
            if self.answer.set_running_or_notify_cancel():
                self.answer.set_result(response)

    def fail(self, error: Exception) -> None:
        """Raise an error where the answer is awaited."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(error)

"""A review on its way through this replica, and the record of the decision on it."""

from msgspec import Struct

from webhook.core.reviews.basis import Basis
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Verdict


class ReviewContext(Struct, frozen=True, gc=False):
    """One review; `arrived` is on the replica's clock, both times are in seconds.

    `basis` is the configuration that it was evaluated and is answered under. `evaluation` is None where the review was
    answered without the ledger.
    """

    request: AdmissionRequest
    arrived: float
    timeout: float
    basis: Basis
    evaluation: Evaluation | None = None

    def under(self, basis: Basis, evaluation: Evaluation) -> "ReviewContext":
        """Return the review as it was evaluated under a basis."""
        return ReviewContext(self.request, self.arrived, self.timeout, basis, evaluation)


class DecisionRecord(Struct, frozen=True, gc=False):
    """One decision, as the audit log, the metrics and the Events get it.

    `message` is the sentence with which the request is refused, or would be refused, or the reason why it is allowed.
    `figures` are those of the scopes concerned, first the scope that leaves no room; empty if the replica could not
    judge by its state, or if the pod simply fits. `age` is that of the views, `took` the duration; both in seconds.
    """

    case: ReviewContext
    verdict: Verdict
    message: str
    figures: tuple[Figures, ...]
    age: float
    took: float

    @property
    def config_hash(self) -> str:
        """The hash of the configuration that the verdict was made under."""
        return self.case.basis.config_hash

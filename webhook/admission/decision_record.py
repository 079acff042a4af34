"""Cases: a review on its way through this replica, and what is said of it at the end."""

from msgspec import Struct

from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Verdict


class ReviewContext(Struct, frozen=True, gc=False):
    """One review; times are seconds of the replica's clock. `question` is missing where no account was needed."""

    request: AdmissionRequest
    arrived: float
    timeout: float
    question: Evaluation | None = None


class DecisionRecord(Struct, frozen=True, gc=False):
    """One decision as the audit log, the metrics and the Events see it; `age` of the account and `took` in seconds.

    `message` is the sentence with which a request is refused, or would be, or why it was let in. `figures` are those of
    the scopes that it is about, the one in the way first; none where there was no account to judge by.
    """

    case: ReviewContext
    verdict: Verdict
    message: str
    figures: tuple[Figures, ...]
    age: float
    took: float
    config_hash: str

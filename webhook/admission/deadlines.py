"""Patience: until when a review has to be answered, whichever replica the API server has asked about it before.

The API server waits for `timeoutSeconds` in all. A 503 with Retry-After makes it ask again a second later, with the
same bytes and the same timeout, and a Service may lead that to another replica. So no replica may go by what it has
heard itself: a pod's creationTimestamp says when the request began (FillObjectMetaSystemFields in
apiserver/pkg/registry/rest/meta.go, before any webhook is called), rounded down to a second. It is compared with the
wall clock, and decides about nothing but how long to wait. A change of a pod has no such time, nor is there one to go
by where the clocks are apart: then each replica sends a review back once and at once, or answers it.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from webhook.admission.decision_record import ReviewContext
from webhook.core.ledger.interval import UNBORN

_WAIT = 2.0  # seconds that a review waits for a booking before it is sent to ask again
_RETRY = 1.0  # seconds from an answer that says to ask again to the next review
_LAST_WORD = 0.5  # seconds before the API server gives up: by then an answer must be on its way
_AT_ONCE = 0.25  # seconds within which a review that cannot be dated may be sent back
_VISITS = 3  # other replicas that may have sent back one that cannot be dated, each at once
_APART = 1.0  # seconds: a request that is younger than that below zero was dated by a clock that is not ours
_REMEMBERED = 10_000  # reviews that were sent to ask again


class Deadlines:
    """What is known of reviews that were sent to ask again. The caller holds a lock; `wall_clock` in seconds."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._asked_again: OrderedDict[str, float] = OrderedDict()

    def given_up_at(self, case: ReviewContext, now: float) -> float:
        """When the API server gives up at the earliest, as far as can be known; it asked first no earlier than that."""
        first = self._asked_again.get(case.request.uid, case.arrived)
        age = self._age(case)
        return (first if age is None else min(first, now - age)) + case.timeout

    def wait_until(self, case: ReviewContext, now: float, *, to_ask_again: bool = True) -> float:
        """Return until when a review may wait before it is sent to ask again, or has its last answer.

        One that is not sent `to_ask_again` waits for what all others may wait for in turns, if it can be dated.
        """
        wait = _WAIT if to_ask_again else case.timeout
        if self._age(case) is None:
            wait = max(0.0, min(_WAIT, case.timeout - _VISITS * _RETRY - _LAST_WORD))
        return min(now + wait, self.given_up_at(case, now) - _LAST_WORD)

    def may_ask_again(self, case: ReviewContext, now: float) -> bool:
        """Say whether the API server has time left to ask again, and to be answered then."""
        if now + _RETRY + _LAST_WORD >= self.given_up_at(case, now):
            return False
        if self._age(case) is not None:
            return True
        return now <= case.arrived + _AT_ONCE and case.request.uid not in self._asked_again

    def send_back(self, case: ReviewContext) -> None:
        """Remember a review that is sent to ask again; it was seen to come with the same uid."""
        self._asked_again.setdefault(case.request.uid, case.arrived)
        if len(self._asked_again) > _REMEMBERED:
            self._asked_again.popitem(last=False)

    def _age(self, case: ReviewContext) -> float | None:
        """How old a request is at the most; None where nobody can tell."""
        if case.question is None or case.question.facts.before is not UNBORN:
            return None
        created = case.question.pod.metadata.creation_timestamp
        try:
            age = self._wall_clock() - datetime.fromisoformat(created).timestamp()
        except ValueError:
            return None
        return max(0.0, age) if -_APART < age < case.timeout + _RETRY else None

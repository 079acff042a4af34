"""Deadlines: when a review must be answered, whichever replicas the API server has asked about it before.

The API server waits for `timeoutSeconds` in total. A 503 with Retry-After makes it ask again a second later, with the
same bytes and the same timeout, and the Service may route that request to another replica. So a replica cannot rely on
when it first got the review. Instead it takes the pod's creationTimestamp, which says when the request began
(FillObjectMetaSystemFields in apiserver/pkg/registry/rest/meta.go, before any webhook is called), rounded down to a
second. The replica compares it with the wall clock, and uses it only to decide how long to wait. A change of a pod has
no such time, and where clocks differ too much it cannot be used. Then each replica either sends the review back, once
and immediately, or answers it.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from webhook.admission.decision_record import ReviewContext
from webhook.core.ledger.interval import UNBORN

_WAIT = 2.0  # seconds that a review waits for a booking before it is sent back, that is, answered 503 with Retry-After
_RETRY = 1.0  # seconds after which the API server sends such a review again
_LAST_WORD = 0.5  # seconds before the API server gives up, by which the final answer must be on its way
_AT_ONCE = 0.25  # seconds after its arrival within which a review of unknown age may be sent back
_VISITS = 3  # how many other replicas may have sent back a review of unknown age before, each immediately
_APART = 1.0  # seconds: a request from further in the future than this was dated by a clock that differs too much
_REMEMBERED = 10_000  # reviews that were sent back


class Deadlines:
    """Decides how long reviews may wait, and remembers those that this replica sent back (503 with Retry-After).

    The caller holds the lock of `ClusterState`. `wall_clock` returns seconds since 1970; all other times are seconds on
    the replica's clock.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._asked_again: OrderedDict[str, float] = OrderedDict()

    def given_up_at(self, case: ReviewContext, now: float) -> float:
        """Return the earliest time at which the API server may give up on the review, as far as this replica knows."""
        first = self._asked_again.get(case.request.uid, case.arrived)
        age = self._age(case)
        return (first if age is None else min(first, now - age)) + case.timeout

    def wait_until(self, case: ReviewContext, now: float, *, to_ask_again: bool = True) -> float:
        """Return until when a review may wait before it is sent back or gets its final answer.

        Without `to_ask_again` the review is never sent back. If its age is known, it may then wait here for as long as
        other reviews wait in several turns.
        """
        wait = _WAIT if to_ask_again else case.timeout
        if self._age(case) is None:
            wait = max(0.0, min(_WAIT, case.timeout - _VISITS * _RETRY - _LAST_WORD))
        return min(now + wait, self.given_up_at(case, now) - _LAST_WORD)

    def may_ask_again(self, case: ReviewContext, now: float) -> bool:
        """Say whether the API server has enough time left to ask again and to get an answer then."""
        if now + _RETRY + _LAST_WORD >= self.given_up_at(case, now):
            return False
        if self._age(case) is not None:
            return True
        return now <= case.arrived + _AT_ONCE and case.request.uid not in self._asked_again

    def send_back(self, case: ReviewContext) -> None:
        """Remember a review that is sent back, by its uid: the API server sends it again with the same uid."""
        self._asked_again.setdefault(case.request.uid, case.arrived)
        if len(self._asked_again) > _REMEMBERED:
            self._asked_again.popitem(last=False)

    def _age(self, case: ReviewContext) -> float | None:
        """Return the most seconds that a request can be old; None if that is unknown."""
        if case.question is None or case.question.facts.before != UNBORN:
            return None
        created = case.question.pod.metadata.creation_timestamp
        try:
            age = self._wall_clock() - datetime.fromisoformat(created).timestamp()
        except ValueError:
            return None
        return max(0.0, age) if -_APART < age < case.timeout + _RETRY else None

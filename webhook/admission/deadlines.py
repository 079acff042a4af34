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
from threading import Lock

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

    Any thread may call it. `wall_clock` returns seconds since 1970; all other times are seconds on the replica's clock.
    `opens_at` is before when no replica can grant, None if any may: a review that is given up before then is answered
    at once, because neither waiting nor asking again would help.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._lock = Lock()
        self._asked_again: OrderedDict[str, float] = OrderedDict()
        self.sent_back = 0  # how many reviews were answered with 503 and Retry-After, so that the API server asks again

    def wait_until(self, case: ReviewContext, opens_at: float | None, *, to_ask_again: bool = True) -> float:
        """Return until when a review that has just arrived may wait before it is sent back or gets its final answer.

        Without `to_ask_again` the review is never sent back. If its age is known, it may then wait here for as long as
        other reviews wait in several turns.
        """
        now = case.arrived
        with self._lock:
            given_up_at = self._given_up_at(case, now)
        if opens_at is not None and opens_at >= given_up_at:
            return now
        wait = _WAIT if to_ask_again else case.timeout
        if self._age(case) is None:
            wait = max(0.0, min(_WAIT, case.timeout - _VISITS * _RETRY - _LAST_WORD))
        return min(now + wait, given_up_at - _LAST_WORD)

    def send_back(self, case: ReviewContext, now: float, opens_at: float | None) -> bool:
        """Say whether asking again can help and leaves time for an answer; if so, count and remember the review.

        It is remembered by its uid: the API server sends it again with the same uid.
        """
        with self._lock:
            given_up_at = self._given_up_at(case, now)
            if (opens_at is not None and opens_at >= given_up_at) or not self._leaves_time(case, now, given_up_at):
                return False
            self._asked_again.setdefault(case.request.uid, case.arrived)
            if len(self._asked_again) > _REMEMBERED:
                self._asked_again.popitem(last=False)
            self.sent_back += 1
            return True

    def _given_up_at(self, case: ReviewContext, now: float) -> float:
        """Return the earliest time at which the API server may give up on the review, as far as this replica knows."""
        first = self._asked_again.get(case.request.uid, case.arrived)
        age = self._age(case)
        return (first if age is None else min(first, now - age)) + case.timeout

    def _leaves_time(self, case: ReviewContext, now: float, given_up_at: float) -> bool:
        """Say whether the API server has enough time left to ask again and to get an answer then."""
        if now + _RETRY + _LAST_WORD >= given_up_at:
            return False
        if self._age(case) is not None:
            return True
        return now <= case.arrived + _AT_ONCE and case.request.uid not in self._asked_again

    def _age(self, case: ReviewContext) -> float | None:
        """Return the most seconds that a request can be old; None if that is unknown."""
        if case.evaluation is None or case.evaluation.info.before != UNBORN:
            return None
        created = case.evaluation.pod.metadata.creation_timestamp
        try:
            age = self._wall_clock() - datetime.fromisoformat(created).timestamp()
        except ValueError:
            return None
        return max(0.0, age) if -_APART < age < case.timeout + _RETRY else None

"""A pending review: its answer comes once, is what the verdict makes of it, and harms nobody who has gone away."""

from typing import Any

import pytest

from tests.support.replica import Judge, ready, response, review, waits
from webhook.admission.pending import PendingReview
from webhook.core.reviews.verdict import Decision, Reason, Verdict

REFUSED = Verdict(Decision.DENY, Reason.INVALID, detail="why")


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def pending(judge: Judge) -> PendingReview:
    """A review that asks for more than what the replica holds."""
    return waits(judge.ask(review(memory="8Gi")))


def test_a_verdict_becomes_the_response_and_is_recorded(judge: Judge, pending: PendingReview) -> None:
    assert not pending.answer.done()
    pending.settle(REFUSED, ())
    assert response(pending.answer.result(0))["allowed"] is False
    assert [record.verdict for record in judge.decided] == [REFUSED]


def test_it_is_answered_when_its_booking_is_written(judge: Judge, pending: PendingReview) -> None:
    assert judge.book()
    assert response(pending.answer.result(0))["allowed"] is True


def test_an_error_is_raised_where_the_answer_is_awaited(pending: PendingReview) -> None:
    pending.fail(LookupError("broken on purpose"))
    with pytest.raises(LookupError, match="broken on purpose"):
        pending.answer.result(0)


def test_an_error_while_the_response_is_made_is_raised_there_too(pending: PendingReview) -> None:
    def fail(*_: Any) -> Any:
        raise LookupError("broken on purpose")

    pending.respond = fail
    pending.settle(REFUSED, ())
    with pytest.raises(LookupError, match="broken on purpose"):
        pending.answer.result(0)


def test_a_caller_who_has_gone_away_is_not_answered(pending: PendingReview) -> None:
    assert pending.answer.cancel()
    pending.settle(REFUSED, ())
    assert pending.answer.cancelled()


def test_nor_is_an_error_raised_for_a_caller_who_has_gone_away(pending: PendingReview) -> None:
    assert pending.answer.cancel()
    pending.fail(LookupError("broken on purpose"))
    assert pending.answer.cancelled()


def test_two_reviews_of_the_same_pod_are_two(judge: Judge) -> None:
    one, other = (waits(judge.ask(review(memory="8Gi"))) for _ in range(2))
    assert one != other
    assert len({one, other}) == 2

"""A pending review: its answer comes once, under what it was judged under, or not at all where nobody waits for it."""

from concurrent.futures import CancelledError

import pytest

from tests.support.replica import Judge, review, waits
from webhook.admission.pending import PendingReview
from webhook.core.config.types import Mode
from webhook.core.reviews.figures import Figures
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.http.messages import Response, plain

FITS = Verdict(Decision.ALLOW, Reason.FITS, Mode.ENFORCE)


def pending(judge: Judge) -> PendingReview:
    judge.configure()
    judge.sync(8)
    return waits(judge.ask(review()))


def test_it_is_answered_under_the_basis_and_with_the_evaluation_that_it_has_by_then() -> None:
    judge = Judge()
    waiting = pending(judge)
    judge.configure("mode: warn")
    waiting.basis, waiting.evaluation = judge.admission.state.basis, waiting.evaluation.kept(waiting.basis.rules)
    waiting.settle(FITS, ())
    assert waiting.answer.result(0).status == 200
    case = judge.decided[-1].case
    assert (case.basis, case.evaluation) == (waiting.basis, waiting.evaluation)


def test_what_goes_wrong_is_raised_where_it_is_awaited() -> None:
    waiting = pending(Judge())

    def respond(*_: object) -> Response:
        raise OSError("no answer")

    waiting.respond = respond
    waiting.settle(FITS, ())
    with pytest.raises(OSError, match="no answer"):
        waiting.answer.result(0)


def test_what_nobody_awaits_is_recorded_nevertheless() -> None:
    waiting = pending(Judge())
    asked: list[tuple[Figures, ...]] = []

    def respond(_case: object, _verdict: object, figures: tuple[Figures, ...]) -> Response:
        asked.append(figures)
        return plain(200, "ok")

    waiting.respond = respond
    waiting.answer.cancel()
    waiting.settle(FITS, ())
    assert asked == [()]
    with pytest.raises(CancelledError):
        waiting.answer.result(0)

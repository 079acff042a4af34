"""What waits together is judged one after the other, when it is booked: in every mode, and also what is only near."""

from collections import Counter

import pytest

from tests.support.accounts import GI, pod
from tests.support.replica import Judge, ready, response, review
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pending import PendingReview
from webhook.core.reviews.verdict import Decision, Reason
from webhook.http.messages import Response

TRIALS = pytest.mark.parametrize(("mode", "decision"), [("warn", Decision.WARN), ("audit", Decision.AUDIT)])
SIZE = 24


def burst(judge: Judge, pods: int, memory: str = "1Gi") -> list[Response]:
    """Have so many pods asked about before any booking is written; return the answers."""
    asked = [judge.ask(review(f"p{number}", memory)) for number in range(pods)]
    while judge.book():
        pass
    return [each.answer.result(0) if isinstance(each, PendingReview) else each for each in asked]


def said(judge: Judge) -> Counter[tuple[Decision, Reason]]:
    return Counter((each.verdict.decision, each.verdict.reason) for each in judge.decided)


def shorts(decided: list[DecisionRecord]) -> list[float]:
    """By how many Gi each decision is short, smallest first, where it is."""
    return sorted(s.short_by / GI for each in decided for s in each.verdict.sums if s.short_by > 0)


@TRIALS
def test_of_a_burst_as_many_are_reported_as_enforcing_refuses(mode: str, decision: Decision) -> None:
    judge, enforcing = ready(f"mode: {mode}", SIZE), ready("", SIZE)
    assert all(response(answer)["allowed"] for answer in burst(judge, 36))
    refused = [answer for answer in burst(enforcing, 36) if not response(answer)["allowed"]]
    assert said(judge) == {(Decision.ALLOW, Reason.FITS): 24, (decision, Reason.MEMORY): 12}
    assert len(refused) == 12
    assert shorts(judge.decided) == list(range(1, 13)), "each counts on top of those that were let in before it"
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 36 * GI


def test_users_are_warned_in_mode_warn_and_not_in_mode_audit() -> None:
    for mode, warned in (("warn", 12), ("audit", 0)):
        answers = burst(ready(f"mode: {mode}", SIZE), 36)
        assert sum(bool(response(answer).get("warnings")) for answer in answers) == warned


@pytest.mark.parametrize("mode", ["enforce", "warn"])
def test_near_a_threshold_everybody_is_warned_whom_the_booking_takes_there(mode: str) -> None:
    judge = ready(f"mode: {mode}\nwarnAt: 50%", SIZE)
    burst(judge, SIZE)
    assert said(judge) == {(Decision.ALLOW, Reason.FITS): 12, (Decision.WARN, Reason.NEAR_BOUND): 12}
    figures = [s.committed + s.granted + s.asked for each in judge.decided for s in each.verdict.sums]
    assert sorted(figures) == [number * GI for number in range(13, 25)]


def test_an_exempt_pod_has_the_figures_of_its_booking() -> None:
    judge = ready("exempt: {namespaces: [default]}", 8)
    burst(judge, 10)
    assert said(judge) == {(Decision.ALLOW, Reason.EXEMPT): 10}
    assert shorts(judge.decided) == [1, 2]


@TRIALS
@pytest.mark.parametrize("memory", [1, 5])  # from what is held to spare, and by a booking
def test_a_review_that_is_repeated_is_told_the_same(mode: str, decision: Decision, memory: int) -> None:
    judge = ready(f"mode: {mode}", 8)
    judge.admission.state.see_pod(pod("lives", 7.5, revision=101))
    for seconds in (0.0, 1.0, 20.0):  # after that many the share is not valid any more
        judge.clock.wait(seconds)
        burst(judge, 1, f"{memory}Gi")
    assert said(judge) == {(decision, Reason.MEMORY): 3}
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == memory * GI


@TRIALS
def test_what_is_over_by_the_view_alone_is_said_though_the_booking_does_not_come_in_time(
    mode: str, decision: Decision
) -> None:
    judge = ready(f"mode: {mode}", 8)
    judge.admission.state.see_pod(pod("lives", 7.5, revision=101))
    waiting = judge.ask(review(memory="5Gi"))
    assert isinstance(waiting, PendingReview)
    judge.admission.give_up(waiting)
    assert said(judge) == {(decision, Reason.MEMORY): 1}
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 5 * GI


@TRIALS
def test_what_was_let_in_for_want_of_time_stays_reserved_when_its_booking_is_written_after_all(
    mode: str, decision: Decision
) -> None:
    judge = ready(f"mode: {mode}", 8)
    admission = judge.admission
    waiting = judge.ask(review(memory="7Gi"))
    assert isinstance(waiting, PendingReview)
    proposed = admission.state.bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert proposed is not None
    admission.give_up(waiting)
    admission.state.bookings.written(proposed[0], proposed[1] + 1)
    assert said(judge) == {(Decision.WARN, Reason.UNAVAILABLE): 1}
    assert admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 7 * GI


@TRIALS
def test_who_was_judged_for_a_write_that_lost_is_judged_again(mode: str, decision: Decision) -> None:
    judge = ready(f"mode: {mode}", 8)
    admission = judge.admission
    waiting = judge.ask(review(memory="7Gi"))
    assert isinstance(waiting, PendingReview)
    assert admission.state.bookings.next_proposal("epoch", fresh=True, may_write=True) is not None
    assert admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 7 * GI
    admission.state.see_pod(pod("lives", 2, revision=101))
    admission.state.bookings.failed()
    assert admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 0
    while judge.book():
        pass
    assert said(judge) == {(decision, Reason.MEMORY): 1}
    assert shorts(judge.decided) == [1]


def test_where_a_verdict_cannot_be_worked_out_all_are_booked_nevertheless(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("webhook.state.pending.at_booking", fail)
    judge = ready("mode: audit", 8)
    assert all(response(answer)["allowed"] for answer in burst(judge, 8))
    assert "ZeroDivisionError" in caplog.text
    assert judge.admission.state._guarded.allotment.pending is None

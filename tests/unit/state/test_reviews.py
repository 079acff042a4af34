"""Reviews: one hold of the lock decides and reserves, under one basis, and whoever waits is answered in any case."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.accounts import config, node
from tests.support.replica import Judge, ready, response, review, waits
from tests.support.sample_reviews import asking
from webhook.core.config.render import digest
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.sharing.allotment import Timing
from webhook.http.messages import Response
from webhook.state.cluster_state import ClusterState
from webhook.state.pending import Waiting


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def state(judge: Judge) -> ClusterState:
    return judge.admission.state


def asked(state: ClusterState, memory: str = "1Gi") -> Evaluation:
    found = evaluate(asking(memory), state.basis.accounting)
    assert isinstance(found, Evaluation)
    return found


def test_what_fits_is_reserved_in_the_same_step_and_shows_no_figures(judge: Judge, state: ClusterState) -> None:
    judged = state.reviews.decide(asked(state), state.basis, judge.clock())
    assert judged is not None
    outcome, figures = judged
    assert (outcome.verdict.reason, outcome.settled, figures) == (Reason.FITS, True, ())
    assert state.bookings.still_to_come() == 1


def test_a_refusal_comes_with_the_figures_of_its_moment(judge: Judge, state: ClusterState) -> None:
    judged = state.reviews.decide(asked(state, "9Gi"), state.basis, judge.clock())
    assert judged is not None
    outcome, figures = judged
    assert outcome.verdict.decision is Decision.DENY
    assert figures
    assert state.bookings.still_to_come() == 0


def test_what_was_evaluated_under_another_basis_is_not_decided(judge: Judge, state: ClusterState) -> None:
    evaluated, basis = asked(state), state.basis
    other = config("mode: warn")
    state.configure(other, digest(other))
    assert state.reviews.decide(evaluated, basis, judge.clock()) is None
    assert state.bookings.still_to_come() == 0
    assert state.reviews.decide(asked(state), state.basis, judge.clock()) is not None


def test_without_a_view_a_review_is_left_unjudged(judge: Judge, state: ClusterState) -> None:
    state.lack_version("no version yet")
    judged = state.reviews.decide(asked(state), state.basis, judge.clock())
    assert judged is not None
    outcome, figures = judged
    assert (outcome.verdict.reason, outcome.verdict.detail) == (Reason.UNAVAILABLE, "no version yet")
    assert (outcome.settled, figures) == (True, ())


@pytest.mark.parametrize(("mode", "reserved"), [("enforce", 0), ("warn", 1)])
def test_a_pod_that_policy_lets_in_unjudged_is_reserved_for(mode: str, reserved: int) -> None:
    judge = ready(f"mode: {mode}")
    state = judge.admission.state
    outcome, _ = state.reviews.unjudged(asked(state), "no answer in time", judge.clock())
    assert outcome.verdict.allowed is (mode == "warn")
    assert state.bookings.still_to_come() == reserved


def test_nobody_can_grant_before_a_closed_object_is_opened(judge: Judge, state: ClusterState) -> None:
    assert state.reviews.opens_at(judge.clock()) is None
    state.bookings.observe(None, 0)
    opens = state.reviews.opens_at(judge.clock())
    assert opens is not None
    assert opens >= judge.clock() + Timing().release


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_review_that_is_given_up_is_answered_once(judge: Judge, state: ClusterState) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    state.reviews.give_up(waiting)
    first = waiting.answer.result(0)
    state.reviews.give_up(waiting)
    assert waiting.answer.result(0) is first
    assert isinstance(first, Response)
    assert first.status == 503, "the API server asks again"
    assert len(state.reviews.pending) == 0


def test_an_error_after_some_were_settled_leaves_nobody_without_an_answer(judge: Judge, state: ClusterState) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    refused = Verdict(Decision.DENY, Reason.INVALID, detail="why")

    def fail() -> None:
        with state.reviews.settling() as settled:
            settled.append((waiting, refused))
            raise LookupError("broken on purpose")

    with pytest.raises(LookupError):
        fail()
    assert response(waiting.answer.result(0))["allowed"] is False


def test_where_the_figures_fail_the_one_who_waits_is_told(
    judge: Judge, state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    fail: Callable[..., None] = lambda *_: 1 // 0  # type: ignore[assignment]  # noqa: E731 - it only raises
    monkeypatch.setattr("webhook.state.reviews.figures_of", fail)
    with state.reviews.settling() as settled:
        settled.append((waiting, Verdict(Decision.DENY, Reason.INVALID, detail="why")))
    with pytest.raises(ZeroDivisionError):
        waiting.answer.result(0)


def test_a_waiting_review_is_what_admission_makes(judge: Judge) -> None:
    waiting: Waiting = waits(judge.ask(review(memory="8Gi")))
    assert (waiting.awaits, waiting.proposed) == (None, False)


# -- who holds most ----------------------------------------------------------------------------------------------------


def test_who_holds_most_is_logged_only_where_something_was_granted_and_not_too_often(
    judge: Judge, state: ClusterState, caplog: pytest.LogCaptureFixture
) -> None:
    judge.ask(review(memory="9Gi"))
    assert "room is held" not in caplog.text, "nothing is held"
    assert response(judge.ask(review("first", memory="1Gi")))["allowed"]
    for name in ("second", "third"):
        judge.ask(review(name, memory="9Gi"))
    told = [record for record in caplog.records if "room is held" in record.getMessage()]
    assert len(told) == 1
    assert "'default'" in told[0].getMessage()


def test_a_node_that_comes_gives_room_to_the_next_review(judge: Judge, state: ClusterState) -> None:
    assert response(judge.ask(review(memory="9Gi")))["allowed"] is False
    state.see_node(node("more", 8))
    assert replace(state.basis) == state.basis
    waiting = waits(judge.ask(review(memory="9Gi")))
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]

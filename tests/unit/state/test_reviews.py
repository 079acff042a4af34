"""What a review asks of the state: judged under one basis, settled once, and answered whatever goes wrong."""

import pytest

from tests.support.replica import Judge, ready, response, review, waits
from webhook.core.config.types import Mode
from webhook.core.reviews.evaluation import Evaluation, question
from webhook.core.reviews.review import decode_of_pod
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.state.cluster_state import ClusterState


def evaluated(state: ClusterState, memory: str = "1Gi") -> Evaluation:
    asked = question(decode_of_pod(review(memory=memory)), state.basis.accounting)
    assert isinstance(asked, Evaluation)
    return asked


def waiting_judge() -> Judge:
    judge = Judge()
    judge.configure()
    judge.sync(8)
    return judge


def test_what_was_evaluated_under_another_basis_is_not_decided() -> None:
    judge = ready()
    state = judge.admission.account
    before, asked = state.basis, evaluated(state)
    judge.configure("mode: warn")
    assert state.reviews.decide(asked, before, judge.clock()) is None
    assert state.read(lambda ledger: len(ledger.reservations)) == 0
    judged = state.reviews.decide(evaluated(state), state.basis, judge.clock())
    assert judged is not None
    assert judged[0].settled
    assert state.read(lambda ledger: len(ledger.reservations)) == 1


def test_figures_come_with_all_but_a_pod_that_simply_fits() -> None:
    judge = ready()
    state = judge.admission.account
    fits, over = (state.reviews.decide(evaluated(state, each), state.basis, 1000.0) for each in ("1Gi", "9Gi"))
    assert fits is not None
    assert over is not None
    assert (fits[0].verdict.reason, fits[1]) == (Reason.FITS, ())
    assert (over[0].verdict.decision, [each.scope for each in over[1]]) == (Decision.DENY, ["cluster"])


def test_what_cannot_be_judged_is_reserved_for_where_policy_lets_it_in() -> None:
    judge = ready("mode: warn")
    state = judge.admission.account
    outcome, _ = state.reviews.unjudged(evaluated(state), "too much", judge.clock())
    assert (outcome.verdict.decision, outcome.verdict.detail) == (Decision.WARN, "too much")
    assert state.read(lambda ledger: len(ledger.reservations)) == 1


def test_a_review_is_settled_once() -> None:
    judge = waiting_judge()
    waiting = waits(judge.ask(review()))
    reviews = judge.admission.account.reviews
    reviews.give_up(waiting)
    reviews.give_up(waiting)
    assert waiting.answer.result(0).status == 503
    assert len(reviews.pending) == 0


def test_what_is_settled_is_answered_even_if_the_rest_fails() -> None:
    judge = waiting_judge()
    waiting = waits(judge.ask(review()))
    verdict = Verdict(Decision.ALLOW, Reason.FITS, Mode.ENFORCE)

    def settle_and_fail() -> None:
        with judge.admission.account.reviews.settling() as settled:
            settled.append((waiting, verdict))
            raise OSError("a defect")

    with pytest.raises(OSError, match="a defect"):
        settle_and_fail()
    assert response(waiting.answer.result(0))["allowed"]


def test_figures_that_cannot_be_made_end_the_review_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = waiting_judge()
    waiting = waits(judge.ask(review()))

    def fail(*_: object) -> None:
        raise OSError("a defect")

    monkeypatch.setattr(judge.admission.account.reviews, "_figures", fail)
    judge.admission.give_up(waiting)
    with pytest.raises(OSError, match="a defect"):
        waiting.answer.result(0)


def test_it_is_known_when_a_replica_can_grant_again() -> None:
    judge = ready()
    state = judge.admission.account
    assert state.reviews.opens_at(judge.clock()) is None
    state.bookings.observe(None, 0)
    assert state.reviews.opens_at(judge.clock()) == judge.clock() + 60

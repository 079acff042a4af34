"""One review is judged under one configuration, whenever another one is applied meanwhile.

Each test applies another configuration between two steps of a review, by a function that the step calls.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.accounts import config
from tests.support.pending import Beside
from tests.support.replica import Judge, ready, response, review, waits
from webhook.admission import pods as admission
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.render import digest
from webhook.core.config.types import Mode
from webhook.core.pods.rules import KUBERNETES_1_36

HALF = "thresholds: {memory: {requests: 50%}}"
WARN = "mode: warn"


def settings(text: str = "") -> HeadroomConfig:
    return config(f"warnAt: 100%\n{text}")


def hash_of(text: str = "") -> str:
    return digest(settings(text))


def swap_at(monkeypatch: pytest.MonkeyPatch, step: str, judge: Judge, text: str) -> list[str]:
    """Apply a configuration when the step is done for the first time; return the steps that were done."""
    done: list[str] = []
    original: Callable[..., Any] = getattr(admission, step)

    def swapping(*arguments: Any) -> Any:
        result = original(*arguments)
        if not done:
            judge.configure(text)
        done.append(step)
        return result

    monkeypatch.setattr(admission, step, swapping)
    return done


def recorded(judge: Judge) -> tuple[Mode, str]:
    """The mode that the last verdict was made under, and the hash in its record."""
    decided = judge.decided[-1]
    return decided.verdict.mode, decided.config_hash


def test_a_configuration_that_comes_after_the_evaluation_is_evaluated_under(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()
    done = swap_at(monkeypatch, "evaluate", judge, WARN)
    said = response(judge.ask(review(memory="9Gi")))
    assert (said["allowed"], recorded(judge)) == (True, (Mode.WARN, hash_of(WARN)))
    assert len(done) == 2, "it was evaluated again"


def test_a_lower_threshold_that_comes_after_the_evaluation_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()
    swap_at(monkeypatch, "evaluate", judge, HALF)
    said = response(judge.ask(review(memory="5Gi")))
    assert not said["allowed"]
    assert "4Gi" in said["status"]["message"], "half of 8Gi"
    assert recorded(judge) == (Mode.ENFORCE, hash_of(HALF))


def test_an_exemption_that_is_gone_by_the_decision_lets_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready("exempt: {namespaces: [default]}")
    swap_at(monkeypatch, "evaluate", judge, "")
    assert not response(judge.ask(review(memory="9Gi")))["allowed"]
    assert recorded(judge) == (Mode.ENFORCE, hash_of())


@pytest.mark.parametrize("step", ["respond", "message"])
def test_a_configuration_that_comes_after_the_decision_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    judge = ready("message: ask the platform team")
    swap_at(monkeypatch, step, judge, f"{WARN}\nmessage: ask nobody")
    said = response(judge.ask(review(memory="9Gi")))
    assert not said["allowed"]
    assert "ask the platform team" in said["status"]["message"]
    assert "ask the platform team" in judge.decided[-1].message
    assert recorded(judge) == (Mode.ENFORCE, hash_of("message: ask the platform team"))


def test_a_verdict_that_needs_no_ledger_is_recorded_under_what_it_was_made_under(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = ready()
    swap_at(monkeypatch, "evaluate", judge, WARN)
    assert not response(judge.ask(review(kind={"group": "", "version": "v1", "kind": "Node"})))["allowed"]
    assert judge.decided[-1].config_hash == hash_of()


# -- pending reviews ---------------------------------------------------------------------------------------------------


def pending() -> Judge:
    """A replica that knows everything, and has booked nothing yet."""
    judge = Judge()
    judge.configure()
    judge.sync(8)
    return judge


def test_a_pending_review_is_booked_within_the_threshold_of_its_booking() -> None:
    judge = pending()
    fits, over = waits(judge.ask(review("fits", "3Gi"))), waits(judge.ask(review("over", "5Gi")))
    judge.configure(HALF)
    judge.prepare()
    while judge.book():
        pass
    assert response(fits.answer.result(0))["allowed"]
    assert not response(over.answer.result(0))["allowed"]
    assert [each.config_hash for each in judge.decided] == [hash_of(HALF)] * 2


def test_a_pending_review_is_evaluated_again_under_another_policy() -> None:
    judge = pending()
    waiting = [waits(judge.ask(review(name, memory))) for name, memory in (("fits", "1Gi"), ("over", "8Gi"))]
    judge.configure(f"{WARN}\n{HALF}")
    judge.prepare()
    while judge.book():
        pass
    assert [response(each.answer.result(0))["allowed"] for each in waiting] == [True, True]
    decided = [(each.case.request.name, each.verdict.mode, each.verdict.decision.value) for each in judge.decided]
    assert sorted(decided) == [("fits", Mode.WARN, "allow"), ("over", Mode.WARN, "warn")]
    assert {each.config_hash for each in judge.decided} == {hash_of(f"{WARN}\n{HALF}")}


def test_what_policy_let_in_while_it_waited_is_refused_once_the_mode_enforces() -> None:
    judge = Judge()
    judge.configure(WARN)
    judge.sync(8)
    waiting = waits(judge.ask(review(memory="7Gi")))
    judge.configure(HALF)
    judge.prepare()
    while judge.book():
        pass
    assert not response(waiting.answer.result(0))["allowed"]
    assert recorded(judge) == (Mode.ENFORCE, hash_of(HALF))


def test_a_pending_review_whose_pod_may_count_otherwise_is_asked_about_again() -> None:
    judge = pending()
    body = review(created=judge.clock.now)
    waiting = waits(judge.ask(body))
    judge.admission.state.count_by((KUBERNETES_1_36,))
    judge.sync()
    judge.book()
    answer = waiting.answer.result(0)
    assert answer.status == 503
    assert b"the configuration or the version of the API server changed" in answer.body
    assert judge.decided == []
    judge.prepare()
    assert response(judge.ask(body))["allowed"]


def test_a_pod_that_was_booked_is_admitted_under_the_configuration_of_its_booking() -> None:
    judge = pending()
    bookings = judge.admission.state.bookings
    judge.prepare()
    waiting = waits(judge.ask(review(memory="5Gi")))
    proposed = bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert proposed is not None
    judge.configure(HALF)
    bookings.written(proposed[0], proposed[1] + 1)
    assert response(waiting.answer.result(0))["allowed"]
    assert recorded(judge) == (Mode.ENFORCE, hash_of())
    assert not response(judge.ask(review("next", "1Gi")))["allowed"], "5 of 4 Gi are committed"


def test_a_review_that_found_no_room_is_proposed_again_under_a_higher_threshold() -> None:
    beside = Beside(other=3)
    judge = beside.judge
    judge.configure("thresholds: {memory: {requests: 75%}}")
    waiting = waits(judge.ask(review(memory="4Gi"), timeout=30.0))
    assert judge.book()
    assert (waiting.proposed, waiting.answer.done()) == (True, False), "another replica may hand back"
    judge.configure()
    while judge.book():
        pass
    assert response(waiting.answer.result(0))["allowed"]
    assert recorded(judge) == (Mode.ENFORCE, hash_of())


def test_while_a_booking_is_written_its_review_keeps_the_basis_of_the_booking() -> None:
    judge = ready()
    bookings = judge.admission.state.bookings
    waiting = waits(judge.ask(review(memory="5Gi")))
    proposed = bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert proposed is not None
    judge.configure(HALF)
    assert bookings.next_proposal("epoch", fresh=True, may_write=False) is None
    bookings.written(proposed[0], proposed[1] + 1)
    assert response(waiting.answer.result(0))["allowed"]
    assert recorded(judge) == (Mode.ENFORCE, hash_of())

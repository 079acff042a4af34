"""Reviews beyond the credit: they wait for earlier pods to be seen, and are sent away with a reason of their own."""

import json
import logging

import pytest

from tests.support.accounts import GI, pod
from tests.support.replica import BEGAN, Judge, ready, response, review, waits
from webhook.admission.pending import PendingReview
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.credit import SHARES
from webhook.http.messages import Response
from webhook.observability.events import refused

LAPSE = 45.0


def start(settings: str = "") -> Judge:
    """A replica that can judge with 16Gi, and gives credit as in production."""
    judge = ready(settings, 16, SHARES)
    judge.clock.wait(1.0)  # until it was ready, it was as in an outage
    return judge


def elsewhere(namespace: str, name: str, memory: str) -> bytes:
    """Make a review of a pod in another namespace."""
    return review(name, memory).replace(b'"default"', f'"{namespace}"'.encode())


def let_in(judge: Judge, body: bytes) -> None:
    """Ask, book if need be, and see that the answer is yes."""
    asked = judge.ask(body)
    if isinstance(asked, PendingReview):
        judge.book()
        asked = asked.answer.result(0)
    assert response(asked)["allowed"]


def open_in_gi(judge: Judge) -> float:
    return judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests / GI


def shows(judge: Judge, name: str, memory: float) -> None:
    """Let the watch show a pod that was let in."""
    judge.admission.state.see_pod(pod(name, memory, uid=f"pod-{name}", revision=200))


def end_of_patience(judge: Judge, asked: Response | PendingReview) -> Response:
    """Give a review up as the connection does when its time is over."""
    waiting = waits(asked)
    judge.clock.now = waiting.until
    judge.admission.give_up(waiting)
    return waiting.answer.result(0)


def lapse(judge: Judge) -> None:
    """Let what is open lapse; the shared object is renewed meanwhile."""
    for _ in range(10):
        judge.clock.wait(LAPSE / 9)
        judge.book()
    judge.admission.state.prove(judge.clock.now)
    judge.book()


def test_who_is_beyond_the_credit_is_let_in_as_soon_as_earlier_pods_are_seen() -> None:
    judge = start()
    let_in(judge, review("first", "8Gi"))
    waiting = waits(judge.ask(review("second", "4Gi")))
    assert not judge.admission.state._guarded.wakeup.at_ease
    judge.book()
    assert (waiting.answer.done(), open_in_gi(judge)) == (False, 8)
    judge.admission.state._guarded.wakeup._work = False
    shows(judge, "first", 8)
    assert judge.admission.state._guarded.wakeup._work
    judge.book()
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]
    assert open_in_gi(judge) == 4
    assert judge.admission.state._guarded.wakeup.at_ease


def test_it_is_sent_to_ask_again_while_there_is_time_and_then_refused_with_a_reason_of_its_own() -> None:
    judge = start()
    let_in(judge, review("first", "8Gi"))
    answer = end_of_patience(judge, judge.ask(review("second", "4Gi")))
    assert (answer.status, answer.retry_after) == (503, 1)
    while answer.status == 503:
        judge.clock.wait(1.0)
        asked = judge.ask(review("second", "4Gi"))
        answer = end_of_patience(judge, asked) if isinstance(asked, PendingReview) else asked
    status = response(answer)["status"]
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"].startswith(
        "pod default/second is not let in now (AwaitingEarlierPods): a pod of user someone in namespace default (8Gi "
        "of memory requests) let in before has not appeared yet, such as default/first, let in "
    )
    assert "another admission webhook or a ResourceQuota may refuse them" in status["message"]
    assert "or their name was taken" in status["message"]
    assert "or are given up after 45 s, in 3" in status["message"]
    verdict = judge.decided[-1].verdict
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.AWAITING)
    assert open_in_gi(judge) == 8


def test_each_review_that_has_to_wait_for_earlier_pods_is_counted_once() -> None:
    judge = start()
    waiting = waits(judge.ask(review("first", "9Gi")))
    assert judge.admission.awaited == 0  # a booking is what it waits for
    judge.book()
    assert waiting.answer.done()
    for number, name in enumerate(("second", "third"), start=1):
        waits(judge.ask(review(name, "4Gi")))
        judge.book()
        assert judge.admission.awaited == number


def test_one_that_another_passes_while_it_waits_for_its_booking_is_counted_as_well() -> None:
    judge = start()
    waiting = waits(judge.ask(review("first", "9Gi")))
    let_in(judge, review("second", "6Gi"))
    for _ in range(3):
        judge.book()
        assert (waiting.answer.done(), judge.admission.awaited) == (False, 1)
    shows(judge, "second", 6)
    judge.book()
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]
    assert judge.admission.awaited == 1


def test_its_owner_is_told_so_in_an_event() -> None:
    judge = start()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs-1", "controller": True}
    bodies = []
    for name in ("first", "second"):
        body = json.loads(review(name, "9Gi" if name == "first" else "4Gi"))
        body["request"]["object"]["metadata"]["ownerReferences"] = [owner]
        bodies.append(json.dumps(body).encode())
    let_in(judge, bodies[0])
    end_of_patience(judge, judge.ask(bodies[1], timeout=2.0))
    occurrence = refused(judge.decided[-1])
    assert occurrence is not None
    assert occurrence.reason == "AwaitingEarlierPods"
    assert "the same owner in namespace default" in occurrence.text


def test_there_is_no_credit_for_a_dry_run_either_and_it_reserves_nothing() -> None:
    judge = start()
    let_in(judge, review("first", "8Gi"))
    waiting = waits(judge.ask(review("second", "4Gi", dryRun=True)))
    judge.book()
    assert not waiting.answer.done()
    shows(judge, "first", 8)
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]
    assert open_in_gi(judge) == 0


def test_what_does_not_fit_is_refused_for_that_reason() -> None:
    judge = start()
    let_in(judge, review("first", "8Gi"))
    assert (
        "it adds 9Gi of requests, 8Gi is free (8Gi of 16Gi committed, 8Gi of it for pods being created"
        in response(judge.ask(review("second", "9Gi")))["status"]["message"]
    )


def test_in_a_pause_it_is_refused_at_once_and_told_for_how_long() -> None:
    judge = start()
    let_in(judge, review("first", "12Gi"))
    lapse(judge)
    message = response(judge.ask(review("second", "12Gi")))["status"]["message"]
    assert "pods of user someone in namespace default that were let in before never appeared" in message
    assert "Try again in 180 s, or ask for less" in message
    let_in(judge, elsewhere("else", "other", "12Gi"))


def test_what_is_exempt_never_waits_and_takes_no_more_room_than_its_credit() -> None:
    judge = start("exempt: {namespaces: [default]}")
    for number in range(5):
        assert response(judge.ask(review(f"pod-{number}", "8Gi")))["allowed"]
    assert open_in_gi(judge) == 8


TRIALS = pytest.mark.parametrize(("mode", "decision"), [("warn", Decision.WARN), ("audit", Decision.AUDIT)])


@TRIALS
def test_on_trial_it_waits_for_earlier_pods_as_if_it_could_be_refused_and_is_let_in_in_the_end(
    mode: str, decision: Decision
) -> None:
    judge = start(f"mode: {mode}")
    let_in(judge, review("first", "8Gi"))
    waiting = waits(judge.ask(review("second", "4Gi")))
    judge.book()
    assert not waiting.answer.done()
    assert waiting.until == BEGAN + 9.5, "as long as an answer can be in time, for it is not asked again"
    said = response(end_of_patience(judge, waiting))
    assert said["allowed"]
    assert open_in_gi(judge) == 8, "what is beyond the credit is not reserved for"
    verdict = judge.decided[-1].verdict
    assert (verdict.decision, verdict.reason) == (decision, Reason.AWAITING)
    assert len(said.get("warnings", ())) == (mode == "warn")


@TRIALS
def test_on_trial_what_comes_once_earlier_pods_are_seen_is_judged_with_them(mode: str, decision: Decision) -> None:
    judge = start(f"mode: {mode}")
    let_in(judge, review("first", "8Gi"))
    bodies = [review(name, "4Gi") for name in ("a", "b", "c")]
    waiting = [waits(judge.ask(body)) for body in bodies]
    shows(judge, "first", 8)
    for name, one in zip(("a", "b", "c"), waiting, strict=True):
        while judge.book() and not one.answer.done():
            pass
        assert response(one.answer.result(0))["allowed"]
        shows(judge, name, 4)
    over = [(d.verdict.decision, d.verdict.reason) for d in judge.decided[1:]]
    assert over == [(Decision.ALLOW, Reason.FITS)] * 2 + [(decision, Reason.MEMORY)]


@TRIALS
def test_on_trial_what_does_not_fit_anyway_waits_for_nobody(mode: str, decision: Decision) -> None:
    judge = start(f"mode: {mode}")
    let_in(judge, review("first", "8Gi"))
    assert response(judge.ask(review("second", "9Gi")))["allowed"]
    assert (judge.decided[-1].verdict.decision, judge.decided[-1].verdict.reason) == (decision, Reason.MEMORY)
    assert open_in_gi(judge) == 8


@TRIALS
def test_on_trial_in_a_pause_it_is_let_in_at_once_and_reported(mode: str, decision: Decision) -> None:
    judge = start(f"mode: {mode}")
    let_in(judge, review("first", "12Gi"))
    lapse(judge)
    assert response(judge.ask(review("second", "12Gi")))["allowed"]
    assert (judge.decided[-1].verdict.decision, judge.decided[-1].verdict.reason) == (decision, Reason.AWAITING)
    assert open_in_gi(judge) == 0


def test_a_name_that_is_taken_is_said_so_once_the_view_has_had_its_time() -> None:
    judge = start()
    shows(judge, "web", 1)
    answer = end_of_patience(judge, judge.ask(review("web", "9Gi")))
    assert (
        "a pod of this name exists already; delete it first or choose another name. This one asks 8192Mi of memory "
        "requests more than that one has, of which 960Mi would be kept for a name that is taken"
        in response(answer)["status"]["message"]
    )
    waiting = waits(judge.ask(review("web", "9Gi", uid="another")))
    judge.admission.state.pod_gone(pod("web", 1, uid="pod-web", revision=300))
    judge.book()
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]


def test_a_dry_run_under_a_name_that_is_taken_need_not_wait_since_it_holds_nothing() -> None:
    judge = start()
    shows(judge, "web", 1)
    assert response(judge.ask(review("web", "9Gi", dryRun=True)))["allowed"], "the API server knows the name"
    refused = response(judge.ask(review("web", "17Gi", dryRun=True)))
    assert (
        "(a pod of that name exists, and what it has is counted already): it adds 16Gi of "
        in refused["status"]["message"]
    )
    assert open_in_gi(judge) == 0


@pytest.mark.parametrize("outage", ["a failed write", "a broken watch", "no renewal"])
def test_no_outage_is_held_against_anybody(outage: str) -> None:
    judge = start()
    let_in(judge, review("first", "12Gi"))
    if outage == "a failed write":
        judge.admission.state.bookings.excuse()
    elif outage == "a broken watch":
        judge.admission.state.tell_broken(judge.admission.state.pods, "connection refused")
        judge.clock.wait(6.0)
        judge.book()
        judge.admission.state.relist_pods([], 200, judge.clock.now)
    else:
        judge.clock.wait(LAPSE)
    lapse(judge)
    let_in(judge, review("second", "12Gi"))


def test_the_log_names_who_holds_most_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    judge = start()
    let_in(judge, review("first", "2Gi"))
    let_in(judge, elsewhere("greedy", "first", "7Gi"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            judge.ask(review("second", "9Gi"))
    (record,) = caplog.records
    assert record.getMessage() == (
        "pods are refused while room is held for others that were let in and have not appeared: most of it, 7Gi of "
        "memory requests and 7Gi of limits, for namespace 'greedy'"
    )


def test_the_log_says_whose_pods_never_came(caplog: pytest.LogCaptureFixture) -> None:
    judge = start()
    let_in(judge, review("first", "12Gi"))
    with caplog.at_level(logging.WARNING):
        lapse(judge)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "pods of namespace 'default' were let in and never came, such as 'default/first' (once in a row)",
        "pods of owner 'default/~someone' were let in and never came, such as 'default/first' (once in a row)",
    ]

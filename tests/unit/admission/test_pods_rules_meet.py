"""Where two rules meet on the way of a review: what waits and grows stale, what is exempt, what was sent back."""

import json

import pytest

from tests.support.accounts import pod
from tests.support.audit import written
from tests.support.pending import Beside
from tests.support.replica import Judge, ready, response, review, waits
from webhook.core.reviews.verdict import Decision, Reason
from webhook.http.messages import Response

GI = 1 << 30
STALE = 5.0  # seconds for which a watch may be broken


def test_a_review_that_waits_while_the_account_becomes_stale_is_not_refused_for_good() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=10.0))
    state = judge.admission.state
    state.see_pod(pod("other", 1, revision=101))  # beside which it does not fit
    state.pods.tell_broken("reset", judge.clock() - STALE)
    assert judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True) is None
    assert not waiting.answer.done(), "the watch may be back in time"
    judge.clock.wait(2.0)
    judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    answer = waiting.answer.result(0)
    assert (answer.status, answer.retry_after) == (503, 1)
    assert b"the watch on pods has been broken" in answer.body


def test_what_a_write_left_nothing_for_is_not_refused_by_an_account_that_is_stale_by_then() -> None:
    beside = Beside(other=4)
    judge = beside.judge
    waits(judge.ask(review("first", memory="6Gi"), timeout=10.0))
    judge.book()
    beside.tell(other=3, answered=1)
    waiting = waits(judge.ask(review(memory="6Gi"), timeout=10.0))
    proposed = judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    assert proposed is not None
    state = judge.admission.state
    state.pods.tell_broken("reset", judge.clock() - STALE)
    judge.admission.state.bookings.written(proposed[0], proposed[1] + 1)
    assert not waiting.answer.done(), "others may have gone since the account was up to date"
    state.tell_live(state.pods)
    judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=False)
    assert response(waiting.answer.result(0))["status"]["code"] == 403, "now it is known"


@pytest.mark.parametrize("settings", ["mode: audit\nwarnAt: 40%", "mode: audit\nwarnAt: 40%\nmissingLimits: warn"])
def test_in_mode_audit_a_pod_near_a_bound_is_let_in_without_a_word(settings: str) -> None:
    said = response(ready(settings, memory=16).ask(review(memory="7Gi")))
    assert said["allowed"]
    assert "warnings" not in said
    assert "warnings" in response(ready("warnAt: 40%", memory=16).ask(review(memory="7Gi")))


def test_an_exempt_pod_keeps_its_figures_in_the_audit_log() -> None:
    judge = ready()
    asked = json.loads(review(memory="9Gi", namespace="kube-system"))["request"]["object"]
    asked["metadata"]["namespace"] = "kube-system"
    response(judge.ask(review(namespace="kube-system", object=asked | asked_for("9Gi"))))
    decided = judge.decided[-1]
    assert (decided.verdict.decision, decided.verdict.reason) == (Decision.ALLOW, Reason.EXEMPT)
    assert [s.short_by for s in decided.verdict.sums] == [GI]
    (line,) = written(decided)
    assert (line["decision"], line["reason"], line["scope"]) == ("allow", "Exempt", "cluster")
    figures = ("asked_requests_bytes", "committed_requests_bytes", "bound_requests_bytes", "allocatable_bytes")
    assert [line[field] for field in figures] == [9 * GI, 0, 8 * GI, 8 * GI]


def asked_for(memory: str) -> dict[str, object]:
    """The spec of a pod with one container."""
    return {"spec": {"containers": [{"name": "app", "resources": {"requests": {"memory": memory}}}]}}


def undated(uid: str) -> bytes:
    """A review of which nobody knows when it began: it is sent back once."""
    asked = json.loads(review())["request"]["object"]
    asked["metadata"]["creationTimestamp"] = "yesterday"
    return review(uid=uid, object=asked)


def status(judge: Judge, uid: str) -> int:
    said = judge.ask(undated(uid), timeout=5.0)
    assert isinstance(said, Response)
    return said.status


def test_of_what_was_sent_back_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.admission.deadlines._REMEMBERED", 2)
    judge = Judge()
    assert [status(judge, uid) for uid in ("first", "second", "third")] == [503, 503, 503]
    assert [status(judge, uid) for uid in ("second", "third")] == [200, 200], "these are known"
    assert status(judge, "first") == 503, "it is forgotten, and sent back as if it were new"


def test_what_was_booked_before_etcd_was_put_back_holds_nothing_and_lets_nobody_in() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=10.0))
    proposed = judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    assert proposed is not None
    state = judge.admission.state
    assert state._guarded.ledger.balance("cluster").unseen.memory_requests == 8 * GI
    state.begin_again("pods", 100, 50, judge.clock())
    judge.admission.state.bookings.written(proposed[0], proposed[1] + 1)
    assert state._guarded.ledger.balance("cluster").unseen.memory_requests == 0
    assert not waiting.answer.done(), "it may be booked for again"


def test_what_was_booked_for_a_review_that_went_away_meanwhile_holds_nothing() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=10.0))
    proposed = judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    assert proposed is not None
    judge.admission.give_up(waiting)
    judge.admission.state.bookings.written(proposed[0], proposed[1] + 1)
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 0
    other = waits(judge.ask(review("other", memory="8Gi")))
    assert judge.book()
    assert response(other.answer.result(0))["allowed"], "what was booked is there for others, from the next write on"

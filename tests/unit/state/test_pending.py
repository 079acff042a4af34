"""Those who wait beside another replica: when a refusal is final, and when it is not."""

from tests.support.pending import Beside
from tests.support.replica import Judge, response, review, waits
from webhook.core.sharing.allotment import Timing
from webhook.observability.audit_record import line
from webhook.state.pending import PendingReviews


def test_nobody_is_refused_for_what_another_replica_may_hand_back() -> None:
    beside = Beside(other=4)
    waiting = waits(beside.judge.ask(review(memory="6Gi")))
    assert beside.judge.book()
    assert not waiting.answer.done()
    assert beside.judge.admission.state._guarded.allotment.shared
    assert beside.judge.admission.state._guarded.allotment.shared.call == 1, "the other one is called"


def test_what_was_handed_back_lets_the_pod_in() -> None:
    beside = Beside(other=4)
    waiting = waits(beside.judge.ask(review(memory="6Gi")))
    beside.judge.book()
    beside.tell(other=1, answered=1)
    beside.judge.book()
    assert response(waiting.answer.result(0))["allowed"]


def test_what_was_not_handed_back_is_spent_and_the_refusal_is_final() -> None:
    beside = Beside(other=4)
    waiting = waits(beside.judge.ask(review(memory="6Gi")))
    beside.judge.book()
    beside.tell(other=3, answered=1)
    beside.judge.book()
    said = response(waiting.answer.result(0))
    assert said["status"]["code"] == 403
    assert "(3Gi of 8Gi committed, 3Gi of it for pods being created;" in said["status"]["message"]
    told = line(beside.judge.decided[-1], "r1", 0.0)
    figures = told.asked_requests_bytes, told.committed_requests_bytes, told.short_by_requests_bytes
    assert figures == (6 << 30, 3 << 30, 1 << 30), "what other replicas let in is committed there too"


def test_several_that_wait_for_an_answer_make_one_call() -> None:
    beside = Beside(other=4)
    for name in ("a", "b", "c"):
        waits(beside.judge.ask(review(name, memory="6Gi")))
    beside.judge.book()
    while beside.judge.book():
        pass
    assert beside.judge.admission.state._guarded.allotment.shared
    assert beside.judge.admission.state._guarded.allotment.shared.call == 1


def test_beside_a_replica_that_stopped_answering_nobody_can_tell() -> None:
    beside = Beside(other=4)
    waiting = waits(beside.judge.ask(review(memory="6Gi"), timeout=60.0))
    beside.judge.book()
    beside.judge.clock.wait(Timing().validity)
    waiting.until += Timing().validity
    beside.judge.book()
    beside.judge.book()
    answer = waiting.answer.result(0)
    assert answer.status == 503
    assert b"room is held for a replica that stopped answering, and is free again in about 45 s" in answer.body


def test_from_an_object_that_is_not_open_nothing_is_booked() -> None:
    beside = Beside(other=0, opened=False)
    waiting = waits(beside.judge.ask(review(memory="1Gi"), timeout=600.0))
    beside.judge.book(fresh=False)
    assert not waiting.answer.done()


def test_whom_nobody_can_answer_in_time_is_told_so_at_once() -> None:
    beside = Beside(other=0, opened=False)
    waiting = waits(beside.judge.ask(review(memory="1Gi")))
    beside.judge.book(fresh=False)
    said = response(waiting.answer.result(0))
    assert not said["allowed"]
    assert "the object that replicas share was created again, and is opened in about 60 s" in said["status"]["message"]


def test_a_room_knows_who_is_in_it() -> None:
    judge = Judge()
    judge.configure()
    judge.sync(memory=8)
    room = PendingReviews(judge.admission.state._guarded.ledger, judge.admission.state._guarded.allotment)
    waiting = waits(judge.ask(review()))
    room.enter(waiting)
    assert len(room) == 1
    assert [each for each, _ in room.give_up(waiting, None, 0.0)] == [waiting]
    assert list(room.give_up(waiting, None, 0.0)) == []
    assert len(room) == 0

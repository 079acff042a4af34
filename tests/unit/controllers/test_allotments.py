"""Booking against ConfigMaps over HTTP: the first installation, losses, conflicts, answers that never came."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
import pytest

from tests.support.accounts import pod
from tests.support.booking_replicas import PATIENCE, Replica, is_ready, replica, state_of, until
from tests.support.fake_configmaps import FakeConfigMaps
from tests.support.fake_http import Call
from tests.support.replica import response, review, waits
from webhook.core.sharing import shared_state as shared
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.shared_state import Shared
from webhook.kube.configmaps import ConfigMap
from webhook.state.report_source import ReportSource

OBJECT, MARK = "headroom-allotments", "headroom-allotments-made"
WHOLE = Timing().validity + Timing().lapse
GI = 1 << 30


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves has the time that a busy machine takes for one write."""
    monkeypatch.setattr("webhook.controllers.allotments._FAREWELL", 20.0)


def granted(of: Replica) -> int:
    """What is reserved and not yet seen, in Gi."""
    return of.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests // GI


def break_pods_between_writes(of: Replica, server: FakeConfigMaps) -> int:
    """Let the watch on pods be broken for too long, while no write is on its way; return how many there were."""
    state = of.admission.state
    while True:
        with state._guarded.lock:
            if state._guarded.allotment.pending is None:
                of.break_pods(6.0)
                return server.count("PUT")
        time.sleep(0.005)


@contextmanager
def held_back(server: FakeConfigMaps, *, fails: bool = False) -> Iterator[threading.Event]:
    """Hold writes back before they are carried out, and say that they failed; the event says that one has come."""
    came, go = threading.Event(), threading.Event()
    carry_out = server.carry_out

    def late(call: Call) -> tuple[int, object]:
        if call.method != "PUT":
            return carry_out(call)
        came.set()
        assert go.wait(PATIENCE)
        done = carry_out(call)
        return (500, None) if fails else done

    server.carry_out = late  # type: ignore[method-assign]  # for this once
    try:
        yield came
    finally:
        server.carry_out = carry_out  # type: ignore[method-assign]
        go.set()


def settle(of: Replica) -> int:
    """Wait until the booking thread has nothing to do; return how much it has written."""
    while True:
        written = of.booking.tally.written
        of.look_round()
        if of.booking.tally.written == written:
            return written


# -- the object's life -------------------------------------------------------------------------------------------------


def test_the_first_replica_makes_the_object_and_its_mark_and_grants_at_once(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        assert state_of(server).open
        assert server.data(MARK) == {}
        assert response(r.answer(r.judge.ask(review())))["allowed"]


def test_the_object_is_labelled_and_named_in_its_namespace(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        made = [json.loads(call.body) for call in server.calls if call.kind == "POST"]
    assert [each["metadata"]["name"] for each in made] == [MARK, OBJECT]
    for each in made:
        assert each["metadata"]["namespace"] == "headroom-system"
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "headroom"
        assert "resourceVersion" not in each["metadata"]


def test_the_account_begins_when_the_object_is_made(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        made = {"metadata": {"resourceVersion": "1", "creationTimestamp": "2026-11-30T00:00:00Z"}}
        r.booking.tell(msgspec.convert(made, ConfigMap), 1)
        r.admission.state.see_pod(msgspec.structs.replace(pod("old"), created="2026-11-29T00:00:00Z"))
        (row,) = ReportSource(r.admission.state, str).latest().namespaces()
        assert row.unreviewed == {"beforeHeadroom": 1}


def test_two_that_start_together_on_a_new_cluster_are_both_ready_at_once(server: FakeConfigMaps) -> None:
    with replica(server, "r1") as one, replica(server, "r2") as two:
        until(lambda: is_ready(one) and is_ready(two))
        assert state_of(server).holdings.keys() == {"r1", "r2"}


def test_whoever_finds_the_mark_waits_for_its_maker(server: FakeConfigMaps) -> None:
    server.write(MARK, {})
    with replica(server) as r:
        until(lambda: server.count("POST") == 1)
        server.write(OBJECT, {"state.json": shared.write(Shared("epoch", open=True))})
        until(lambda: is_ready(r))
        assert state_of(server).epoch == "epoch"


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_an_object_that_was_lost_is_made_anew_and_opened_after_everything_has_lapsed(
    server: FakeConfigMaps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    monkeypatch.setattr("webhook.controllers.allotments._LOOKS", 1)
    server.write(MARK, {})
    if lost == "damaged":
        server.write(OBJECT, {"state.json": '{"version": 1, "epoch": 7'})
    with replica(server) as r:
        until(lambda: "is opened in about 60 s" in str(r.admission.state.readiness.unable()))
        assert "is opened in about 60 s" in str(r.admission.state.readiness.unready())
        assert not state_of(server).open
        refused = response(r.answer(r.judge.ask(review())))["status"]
        assert refused["code"] == 503, "the answer, at once: to ask again would be in vain"
        assert "created again, and is opened in about 60 s" in refused["message"]
        r.judge.clock.wait(WHOLE - 0.1)
        waiting = waits(r.judge.ask(review(name="soon")))
        assert not state_of(server).open
        r.judge.clock.wait(0.1)
        assert response(r.answer(waiting))["allowed"]
        until(lambda: state_of(server).open)
        assert response(r.answer(r.judge.ask(review())))["allowed"]
    assert ("is lost" if lost == "gone" else "is damaged") in caplog.text


def test_an_object_deleted_while_it_is_in_use_is_made_anew_closed_with_what_is_open(
    server: FakeConfigMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.controllers.allotments._LOOKS", 1)
    with replica(server) as r:
        until(lambda: is_ready(r))
        assert response(r.answer(r.judge.ask(review(memory="3Gi"))))["allowed"]
        epoch = state_of(server).epoch
        server.delete(OBJECT)
        until(lambda: OBJECT in server.objects)
        made = state_of(server)
        assert not made.open, "though this very replica had made it open a moment ago"
        assert made.epoch != epoch
        assert made.holdings["r1"].held["cluster"].memory_requests == 3 * GI
        until(lambda: "is opened in about" in str(r.admission.state.readiness.unable()))
        assert r.admission.state.readiness.unready() is None, "no other replica could say more"


def test_a_damaged_object_is_noticed_by_the_watch(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.write(OBJECT, {"state.json": "careless"})
        until(lambda: server.data(OBJECT)["state.json"] != "careless")
        assert not state_of(server).open


def test_a_newer_version_is_left_alone(server: FakeConfigMaps, caplog: pytest.LogCaptureFixture) -> None:
    newer = {"state.json": '{"version": 2, "shape": "unknown"}'}
    server.write(OBJECT, newer)
    with replica(server) as r:
        until(lambda: "upgrade it" in caplog.text)
        waiting = waits(r.judge.ask(review()))
        until(lambda: server.count("list") > 3)
        assert not waiting.answer.done()
        r.admission.give_up(waiting)
        assert r.answer(waiting).status == 503
    assert server.data(OBJECT) == newer
    assert [each.levelname for each in caplog.records if "upgrade it" in each.message] == ["WARNING"], "said once"


def test_an_upgrade_of_another_replica_ends_the_share_with_its_validity(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.write(OBJECT, {"state.json": '{"version": 2}'})
        until(lambda: "upgrade it" in caplog.text)
        r.judge.clock.wait(Timing().validity)
        assert "holds no valid share" in str(r.admission.state.readiness.unready())
        waits(r.judge.ask(review()))
    assert server.data(OBJECT) == {"state.json": '{"version": 2}'}


def test_nothing_is_written_before_there_is_an_account(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        writes = break_pods_between_writes(r, server)
        r.look_round()
        assert server.count("PUT") == writes
        r.mend()
        until(lambda: server.count("PUT") > writes)
        until(lambda: is_ready(r))


@pytest.mark.parametrize("sent", ["before touch is lost", "after that"])
@pytest.mark.parametrize("shown", ["by its answer", "by the watch", "by a second attempt"])
def test_a_write_that_is_on_its_way_when_touch_is_lost_is_followed_by_another(
    server: FakeConfigMaps, sent: str, shown: str
) -> None:
    """It says nothing of what came after it was sent, and lets nobody in; the next one does."""
    with replica(server, watching=shown == "by the watch") as r:
        until(lambda: is_ready(r))
        state = r.admission.state
        with held_back(server, fails=shown != "by its answer") as writing:
            if sent == "after that":
                state.tell_broken(state.pods, "reset")
            waiting = waits(r.judge.ask(review(memory="7Gi")))  # more than is held: a write is sent for it
            assert writing.wait(PATIENCE)
            if sent == "before touch is lost":
                r.break_pods(6.0)
            else:
                r.judge.clock.wait(6.0)
        r.admission.give_up(waiting)
        assert r.answer(waiting).status == 503
        until(lambda: state._guarded.allotment.pending is None and r.booking._unsettled is None)
        writes = server.count("PUT")
        assert not state._guarded.allotment.valid(state.clock()), "what was written vouches for nothing"
        r.mend()
        until(lambda: is_ready(r))
        assert server.count("PUT") > writes
        again = review(memory="7Gi", created=state.clock())
        assert response(r.answer(r.judge.ask(again)))["allowed"]
        assert granted(r) == 7


def test_no_object_is_made_by_whoever_has_not_looked_for_one(server: FakeConfigMaps) -> None:
    with replica(server, watching=False) as r:
        r.end_booking()
        server.calls.clear()
        r.booking._known = False
        problems = iter(["the pods are still being listed"])
        r.admission.state.readiness.problem = lambda now: next(problems, None)  # type: ignore[method-assign]  # noqa: ARG005 - as it is
        r.admission.state._guarded.allotment._terms.shared = None
        r.booking._step()
        assert server.calls == []


# -- one write after the other -----------------------------------------------------------------------------------------


def test_a_conflict_is_resolved_inside_and_nobody_sees_it(server: FakeConfigMaps) -> None:
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        found = state_of(server)
        server.write(OBJECT, {"state.json": shared.write(found)})  # as another replica's write would
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert r.booking.tally.conflicts == 1
        assert granted(r) == 7


@pytest.mark.parametrize("rude", ["lose_answer", "fail_after"])
def test_a_write_whose_answer_is_lost_is_found_out(server: FakeConfigMaps, rude: str) -> None:
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        getattr(server, rude)("PUT")
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert r.booking.tally.unanswered == 1
        assert r.booking.tally.conflicts == 0, "the second attempt met the first, which was its own"
        assert granted(r) == 7
        assert state_of(server).holdings["r1"].held["cluster"].memory_requests >= 7 * GI
        assert not response(r.answer(r.judge.ask(review("b", "2Gi"))))["allowed"]
        assert response(r.answer(r.judge.ask(review("c", "1Gi"))))["allowed"], "nothing was doubled either"


def test_a_creation_whose_answer_is_lost_is_found_out(server: FakeConfigMaps) -> None:
    server.lose_answer("POST", skip=1)
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        assert state_of(server).open
        assert r.booking.tally.unanswered == 1


def test_a_write_that_the_watch_shows_before_its_answer_is_found_out(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.lose_answer("PUT")
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert granted(r) == 7


def test_errors_of_the_server_are_waited_out(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.refuse("PUT", 500, times=3)
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert granted(r) == 7
        assert r.booking.tally.unanswered == 3


def test_a_refused_write_is_taken_back_and_proposed_again(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.refuse("PUT", 403, times=2)
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert r.booking.tally.failed == 2
        assert granted(r) == 7


@pytest.mark.parametrize(("asked", "expected"), [("1", 1.0), ("60", 5.0)])
def test_a_server_that_is_busy_is_given_the_pause_that_it_asks_for(
    server: FakeConfigMaps, asked: str, expected: float
) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        with pytest.MonkeyPatch.context() as patch:
            waited: list[float] = []
            patch.setattr(r.booking._stop, "wait", waited.append)
            server.refuse("PUT", 429, retry_after=asked)
            assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert waited == [expected]


def test_an_api_server_out_of_reach_is_said_once_and_waited_for(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        server.down()
        waiting = waits(r.judge.ask(review(memory="7Gi")))
        until(lambda: r.booking.tally.failed + r.booking.tally.unanswered > 0)
        r.admission.give_up(waiting)
        assert r.answer(waiting).status == 503
        server.up()
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
        assert granted(r) == 7
    told = [each for each in caplog.records if "could not be read or written" in each.message]
    assert 1 <= len(told) <= 4, "one line for each different fault"


def test_concurrent_bookings_share_one_write(server: FakeConfigMaps) -> None:
    with replica(server, memory=64, watching=False) as r:
        until(lambda: is_ready(r))
        response(r.answer(r.judge.ask(review("most", "32Gi"))))
        hold, go = threading.Event(), threading.Event()
        carry_out = server.carry_out

        def slowly(call: object) -> object:
            hold.set()
            assert go.wait(30)
            return carry_out(call)  # type: ignore[arg-type]  # it is what it was called with

        server.carry_out = slowly  # type: ignore[method-assign,assignment]  # for this once
        first = waits(r.judge.ask(review("first", "17Gi")))
        assert hold.wait(30)
        before = server.count("PUT")
        others = [waits(r.judge.ask(review(f"w{index}", "1Gi"))) for index in range(12)]
        go.set()
        assert response(r.answer(first))["allowed"]
        assert all(response(r.answer(each))["allowed"] for each in others)
        assert server.count("PUT") - before <= 2


def test_nothing_is_written_while_there_is_nothing_to_say(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        writes = settle(r)
        r.judge.clock.wait(Timing().renew / 2)
        r.look_round()
        assert r.booking.tally.written == writes
        r.judge.clock.wait(Timing().renew / 2)
        until(lambda: r.booking.tally.written == writes + 1)


# -- exactly as much as there is ---------------------------------------------------------------------------------------


def test_32_askers_at_once_get_exactly_the_last_footprints(server: FakeConfigMaps) -> None:
    with replica(server, memory=20) as r, ThreadPoolExecutor(32) as askers:
        until(lambda: is_ready(r))
        answers = list(askers.map(lambda index: r.answer(r.judge.ask(review(f"w{index}"))), range(32)))
        assert sum(response(answer)["allowed"] for answer in answers) == 20
        assert granted(r) == 20
        assert r.admission.state._guarded.ledger.balance("cluster").headroom(0) == 0


def test_32_askers_for_one_pod_get_one_footprint(server: FakeConfigMaps) -> None:
    with replica(server, memory=20) as r, ThreadPoolExecutor(32) as askers:
        until(lambda: is_ready(r))
        answers = list(
            askers.map(lambda index: r.answer(r.judge.ask(review(memory="15Gi", uid=f"{index}"))), range(32))
        )
        assert all(response(answer)["allowed"] for answer in answers)
        assert granted(r) == 15


# -- the thread --------------------------------------------------------------------------------------------------------


def test_an_unforeseen_error_is_logged_and_the_booking_goes_on(
    server: FakeConfigMaps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with replica(server) as r:
        until(lambda: is_ready(r))
        with monkeypatch.context() as patch:
            patch.setattr(r.admission.state.bookings, "next_proposal", lambda *_, **__: 1 // 0)
            until(lambda: "the booking failed" in caplog.text)
        assert response(r.answer(r.judge.ask(review(memory="7Gi"))))["allowed"]
    assert "ZeroDivisionError" in caplog.text


def test_what_was_proposed_and_could_not_be_sent_stands_in_nobodys_way(
    server: FakeConfigMaps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with replica(server) as r:
        until(lambda: is_ready(r))
        state = r.admission.state

        def fail() -> None:
            assert state._guarded.allotment.pending is None, "what is proposed is not sent"

        with monkeypatch.context() as patch:
            patch.setattr(state._nodes, "tell", fail)
            waiting = waits(r.judge.ask(review(memory="7Gi")))
            until(lambda: "what is proposed is not sent" in caplog.text)
        assert response(r.answer(waiting))["allowed"]
        assert granted(r) == 7


def test_a_stop_is_heard_at_once_while_the_api_server_is_away(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.down()
        settle_failed = r.booking.tally.failed
        r.judge.clock.wait(Timing().renew)
        until(lambda: r.booking.tally.failed + r.booking.tally.unanswered > settle_failed)
        r.end_booking()


# -- leaving -----------------------------------------------------------------------------------------------------------


def holdings(server: FakeConfigMaps) -> dict[str, int]:
    """What is held of requests, in Gi, by replica."""
    return {
        name: h.held["cluster"].memory_requests // GI if h.held else 0 for name, h in state_of(server).holdings.items()
    }


def test_whoever_leaves_hands_everything_back_and_disappears(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with replica(server) as r:
        until(lambda: is_ready(r))
        assert response(r.answer(r.judge.ask(review(memory="3Gi"))))["allowed"]
        r.end_booking()
        r.admission.state.see_pod(pod("web", 3, uid="pod-web", revision=101))
        r.booking.leave(1.0)
        assert holdings(server) == {}
        assert state_of(server).floor == 101, "whoever books next has to see that pod"
        assert "everything is handed back" in caplog.text
        waits(r.judge.ask(review("b")))  # from then on it grants nothing


def test_whoever_leaves_waits_a_little_for_its_pods_to_be_seen(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        assert response(r.answer(r.judge.ask(review(memory="3Gi"))))["allowed"]
        r.end_booking()
        threading.Timer(0.2, r.admission.state.see_pod, [pod("web", 3, uid="pod-web", revision=101)]).start()
        r.booking.leave(30.0)
        assert holdings(server) == {}


def test_what_may_still_come_stays_and_the_rest_is_handed_back(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        assert response(r.answer(r.judge.ask(review(memory="3Gi"))))["allowed"]
        r.end_booking()
        began = time.monotonic()
        r.booking.leave(0.1)
        assert time.monotonic() - began < 20, "the pod never comes, and the wait for it has its end"
        assert holdings(server) == {"r1": 3}
        assert "1 pods that were let in have not been seen" in caplog.text


def test_another_replica_gets_at_once_what_was_handed_back(server: FakeConfigMaps) -> None:
    with replica(server, "r1") as one, replica(server, "r2") as two:
        until(lambda: is_ready(one) and is_ready(two))
        one.end_booking()
        one.booking.leave(1.0)
        assert response(two.answer(two.judge.ask(review(memory="8Gi"))))["allowed"]


def test_leaving_wins_over_conflicts_and_lost_answers(server: FakeConfigMaps) -> None:
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        r.end_booking()
        server.write(OBJECT, server.data(OBJECT))
        server.lose_answer("PUT", skip=1)
        r.booking.leave(1.0)
        assert holdings(server) == {}


def test_a_write_in_doubt_is_settled_before_leaving(server: FakeConfigMaps) -> None:
    with replica(server, watching=False) as r:
        until(lambda: is_ready(r))
        server.refuse("PUT", 500, times=10**6)
        waiting = waits(r.judge.ask(review(memory="7Gi")))
        until(lambda: r.booking.tally.unanswered > 0)
        r.end_booking()
        r.admission.give_up(waiting)
        server.faults.clear()
        r.booking.leave(0.0)
        assert holdings(server) == {}, "nobody was told of it, so the pod cannot come"


def test_leaving_takes_no_longer_than_it_may(
    server: FakeConfigMaps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webhook.controllers.allotments._FAREWELL", 1.0)
    with replica(server) as r:
        until(lambda: is_ready(r))
        r.end_booking()
        server.hang("PUT", times=100)
        began = time.monotonic()
        r.booking.leave(0.0)
        assert time.monotonic() - began < 20, "one attempt, or two; a hundred of them hang"
        assert "could not be handed back" in caplog.text


def test_whoever_holds_nothing_has_nothing_to_write(server: FakeConfigMaps) -> None:
    server.refuse("list", 500, times=10**6)
    with replica(server, watching=False) as r:
        r.end_booking()
        r.booking.leave(1.0)
    assert server.count("PUT") + server.count("POST") == 0

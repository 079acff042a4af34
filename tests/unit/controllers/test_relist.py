"""A replica that lives through a restore of etcd, as far as its booking sees it: ConfigMaps over HTTP."""

import logging
import time
from collections.abc import Iterator

import pytest

from tests.support.booking_replicas import Replica, is_ready, pass_time, replica, state_of, until
from tests.support.fake_configmaps import FakeConfigMaps
from tests.support.replica import ready, response, review
from webhook.controllers.relist import RelistController, restored
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.shared_state import Shared
from webhook.kube.configmaps import ConfigMap, _Meta
from webhook.state.cluster_state import ClusterState

OBJECT = "headroom-allotments"
WHOLE = Timing().validity + Timing().lapse
_PROOF = 5.0  # seconds between two that are asked for
CHANGED = "headroom-config"


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


def allowed(of: Replica, name: str, memory: str) -> bool:
    """Whether a pod is let in, that is created now."""
    said: bool = response(of.answer(of.judge.ask(review(name, memory, created=of.judge.clock()))))["allowed"]
    return said


def restarts(of: Replica) -> int:
    return of.admission.state._guarded.allotment.restarts


def test_a_replica_notices_makes_the_object_anew_and_is_back_in_time(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    with replica(server, "r1") as one, replica(server, "r2") as two:
        until(lambda: is_ready(one) and is_ready(two))
        before, epoch = server.save(), state_of(server).epoch
        assert allowed(one, "a", "7Gi")
        server.put_back(before)
        for each in (one, two):
            each.judge.clock.wait(Timing().renew)
        until(lambda: restarts(one) + restarts(two) >= 1 and state_of(server).epoch != epoch)
        until(lambda: all("is opened in about" in str(r.admission.state.readiness.unable()) for r in (one, two)))
        assert all(r.admission.state.readiness.unready() is None for r in (one, two)), "no other replica could say more"
        assert not allowed(one, "b", "1Gi")
        began = one.judge.clock()
        while any(r.admission.state.readiness.unable() for r in (one, two)):
            assert one.judge.clock() - began <= WHOLE + _PROOF, "it is documented when they are ready again"
            pass_time(1.0, one, two)
        assert state_of(server).open
        assert allowed(two, "c", "1Gi")
        assert restarts(one) <= 1 >= restarts(two)
        told = [*one.told, *two.told]
    assert len(told) == restarts(one) + restarts(two)
    assert "the object that replicas share was at revision" in told[0]
    assert "nothing is granted for about 60 s" in told[0]
    assert told[0] in caplog.text


def test_an_etcd_that_was_emptied_is_no_new_installation_for_who_lived_through_it(server: FakeConfigMaps) -> None:
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.put_back((1, {}))
        r.judge.clock.wait(Timing().renew)
        until(lambda: OBJECT in server.objects and restarts(r) == 1)
        until(lambda: "is opened in about" in str(r.admission.state.readiness.unable()))
        assert not state_of(server).open


def test_writes_that_lose_again_and_again_come_ever_more_seldom(
    server: FakeConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.refuse("PUT", 409, times=10**6)
        before = server.count("PUT")
        began = time.monotonic()
        r.judge.clock.wait(Timing().renew)
        time.sleep(2.0)
        until(lambda: server.count("PUT") >= before + 5)
        tried, took = server.count("PUT") - before, time.monotonic() - began
        assert tried <= 12 + 2 * took, "four times at once, then after 10 ms that double up to a second, less a half"
        server.faults.clear()
        until(lambda: is_ready(r))
    assert caplog.text == ""


def test_the_event_is_about_the_configuration_if_there_is_one() -> None:
    told = restored("etcd was put back", "headroom-system", "uid")
    assert told is not None
    assert (told.regarding.name, told.regarding.uid, told.type) == (CHANGED, "uid", "Warning")
    assert (told.reason, told.text) == ("HistoryReplaced", "etcd was put back")
    assert restored("etcd was put back", "headroom-system", "") is None


def test_after_a_restore_what_a_list_shows_of_the_object_is_not_believed(server: FakeConfigMaps) -> None:
    """It may come from the cache of an API server that was not restarted with etcd."""
    with replica(server) as r:
        until(lambda: is_ready(r))
        server.put_back((1, {}))
        r.judge.clock.wait(Timing().renew)
        until(lambda: restarts(r) == 1 and OBJECT in server.objects)
        known = r.admission.state.bookings.newest()
        r.booking.listed(ConfigMap(_Meta("5000"), server.data(OBJECT)), 5000)
        assert r.admission.state.bookings.newest() < 5000
        until(lambda: r.admission.state.bookings.newest() >= known)


def restarted(rereading: RelistController, state: ClusterState) -> bool:
    """Whether a restore was found since the last look: until then, no event of the shared object is taken in."""
    return not state.bookings.watched(None, 0, rereading.restarts)


def asked_for(state: ClusterState) -> tuple[RelistController, list[bool]]:
    """Somebody who rereads, and what was asked of one watch."""
    asked: list[bool] = []
    rereading = RelistController(state.bookings)
    rereading.join([lambda *, restarted: asked.append(restarted)])
    return rereading, asked


def test_a_list_that_could_not_be_asked_for_is_asked_for_again() -> None:
    """Nothing is taken in before it: if nobody asked for it, that would be for ever."""
    judge = ready()
    state = judge.admission.state
    rereading, asked = asked_for(state)
    failures = [OSError("no descriptors are left")]

    def fail(**_: bool) -> None:
        if failures:
            raise failures.pop()

    rereading.join([fail])
    deaf: list[bool] = []
    judge.clock.wait(1.0)
    state.begin_again("nodes", 500, 300, judge.clock())
    with pytest.raises(OSError, match="no descriptors"):
        rereading.look(lambda: deaf.append(True))
    known = [restarted(rereading, state)]
    rereading.look(lambda: deaf.append(True))
    known.append(restarted(rereading, state))
    assert known == [True, False], "no watch is believed until it was asked"
    assert asked == deaf == [True, True]
    rereading.look()
    assert asked == [True, True]


def test_that_etcd_was_put_back_is_acted_on_though_nobody_can_be_told() -> None:
    judge = ready()
    asked: list[bool] = []

    def mute(_: str) -> None:
        raise OSError("nobody is told")

    rereading = RelistController(judge.admission.state.bookings, mute)
    rereading.join([lambda *, restarted: asked.append(restarted)])
    judge.clock.wait(1.0)
    judge.admission.state.begin_again("nodes", 500, 300, judge.clock())
    with pytest.raises(OSError, match="nobody is told"):
        rereading.look()
    assert asked == [True]
    rereading.look()
    assert asked == [True]


def test_a_watch_is_not_believed_from_the_moment_at_which_a_restore_is_known(server: FakeConfigMaps) -> None:
    """What it tells before the booking thread has looked may be of what never happened, with a higher revision."""
    with replica(server) as r:
        until(lambda: is_ready(r))
        r.end_booking()
        state = r.admission.state
        state.begin_again("pods", 500, 300, state.clock())
        r.booking.tell(ConfigMap(_Meta("5000"), server.data(OBJECT)), 5000)
        assert state.bookings.newest() == 0
        assert state._guarded.allotment.shared is None


def test_a_list_of_nodes_that_went_back_puts_the_pods_in_doubt_as_well() -> None:
    judge = ready()
    state = judge.admission.state
    rereading, asked = asked_for(state)
    judge.clock.wait(1.0)
    state.begin_again("nodes", 500, 300, judge.clock())
    assert restarted(rereading, state)
    rereading.look()
    rereading.look()
    assert asked == [True], "each watch is asked once"
    assert "listed again" in str(state.readiness.problem(judge.clock()))
    state.relist_pods([], 300, judge.clock() - 0.1)
    assert "pods are listed again" in str(state.readiness.problem(judge.clock())), "that list was asked for before"
    judge.sync(revision=300)
    assert state.readiness.problem(judge.clock()) is None
    assert state.bookings.restores().evidence == "nodes were at revision 500, and a consistent read of them said 300"


def test_one_restore_that_two_watches_tell_of_is_one() -> None:
    judge = ready()
    state = judge.admission.state
    before = judge.clock()
    judge.clock.wait(1.0)
    state.begin_again("pods", 500, 300, judge.clock())
    state.relist_pods([], 300, judge.clock())
    state.begin_again("nodes", 500, 300, before)
    assert state._guarded.allotment.restarts == 1
    assert "pods" not in str(state.readiness.problem(judge.clock()))


def test_an_object_that_another_made_anew_is_reason_for_a_list_and_for_no_alarm() -> None:
    judge = ready()
    state = judge.admission.state
    rereading, asked = asked_for(state)
    judge.clock.wait(1.0)
    state.bookings.observe(Shared("another", open=False), 50)
    rereading.look()
    rereading.look()
    assert asked == [False]
    assert not restarted(rereading, state)
    assert state.readiness.problem(judge.clock()) is None

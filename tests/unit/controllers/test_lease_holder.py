"""The Lease's holder, against a fake API server: one replica holds it, and gives it up at the end or in silence."""

from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_cluster import FakeCluster
from webhook.controllers.lease_holder import NAME, LeaseHolder
from webhook.core.sharing.leasing import DURATION, EVERY, HOLD
from webhook.kube.client import Api
from webhook.kube.leases import Leases
from webhook.kube.stream import KubeError

PATH = f"/apis/coordination.k8s.io/v1/namespaces/here/leases/{NAME}"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Rounds(Event):
    """A stop signal without a clock: before each round it takes a step; after the last, it is set."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self.steps = list(steps)
        self.waits = list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if not self.steps:
            return True
        self.steps.pop(0)()
        return False


@pytest.fixture
def server() -> Iterator[FakeCluster]:
    with FakeCluster() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hold(server: FakeCluster, clock: Clock) -> Iterator[Callable[..., LeaseHolder]]:
    api = Api(Configuration(host=server.url))

    def made(name: str, stop: Event | None = None) -> LeaseHolder:
        return LeaseHolder(Leases(api, "here", NAME, 1.0), name, stop or Event(), clock, lambda: 1_700_000_000.0)

    yield made
    api.close()


def holder(server: FakeCluster) -> str:
    found: str = server.leases.objects[PATH]["spec"]["holderIdentity"]
    return found


def nothing() -> None:
    pass


def test_the_first_takes_it_and_another_waits_until_it_is_silent(
    server: FakeCluster, clock: Clock, hold: Callable[..., LeaseHolder]
) -> None:
    one, other = hold("one"), hold("other")
    one.renew()
    other.renew()
    assert one.held()
    assert not other.held()
    clock.now += HOLD
    assert not one.held(), "it could not renew it"
    clock.now += DURATION - HOLD
    other.renew()
    assert other.held()
    one.renew()
    assert not one.held()
    assert holder(server) == "other"


def test_the_loop_renews_it_and_gives_it_up_at_the_end(server: FakeCluster, hold: Callable[..., LeaseHolder]) -> None:
    stop = Rounds(nothing, nothing, nothing)
    one = hold("one", stop)
    one.run()
    assert stop.waits == [EVERY] * 4
    assert not one.held()
    assert holder(server) == ""
    other = hold("other")
    other.renew()
    assert other.held(), "at once"


def test_who_loses_it_gives_it_to_others_and_does_not_take_it_back(
    server: FakeCluster, hold: Callable[..., LeaseHolder]
) -> None:
    shown = list[bool]()
    one: LeaseHolder

    def lose() -> None:
        shown.append(one.held())
        one.lose()
        shown.append(one.held())

    one = hold("one", Rounds(nothing, lose, nothing, nothing))
    one.run()
    assert shown == [True, False]
    assert holder(server) == ""


def test_a_lease_of_another_is_not_given_up(
    server: FakeCluster, clock: Clock, hold: Callable[..., LeaseHolder]
) -> None:
    one, other = hold("one"), hold("other")
    one.renew()
    other.renew()
    clock.now += DURATION
    other.renew()
    one.release()
    assert holder(server) == "other"


def test_who_is_slower_by_a_moment_does_not_hold_it(
    server: FakeCluster, hold: Callable[..., LeaseHolder], caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse("POST", 409)
    one = hold("one", Rounds(nothing))
    one.run()
    assert not one.held()
    assert caplog.text == "", "that is normal"


def test_a_fault_is_logged_once_and_does_not_end_the_loop(
    server: FakeCluster, hold: Callable[..., LeaseHolder], caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse("list", 403, times=3)
    one = hold("one", Rounds(nothing, nothing, nothing, nothing))
    one.run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the Lease headroom cannot be read or written" in caplog.text
    assert holder(server) == "", "it was held in the end, and given up"


def test_a_renewal_that_was_not_confirmed_in_time_does_not_prolong_it(
    server: FakeCluster, clock: Clock, hold: Callable[..., LeaseHolder]
) -> None:
    one = hold("one")
    one.renew()
    server.refuse("PUT", 500)
    clock.now += HOLD - 1
    with pytest.raises(KubeError):
        one.renew()
    assert one.held()
    clock.now += 1
    assert not one.held()


def test_its_thread_ends_when_told(hold: Callable[..., LeaseHolder]) -> None:
    stop = Event()
    thread = Thread(target=hold("one", stop).run)
    thread.start()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()

"""What each piece of a watch's news means to the account."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from tests.support.replica import Judge, ready
from webhook.admission.pods import PodAdmission
from webhook.controllers import watches as watching
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.controllers.refusal_store import RefusalStore
from webhook.controllers.relist import RelistController
from webhook.core.api.types import Node, Pod
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import NodeInfo
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMap, ConfigMaps
from webhook.kube.throttle import NO_THROTTLE
from webhook.state.configuration import ConfigurationLoader
from webhook.watch.events import (
    Bookmark,
    Changed,
    Connected,
    Deleted,
    Disconnected,
    Fresh,
    Replaced,
    Unreadable,
    WatchEvent,
)

GI = 1 << 30
API = Api(Configuration(host="http://127.0.0.1:1"))


def made(kind: type[Any], **fields: Any) -> Any:
    return msgspec.convert(fields, kind)


def pod(name: str, memory: str, revision: int, **changes: Any) -> PodInfo:
    metadata = {"name": name, "namespace": "default", "uid": f"pod-{name}", "resourceVersion": str(revision)}
    container = {"name": "app", "resources": {"requests": {"memory": memory}}}
    spec = {"containers": [container], "nodeName": "node"}
    return watching.PODS.take(made(Pod, metadata=metadata, spec=spec, **changes))


def node(name: str, memory: str) -> NodeInfo:
    status = {"allocatable": {"memory": memory, "cpu": "4"}, "conditions": [{"type": "Ready", "status": "True"}]}
    return watching.NODES.take(made(Node, metadata={"name": name, "resourceVersion": "7"}, spec={}, status=status))


def configmap(revision: int, **data: str) -> ConfigMap:
    found: ConfigMap = made(ConfigMap, metadata={"resourceVersion": str(revision)}, data=data)
    return found


def unreadable(name: str, revision: int, *, deleted: bool = False) -> Unreadable:
    return Unreadable("default", name, f"pod-{name}", revision, "no pod", deleted)


def idle_booking(admission: PodAdmission) -> AllotmentController:
    """An allotment controller that nobody runs."""
    bookings, configmaps = admission.state.bookings, ConfigMaps(API, "ns", 1.0)
    return AllotmentController(configmaps, bookings, threading.Event(), lambda: None, RelistController(bookings))


class Pace:
    """What the reader of the watch was told last."""

    at_ease = True
    hurried = False

    def hurry(self) -> None:
        self.hurried = True

    def ease(self, at_ease: bool) -> None:
        self.at_ease = at_ease


class Pods:
    """A replica that is told of pods."""

    def __init__(self) -> None:
        self.judge = ready()
        self.admission = self.judge.admission
        self.tell: Callable[[WatchEvent[PodInfo]], None] = watching.watch_pods(API, self.admission.state)._deliver
        self.pace = Pace()
        self.admission.state.set_pace(self.pace)

    @property
    def committed(self) -> int:
        """What live pods request, in Gi."""
        return self.admission.state._guarded.ledger.balance("cluster").committed.memory_requests // GI


class Nodes:
    """A replica that is told of nodes."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.judge.configure()
        self.admission = self.judge.admission
        self.tell: Callable[[WatchEvent[NodeInfo]], None] = watching.watch_nodes(API, self.admission.state)._deliver

    @property
    def allocatable(self) -> int:
        """What counted nodes have, in Gi."""
        return self.admission.state._guarded.ledger.balance("cluster").scope_limits.room.memory // GI


def test_a_list_replaces_what_was_known() -> None:
    pods = Pods()
    pods.tell(Changed(pod("gone", "1Gi", 101), 101))
    pods.tell(Replaced([pod("a", "2Gi", 102), pod("b", "3Gi", 103)], 110, []))
    assert pods.committed == 5
    assert pods.admission.state._guarded.ledger.revision == 110


def test_a_pod_counts_until_it_has_ended_or_is_gone() -> None:
    pods = Pods()
    pods.tell(Changed(pod("a", "2Gi", 101), 101))
    pods.tell(Changed(pod("b", "3Gi", 102), 102))
    assert pods.committed == 5
    pods.tell(Changed(pod("a", "2Gi", 103, status={"phase": "Succeeded"}), 103))
    assert pods.committed == 3
    pods.tell(Deleted(pod("b", "3Gi", 104), 104))
    assert pods.committed == 0
    assert pods.admission.state._guarded.ledger.revision == 104


def test_a_bookmark_brings_the_view_forward() -> None:
    pods = Pods()
    pods.tell(Bookmark(500))
    assert pods.admission.state._guarded.ledger.revision == 500
    assert pods.admission.state.pods.heard == pods.judge.clock()


def test_a_proof_is_taken_in() -> None:
    pods = Pods()
    pods.tell(Fresh(1234.5))
    assert pods.admission.state._guarded.ledger.proven_since == 1234.5


def test_a_pod_with_a_quantity_that_cannot_be_read_counts_as_nothing_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pods = Pods()
    pods.tell(Changed(pod("a", "2Gi", 101), 101))
    pods.tell(Changed(pod("a", "twelve", 102), 102))
    assert pods.committed == 0
    assert "pod default/a counts as nothing: " in caplog.text
    pods.tell(Deleted(pod("a", "twelve", 103), 103))
    assert len(pods.admission.state._guarded.ledger) == 0


def test_a_pod_that_cannot_be_read_at_all_stays_as_it_was_until_it_is_gone() -> None:
    pods = Pods()
    pods.tell(Changed(pod("a", "2Gi", 101), 101))
    pods.tell(unreadable("a", 102))
    assert (pods.committed, pods.admission.state._guarded.ledger.revision) == (2, 102)
    pods.tell(unreadable("a", 103, deleted=True))
    assert (pods.committed, pods.admission.state._guarded.ledger.revision) == (0, 103)


def test_a_list_of_nodes_replaces_what_was_known() -> None:
    nodes = Nodes()
    nodes.tell(Changed(node("gone", "1Gi"), 1))
    nodes.tell(Replaced([node("a", "2Gi"), node("b", "3Gi")], 7, []))
    assert nodes.allocatable == 5


def test_a_node_counts_until_it_is_gone() -> None:
    nodes = Nodes()
    nodes.tell(Changed(node("a", "2Gi"), 1))
    nodes.tell(Changed(node("b", "3Gi"), 2))
    nodes.tell(Deleted(node("a", "2Gi"), 3))
    assert nodes.allocatable == 3
    nodes.tell(Unreadable("", "b", "", 4, "no node", deleted=True))
    assert nodes.allocatable == 0


def test_a_node_with_a_quantity_that_cannot_be_read_has_nothing_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes()
    nodes.tell(Changed(node("a", "much"), 1))
    assert nodes.allocatable == 0
    assert "node a counts as having nothing: " in caplog.text


@pytest.mark.parametrize("watched", [Pods, Nodes])
def test_a_broken_watch_is_told_until_it_is_live(watched: type[Pods | Nodes]) -> None:
    told = watched()
    feed = told.admission.state.pods if watched is Pods else told.admission.state.nodes
    told.tell(Disconnected("reset"))
    assert (feed.broken_since, feed.fault) == (told.judge.clock(), "reset")
    told.tell(Connected())
    assert feed.broken_since is None
    told.tell(Disconnected("reset"))
    told.tell(Bookmark(1))
    assert feed.broken_since is None


def test_only_what_changes_all_the_time_is_read_with_pauses_and_short_ones() -> None:
    admission = ready().admission
    booking = idle_booking(admission)
    pods = watching.watch_pods(API, admission.state)._pause
    assert (pods._short, pods._long) == (watching.BUSY, watching.AT_EASE)
    assert admission.state._guarded.wakeup._pace == pods
    nodes = watching.watch_nodes(API, admission.state)._pause
    assert (nodes._short, nodes._long) == (watching.BUSY, 0)
    assert watching.watch_allotments(API, "ns", booking)._pause is NO_THROTTLE
    assert 0 < watching.BUSY <= 0.02 < watching.AT_EASE <= 0.1


@pytest.mark.parametrize(("memory", "at_ease"), [("7Gi", True), ("7372Mi", True), ("7373Mi", False), ("8Gi", False)])
def test_news_of_pods_can_wait_while_no_bound_is_near(memory: str, *, at_ease: bool) -> None:
    told = Pods()
    told.tell(Changed(pod("a", memory, 5), 5))
    told.admission.state.bookings.await_work(0.0)
    assert told.pace.at_ease is at_ease


def test_news_of_pods_are_needed_at_once_where_a_booking_waits_for_a_view() -> None:
    told = Pods()
    state = told.admission.state
    told.pace.hurried = False
    with state._guarded.lock:
        state._guarded.wakeup.wake()
    assert told.pace.hurried, "the booking may wait for what they tell"
    state.bookings.await_work(0.0)
    eased = [told.pace.at_ease]
    with state._guarded.lock:
        state._guarded.wakeup.wait(0.0, behind=True, near=False)
        eased.append(told.pace.at_ease)
        state._guarded.wakeup.advance(lambda: True)
        eased.append(told.pace.at_ease)
    assert eased == [True, False, True]


def test_a_pace_that_is_set_late_is_told_what_holds() -> None:
    state = Pods().admission.state
    with state._guarded.lock:
        state._guarded.wakeup.await_pods(awaiting=True)
    late = Pace()
    state.set_pace(late)
    assert not late.at_ease


def test_each_configmap_is_watched_by_its_name() -> None:
    settings = ConfigurationLoader(lambda *_: None, lambda _: None)
    booking = idle_booking(ready().admission)
    exchange = RefusalExchange(RefusalStore(ConfigMaps(API, "ns", 1.0)), "r1", time.monotonic)
    for reflector, name in (
        (watching.watch_config(API, "ns", settings), "headroom-config"),
        (watching.watch_allotments(API, "ns", booking), "headroom-allotments"),
        (watching.watch_refusals(API, "ns", exchange), "headroom-refusals"),
    ):
        assert reflector._path == "/api/v1/namespaces/ns/configmaps"
        assert reflector._calls._query == {"fieldSelector": f"metadata.name={name}"}


def test_edits_of_the_configuration_are_read() -> None:
    read: list[Mapping[str, str] | None] = []
    settings = ConfigurationLoader(lambda *_: None, lambda _: None)
    settings.read = lambda data, _uid="": read.append(data)  # type: ignore[method-assign,assignment]  # only what it is told matters here
    tell: Callable[[WatchEvent[ConfigMap]], None] = watching.watch_config(API, "ns", settings)._deliver
    tell(Replaced([], 5, []))
    tell(Replaced([configmap(4, a="1")], 5, []))
    tell(Changed(configmap(6, a="2"), 6))
    tell(Deleted(configmap(7, a="2"), 7))
    tell(Connected())
    tell(Bookmark(8))
    assert read == [None, {"a": "1"}, {"a": "2"}, None]


def test_what_others_write_is_told_with_the_objects_own_revision() -> None:
    told: list[tuple[ConfigMap | None, int]] = []
    booking = idle_booking(ready().admission)
    booking.tell = lambda configmap, revision: told.append((configmap, revision))  # type: ignore[method-assign]  # the same
    tell: Callable[[WatchEvent[ConfigMap]], None] = watching.watch_allotments(API, "ns", booking)._deliver
    first, second = configmap(4), configmap(6)
    tell(Replaced([first], 5, []))
    tell(Changed(second, 6))
    tell(Deleted(second, 7))
    tell(Replaced([], 8, []))
    assert told == [(first, 4), (second, 6), (None, 7), (None, 8)]

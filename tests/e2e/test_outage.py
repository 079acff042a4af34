"""When Headroom cannot know, it says so and lets nothing past; when it can again, it is ready by itself."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

from devcluster import nodes
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.conftest import local
from tests.e2e.headroom import CONFIG, document, forget
from tests.e2e.peer import Peer
from tests.e2e.pods import asking
from tests.e2e.story import Story

pytestmark = pytest.mark.live

GI = 1 << 30
MI = 1 << 20
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
NOT_ASKED_ABOUT = "/api/v1/namespaces/kube-system/pods"
UNREADY_SECONDS = 90.0  # five of tolerance, fifteen of a booking's validity; the rest is a busy machine's
BACK_SECONDS = 90.0


class Guard(NamedTuple):
    """A Headroom of the test's own, on a control plane whose API server it may stop: 2 nodes of 8Gi at 50 %."""

    plane: ControlPlane
    replicas: Replicas
    story: Story

    def readiness(self) -> tuple[int, str]:
        """The status of /readyz and its text."""
        answer = urllib3.request("GET", f"{self.replicas[0].metrics_url}/readyz", retries=False)
        return answer.status, answer.data.decode()

    def unready(self, why: str, within: float = UNREADY_SECONDS) -> float:
        """Wait until /readyz answers 503 with this in its text; return the seconds that it took."""
        return _took(lambda: _says(self.readiness(), why), f"unreadiness ({why})", within)

    def ready(self, within: float = BACK_SECONDS) -> float:
        """Wait until /readyz answers 200; return the seconds that it took."""
        return _took(lambda: self.readiness()[0] == 200, "readiness", within)


def _says(readiness: tuple[int, str], why: str) -> bool:
    return readiness[0] == 503 and why in readiness[1]


def _took(effect: Callable[[], bool], what: str, within: float) -> float:
    began = time.monotonic()
    until(effect, what, within)
    return time.monotonic() - began


@pytest.fixture
def guard(bare_control_plane: ControlPlane, bare_namespace: str, tmp_path: Path) -> Iterator[Guard]:
    plane = bare_control_plane
    nodes.add(plane, 2)
    forget(plane)
    with Replicas(plane, tmp_path) as replicas:
        headroom = local(plane, replicas)
        headroom.configure({"requests": "50%"})
        yield Guard(plane, replicas, Story(headroom, bare_namespace))
    nodes.remove_all(plane)
    for each in plane.api.items(NOT_ASKED_ABOUT):
        plane.api.delete_now(f"{NOT_ASKED_ABOUT}/{each['metadata']['name']}")


def fill_to_the_last_byte(guard: Guard, free: int) -> None:
    """Exactly so much is left: neither was anything forgotten, nor is anything held back."""
    assert guard.story.headroom.account().free_requests == free
    guard.story.refused_for(1, asking("over", free + 1))
    guard.story.create(asking("last", free))
    assert guard.story.headroom.account().free_requests == 0
    guard.story.refused(asking("byte", 1))


def test_a_stopped_api_server_makes_it_unready_and_its_return_ready_by_itself(guard: Guard) -> None:
    guard.story.create(asking("before", 2 * GI))
    guard.story.headroom.account()
    guard.plane.stop_apiserver()
    try:
        unready = guard.unready("broken for")
        reply = Peer(guard.replicas).review(dryRun=False)
        assert reply.status == 503
        assert "broken for" in reply.text
    finally:
        guard.plane.start_apiserver()
    guard.plane.api.create(NOT_ASKED_ABOUT, asking("unseen", GI))
    said = guard.story.tries(asking("meanwhile", 4 * GI))
    back = guard.ready()
    print(f"unready after {unready:.1f} s, ready {back:.1f} s after the return")
    if said:
        assert "AccountUnavailable" in said
    fill_to_the_last_byte(guard, 5 * GI if said else GI)


def test_a_short_break_of_all_connections_loses_nothing(guard: Guard) -> None:
    guard.story.create(asking("before", 2 * GI))
    guard.plane.stop_apiserver()
    guard.plane.start_apiserver()
    guard.plane.api.create(NOT_ASKED_ABOUT, asking("unseen", GI))
    guard.ready()
    until(lambda: guard.story.headroom.account().requests == 3 * GI, "the unseen pod in the account", BACK_SECONDS)
    fill_to_the_last_byte(guard, 5 * GI)


def test_an_api_server_that_hangs_makes_it_unready_and_its_return_ready_by_itself(guard: Guard) -> None:
    guard.plane.pause_apiserver()
    try:
        unready = guard.unready("")
        assert Peer(guard.replicas).review(dryRun=False).status == 503
    finally:
        guard.plane.resume_apiserver()
    back = guard.ready()
    print(f"unready after {unready:.1f} s, ready {back:.1f} s after the return")
    fill_to_the_last_byte(guard, 8 * GI)


def test_started_before_the_api_server_it_waits_until_it_has_seen_everything(guard: Guard) -> None:
    guard.story.create(asking("before", 2 * GI))
    guard.replicas[0].stop()
    guard.plane.stop_apiserver()
    try:
        guard.replicas[0].start()
        until(lambda: _answers(guard), "the start", BACK_SECONDS)
        status, text = guard.readiness()
        assert status == 503, text
        assert Peer(guard.replicas).review(dryRun=False).status == 503
    finally:
        guard.plane.start_apiserver()
    guard.ready()
    assert guard.story.headroom.account().requests == 2 * GI


def test_without_the_right_to_list_it_says_so_and_is_ready_once_it_has_it(guard: Guard) -> None:
    guard.story.create(asking("before", 2 * GI))
    guard.replicas[0].stop()
    binding = guard.plane.api.get(f"{BINDINGS}/headroom")
    guard.plane.api.delete(f"{BINDINGS}/headroom")
    guard.replicas[0].start()
    until(lambda: _answers(guard), "the start", BACK_SECONDS)
    guard.unready("still being listed (403 Forbidden")
    assert Peer(guard.replicas).review(dryRun=False).status == 503
    guard.plane.api.create(BINDINGS, binding | {"metadata": {"name": "headroom"}})
    guard.ready()
    assert guard.story.headroom.account().requests == 2 * GI


def test_started_without_its_configmap_it_says_so_and_judges_nothing(guard: Guard) -> None:
    guard.replicas[0].stop()
    guard.plane.api.delete(CONFIG)
    guard.replicas[0].start()
    until(lambda: _answers(guard), "the start", BACK_SECONDS)
    missing = "the ConfigMap headroom-config does not exist: create it"
    guard.unready(missing)
    said = guard.story.tries(asking("early", 1))
    assert "AccountUnavailable" in said
    assert missing in said
    until(lambda: missing in guard.story.headroom.log(), "the log line", BACK_SECONDS)
    assert guard.story.headroom.exposition().value("headroom_config_last_reload_success") == 0
    guard.story.headroom.write(document({"requests": "50%"}))
    guard.ready()
    guard.story.create(asking("now", 1))


def test_started_with_a_bad_configmap_it_says_what_is_wrong_and_judges_nothing(guard: Guard) -> None:
    guard.replicas[0].stop()
    guard.story.headroom.write(document({"requests": "75"}))
    guard.replicas[0].start()
    until(lambda: _answers(guard), "the start", BACK_SECONDS)
    guard.unready('"75" has no percent sign; write 75%')
    guard.story.headroom.configure({"requests": "50%"})
    guard.ready()


def test_killed_and_started_again_it_has_counted_everything_before_it_is_ready(guard: Guard) -> None:
    guard.story.create(asking("before", 2 * GI))
    guard.story.create(asking("gone", 2 * GI))
    guard.replicas[0].program.kill()
    guard.plane.api.create(NOT_ASKED_ABOUT, asking("unseen", GI))
    guard.story.delete("gone")
    guard.replicas[0].start()
    guard.replicas[0].wait()
    shown = guard.story.headroom.exposition()
    assert shown.value("headroom_scope_memory_requests_bytes", scope="cluster") == 3 * GI
    guard.story.refused_for(1, asking("over", 5 * GI + 1))


def _answers(guard: Guard) -> bool:
    try:
        guard.readiness()
    except urllib3.exceptions.HTTPError:
        return False
    return True

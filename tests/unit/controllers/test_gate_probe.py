"""The gate's probe, against a fake API server: what each answer says about Headroom's being reached."""

import json
from collections.abc import Iterator
from threading import Event

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_cluster import FakeCluster
from webhook.controllers import gate_probe
from webhook.controllers.gate_probe import GateProbe, occurrence
from webhook.core.events.reference import Reference
from webhook.kube.client import Api

NOT_CALLED = (
    'Internal error occurred: failed calling webhook "pods.headroom.internal": failed to call webhook: Post '
    '"https://headroom.headroom-system.svc:443/validate?timeout=5s": context deadline exceeded'
)
REFUSED = 'admission webhook "pods.headroom.internal" denied the request: memory requests of the cluster'
LOST = f"the API server does not reach Headroom, so no pod can be created where Headroom is asked: {NOT_CALLED}"
BACK = "the API server reaches Headroom again"


class Scene:
    def __init__(self, server: FakeCluster) -> None:
        self.server, self.held, self.closed = server, True, True
        self.told = list[tuple[bool, str]]()
        self.api = Api(Configuration(host=server.url))
        self.probe = GateProbe(
            self.api, lambda: self.held, lambda: self.closed, Event(), lambda *what: self.told.append(what)
        )

    def look(self, status: int = 201, message: str = "") -> bool | None:
        self.server.probed = status, message
        self.probe.look()
        return self.probe.reachable


@pytest.fixture
def scene() -> Iterator[Scene]:
    with FakeCluster() as server:
        scene = Scene(server)
        yield scene
        scene.api.close()


@pytest.mark.parametrize(
    ("status", "message", "reachable"),
    [
        (201, "", True),
        (403, REFUSED, True),
        (500, NOT_CALLED, False),
        (500, NOT_CALLED.replace("pods.headroom.internal", "pods.example.com"), None),
        (403, REFUSED.replace("pods.headroom.internal", "pods.example.com"), None),
        (403, 'pods is forbidden: User "x" cannot create resource "pods"', None),
        (404, 'namespaces "headroom-probe" not found', None),
        (503, "", None),
    ],
)
def test_what_the_api_server_says(scene: Scene, status: int, message: str, reachable: bool | None) -> None:
    assert scene.look(status, message) is reachable


def test_the_secret_path_is_not_told(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    secret = "0123456789abcdef" * 4
    assert scene.look(500, NOT_CALLED.replace("/validate", f"/validate/{secret}")) is False
    ((_, told),) = scene.told
    assert "/validate/...?timeout=5s" in told
    assert secret not in told + caplog.text


def test_an_api_server_that_does_not_answer_says_nothing_about_headroom(scene: Scene) -> None:
    scene.server.down()
    assert scene.look() is None
    assert scene.told == []


def test_the_pod_is_a_dry_run_that_asks_for_nothing(scene: Scene) -> None:
    scene.look()
    (call,) = scene.server.calls
    assert (call.method, call.path) == ("POST", "/api/v1/namespaces/headroom-probe/pods")
    assert call.query == {"dryRun": "All"}
    (container,) = json.loads(call.body)["spec"]["containers"]
    assert "resources" not in container


@pytest.mark.parametrize(("held", "closed"), [(False, True), (True, False)])
def test_without_the_lease_or_a_gate_nothing_is_asked_or_known(scene: Scene, held: bool, closed: bool) -> None:
    assert scene.look() is True
    scene.held, scene.closed = held, closed
    assert scene.look() is None
    assert len(scene.server.calls) == 1


def test_a_loss_and_its_end_are_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene.look()
    assert scene.told == []
    for _ in range(3):
        scene.look(500, NOT_CALLED)
    scene.look(404, "gone")
    scene.look(500, NOT_CALLED)
    for _ in range(3):
        scene.look()
    assert [reachable for reachable, _ in scene.told] == [False, True]
    assert scene.told[0][1].endswith(NOT_CALLED)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "INFO"]


def test_a_loss_at_the_first_look_is_told(scene: Scene) -> None:
    scene.look(500, NOT_CALLED)
    ((reachable, text),) = scene.told
    assert not reachable
    assert text.startswith("the API server does not reach Headroom, so no pod can be created where Headroom is asked: ")


def test_why_nothing_is_known_is_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        scene.look(404, "gone")
    scene.look(403, "forbidden")
    assert len(caplog.records) == 2
    assert "gone" in caplog.records[0].getMessage()


def test_events_are_about_the_configmap() -> None:
    lost, back = occurrence(False, LOST, "here", "u"), occurrence(True, BACK, "here", "u")
    assert lost is not None
    assert back is not None
    assert lost.regarding == back.regarding == Reference("v1", "ConfigMap", "here", "headroom-config", "u")
    assert (lost.type, lost.reason, lost.text) == ("Warning", "GateUnreachable", LOST)
    assert (back.type, back.reason) == ("Normal", "GateReachable")
    assert occurrence(False, LOST, "here", "") is None


def test_it_probes_once_a_minute_and_soon_after_it_gets_the_lease(scene: Scene) -> None:
    waits = list[float | None]()

    class Rounds(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            scene.held = len(waits) > 2
            return len(waits) > 4

    scene.probe._stop = Rounds()
    scene.probe.run()
    assert waits == [5.0, 5.0, 5.0, 60.0, 60.0]
    assert len(scene.server.calls) == 2


def test_no_fault_ends_its_loop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Twice(Event):
        left = 2

        def wait(self, _timeout: float | None = None) -> bool:
            self.left -= 1
            return self.left < 0

    def faulty(_text: str) -> bool:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(gate_probe, "_reached", faulty)
    scene.server.probed = 500, NOT_CALLED
    scene.probe.reachable = True
    scene.probe._stop = Twice()
    scene.probe.run()
    assert len(caplog.records) == 2
    assert scene.probe.reachable is None

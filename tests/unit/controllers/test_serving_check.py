"""The serving check: ready only with a chain that the gate trusts, and never unready because of load."""

from collections.abc import Callable
from threading import Event

import pytest
from kubernetes.client.configuration import Configuration

from webhook.controllers import serving_check
from webhook.controllers.serving_check import ServingCheck
from webhook.http.handshake import HandshakeRefusedError
from webhook.kube.client import Api
from webhook.kube.gates import Called
from webhook.kube.stream import Unreachable

HOST = "headroom.headroom-system.svc"
REQUIRED = Called("pods.headroom.internal", HOST, "ours", True)
COURTESY = Called("workloads.headroom.internal", HOST, "ours", False)
AT = ("127.0.0.1", 8443)
NOT_YET = "this replica has not shaken hands with itself over TLS yet"
REFUSED = f"the API server would refuse the certificate that is served here, for {HOST}: unable to get local issuer"

Look = Callable[[], None]


class Scene:
    """A gate, a listener that shows a chain of `authority`, and what was asked of it."""

    def __init__(self) -> None:
        self.gate: tuple[Called, ...] | Exception | None = (REQUIRED, COURTESY)
        self.authority = "ours"
        self.fault: OSError | None = None
        self.shaken = list[tuple[str, str | None]]()
        self.check = ServingCheck(Api(Configuration()), AT, Event(), self.shake, self.read)

    def shake(self, at: tuple[str, int], name: str, authorities: str | None, timeout: float) -> None:
        assert at == AT
        assert 0 < timeout <= 5
        self.shaken.append((name, authorities))
        if self.fault:
            raise self.fault
        if authorities is not None and self.authority not in authorities:
            raise HandshakeRefusedError("unable to get local issuer")

    def read(self, _api: Api, name: str, timeout: float) -> tuple[Called, ...] | None:
        assert name == "headroom"
        assert 0 < timeout <= 5
        if isinstance(self.gate, Exception):
            raise self.gate
        return self.gate

    def look(self, times: int = 1) -> str | None:
        for _ in range(times):
            self.check.look()
        return self.check.problem()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_is_unready_until_the_first_handshake(scene: Scene) -> None:
    assert scene.check.problem() == NOT_YET
    scene.fault = ConnectionRefusedError(111, "Connection refused")
    assert scene.look() == f"{NOT_YET}: [Errno 111] Connection refused"
    scene.fault = None
    assert scene.look() is None


def test_one_handshake_is_made_for_webhooks_that_are_called_alike(scene: Scene) -> None:
    scene.gate = (REQUIRED, REQUIRED._replace(webhook="bindings.headroom.internal"), COURTESY._replace(host="else"))
    assert scene.look() is None
    assert scene.shaken == [(HOST, "ours"), ("else", "ours")]


@pytest.mark.parametrize("gate", [None, (), Unreachable("away"), ValueError("no PEM")])
def test_where_no_gate_can_be_read_that_tls_is_served_is_enough(
    scene: Scene, gate: tuple[Called, ...] | Exception | None
) -> None:
    scene.gate = gate
    assert scene.look() is None
    assert scene.shaken == [("localhost", None)]
    assert not scene.check.gate_closed()


def test_without_a_bundle_the_api_server_trusts_what_only_its_machine_knows(scene: Scene) -> None:
    scene.gate = (REQUIRED._replace(authorities=""),)
    assert scene.look() is None
    assert scene.shaken == [(HOST, None)]
    assert scene.check.gate_closed()


def test_at_the_start_a_refused_chain_counts_at_once(scene: Scene) -> None:
    scene.authority = "another"
    assert scene.look() == REFUSED
    scene.authority = "ours"
    assert scene.look() is None


def test_later_it_counts_after_half_a_minute_of_nothing_else(scene: Scene) -> None:
    assert scene.look() is None
    scene.authority = "another"
    assert scene.look(5) is None
    scene.authority = "ours"
    assert scene.look() is None
    scene.authority = "another"
    assert scene.look(5) is None, "it begins again"
    assert scene.look() == REFUSED
    scene.authority = "ours"
    assert scene.look() is None, "at once"
    assert serving_check._EVERY * serving_check._REFUSALS == 30


def test_a_handshake_without_a_result_changes_nothing(scene: Scene) -> None:
    assert scene.look() is None
    scene.fault = TimeoutError("timed out")
    assert scene.look(100) is None
    scene.fault, scene.authority = None, "another"
    assert scene.look(6) == REFUSED
    scene.fault = TimeoutError("timed out")
    assert scene.look(100) == REFUSED, "nor does it hide what is known"


def test_what_was_read_last_counts_while_the_gate_cannot_be_read(scene: Scene) -> None:
    assert scene.look() is None
    assert scene.check.gate_closed()
    scene.gate, scene.authority = Unreachable("away"), "another"
    assert scene.look(6) == REFUSED
    assert scene.check.gate_closed()


def test_why_the_gate_cannot_be_read_is_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.gate = Unreachable("away")
    scene.look(3)
    scene.gate = None
    scene.look()
    scene.gate = Unreachable("away")
    scene.look()
    assert [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()] == [
        "the gate headroom cannot be read, so it is not known what it trusts: away"
    ] * 2


def test_a_courtesy_that_fails_is_told_and_changes_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.gate = (REQUIRED, COURTESY._replace(authorities="another"))
    assert scene.look(10) is None
    assert len(caplog.records) == 1
    assert REFUSED in caplog.text


def test_a_gate_that_lets_everything_in_is_not_closed(scene: Scene) -> None:
    scene.gate = (COURTESY,)
    assert scene.look() is None
    assert not scene.check.gate_closed()


def test_each_problem_is_logged_once_and_its_end_too(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene.look(3)
    assert caplog.text == ""
    scene.authority = "another"
    scene.look(8)
    scene.authority = "ours"
    scene.look(3)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_it_looks_often_until_the_first_handshake_and_then_every_five_seconds() -> None:
    waits, scene = list[float | None](), Scene()

    class Rounds(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            scene.fault = None if len(waits) > 2 else OSError("away")
            return len(waits) > 4

    scene.check._stop = Rounds()
    scene.check.run()
    assert waits == [0.25, 0.25, 0.25, 5.0, 5.0]


def test_no_fault_ends_its_loop(caplog: pytest.LogCaptureFixture) -> None:
    class Twice(Event):
        left = 2

        def wait(self, _timeout: float | None = None) -> bool:
            self.left -= 1
            return self.left < 0

    def faulty(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    ServingCheck(Api(Configuration()), AT, Twice(), faulty, lambda *_: None).run()
    assert len(caplog.records) == 2
    assert "the certificate that is served could not be checked" in caplog.text

"""Replicas are registered so that the API server really asks them; a stand-in lets every pod in and counts."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import devcluster
from devcluster import gate
from devcluster.api import ApiError, Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import NotReadyError, until
from devcluster.replica import ready
from devcluster.replicas import Replicas

pytestmark = pytest.mark.live
STAND_IN = (sys.executable, Path(devcluster.__file__).with_name("stand_in.py"))

Start = Callable[[int], Replicas]


@pytest.fixture
def start(bare_control_plane: ControlPlane, tmp_path: Path) -> Iterator[Start]:
    """Starts so many stand-ins; they are stopped when the test has ended."""
    started: list[Replicas] = []

    def replicas(count: int) -> Replicas:
        started.append(Replicas(bare_control_plane, tmp_path, count, serve=STAND_IN))
        started[-1].start()
        return started[-1]

    yield replicas
    for each in started:
        each.stop()


def create(plane: ControlPlane, namespace: str) -> Object:
    pod = {"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
    return plane.api.create(f"/api/v1/namespaces/{namespace}/pods", pod)


def test_the_api_server_asks_from_the_moment_that_start_returns(
    bare_control_plane: ControlPlane, bare_namespace: str, start: Start, tmp_path: Path
) -> None:
    assert not gate.is_closed(bare_control_plane)
    replicas = start(1)
    before = gate.reviews(bare_control_plane.api)
    create(bare_control_plane, bare_namespace)
    assert gate.reviews(bare_control_plane.api) == before + 1
    assert (tmp_path / "headroom-1.pid").read_text() == f"{replicas[0].program.pid}\n"
    assert (tmp_path / "headroom-1.log").exists()


def test_a_stopped_headroom_lets_pods_in_again(
    bare_control_plane: ControlPlane, bare_namespace: str, start: Start, tmp_path: Path
) -> None:
    start(1).stop()
    assert not gate.is_closed(bare_control_plane)
    create(bare_control_plane, bare_namespace)
    assert not (tmp_path / "headroom-1.pid").exists()


def test_what_runs_as_pods_is_not_applied(bare_control_plane: ControlPlane, start: Start) -> None:
    start(1)
    namespace = "/api/v1/namespaces/headroom-system"
    assert bare_control_plane.api.exists(f"{namespace}/configmaps/headroom-config")
    assert not bare_control_plane.api.exists(f"{namespace}/services/headroom")
    assert not bare_control_plane.api.exists("/apis/apps/v1/namespaces/headroom-system/deployments/headroom")


def test_several_stand_behind_one_address_and_one_may_die(
    bare_control_plane: ControlPlane, bare_namespace: str, start: Start
) -> None:
    replicas = start(2)
    assert replicas.url not in {replica.url for replica in replicas}
    replicas[0].program.kill()
    assert not ready(replicas[0].url)
    replicas[0].start()
    replicas[0].wait()
    replicas[1].program.kill()
    until(lambda: ready(replicas.url), "the change to the other one", 60)


def test_a_replica_that_does_not_start_is_reported_with_its_log(
    bare_control_plane: ControlPlane, bare_namespace: str, tmp_path: Path
) -> None:
    broken = (sys.executable, "-c", "raise SystemExit('cannot read the certificate')")
    with pytest.raises(NotReadyError, match=r"headroom-1 ended with 1; .*\ncannot read the certificate"):
        Replicas(bare_control_plane, tmp_path, serve=broken).start()
    create(bare_control_plane, bare_namespace)  # nothing was registered


def test_a_gate_that_leads_nowhere_is_reported_with_what_the_api_server_says(
    bare_control_plane: ControlPlane, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicas = start(1)
    shipped = gate.apply_all_but_the_gate(bare_control_plane)
    monkeypatch.setattr(gate, "TAKES_EFFECT_SECONDS", 5.0)
    with pytest.raises(NotReadyError, match="failed calling webhook"):
        gate.close(bare_control_plane, shipped, "https://127.0.0.1:1", replicas.ca_file)
    with pytest.raises(ApiError, match="failed calling webhook"):
        create(bare_control_plane, "default")

"""`up` returns when all is ready and leaves it running; `down` ends that, and nothing that is not its own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster
from devcluster import __main__ as command_line
from devcluster import local as local_module
from devcluster import replicas, report
from devcluster.cluster import EXISTING, Cluster
from devcluster.controlplane import ControlPlane
from devcluster.gate import is_closed
from devcluster.journal import Journal
from devcluster.local import Local, Settings
from devcluster.processes import Identity, Program, until

STAND_IN = (sys.executable, Path(devcluster.__file__).with_name("stand_in.py"))
SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    """A local cluster's state in a folder of its own, with stand-ins for Headroom."""
    state = tmp_path / "state"
    monkeypatch.setattr(local_module, "STATE", state)
    monkeypatch.setattr(command_line, "Local", lambda: Local(state))
    monkeypatch.setattr(replicas, "headroom_serve", lambda: STAND_IN)
    for name in ("NODES", "NODE_MEMORY", "NODE_CPU", "REPLICAS", "CONTROLLERS", EXISTING):
        monkeypatch.delenv(name, raising=False)
    yield Local(state)
    Local(state).down()


@pytest.mark.live
def test_up_status_and_down(local: Local, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONTROLLERS", "0")
    monkeypatch.setenv("REPLICAS", "2")
    assert command_line.main(["up", "--nodes", "2", "--node-memory=1Gi"]) == 0
    said = capsys.readouterr().out
    assert "up with NODES=2 NODE_MEMORY=1Gi NODE_CPU=4 REPLICAS=2 CONTROLLERS=0" in said
    assert f"export KUBECONFIG={local.kubeconfig}" in said
    url = (local.state / "reporting-url").read_text().strip()
    assert url == local.addresses("headroom-1")[1] == local.reporting_url()
    assert f"reports: {url}/api/v1/commitment\n" in said
    names = [program.name for program in local.programs()]
    assert names == ["etcd", "kube-apiserver", "headroom-1", "headroom-2", "balancer"]
    pids = {program.name: program.pid for program in local.programs()}
    assert int((local.state / "headroom-2.pid").read_text()) == pids["headroom-2"]
    found = Cluster(local.kubeconfig).api.items("/api/v1/nodes")
    assert [node["status"]["allocatable"]["memory"] for node in found] == ["1Gi", "1Gi"]
    assert command_line.main(["status"]) == 0

    # Once more changes nothing; with other wishes it says what to do.
    assert command_line.main(["up", "--nodes", "2", "--node-memory=1Gi"]) == 0
    assert "already up" in capsys.readouterr().out
    assert command_line.main(["up", "--nodes", "3"]) == 1
    assert (
        "NODES=2 NODE_MEMORY=1Gi NODE_CPU=4 REPLICAS=2 CONTROLLERS=0 KUBERNETES=1.37: run `make down`"
        in capsys.readouterr().err
    )
    assert {program.name: program.pid for program in local.programs()} == pids

    started = local.programs()
    next(program for program in started if program.name == "headroom-1").end(grace=0)
    assert command_line.main(["status"]) == 1
    assert command_line.main(["up", "--nodes", "2", "--node-memory=1Gi"]) == 1
    assert "up, but without headroom-1: run `make down`" in capsys.readouterr().err

    assert command_line.main(["down"]) == 0
    assert "ended balancer, headroom-2, kube-apiserver, etcd" in capsys.readouterr().out
    assert not any(program.alive() for program in started)
    assert not local.state.exists()


def test_down_is_fine_when_nothing_is_up(local: Local, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["down"]) == 0
    assert capsys.readouterr().out == "nothing was up\n"
    assert command_line.main(["status"]) == 1


def test_down_leaves_alone_what_has_only_inherited_a_pid(local: Local, tmp_path: Path) -> None:
    stranger = Program("stranger", SLEEP, tmp_path / "log")
    journal = Journal(local.state / "programs")
    journal.add(Identity("etcd", stranger.pid, stranger.identity.started - 1))
    assert local.programs() == []
    assert local.down() == []
    stranger.check()
    stranger.kill()


def test_what_did_start_is_ended_when_the_rest_fails(
    local: Local, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Sick:
        def __init__(self, state: Path, *, journal: Journal, **_: object) -> None:
            self.program = Program("etcd", SLEEP, state / "etcd.log", journal=journal)

        def start(self) -> None:
            self.program.kill()
            self.program.check()

    monkeypatch.setattr(local_module, "ControlPlane", Sick)
    assert command_line.main(["up"]) == 1
    assert "error: etcd ended with -9" in capsys.readouterr().err
    assert local.programs() == []


@pytest.mark.live
def test_beside_an_existing_cluster_only_headroom_is_started_and_the_gate_opened_in_the_end(
    local: Local, bare_control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EXISTING, str(bare_control_plane.kubeconfig))
    assert local.up(Settings())
    assert [program.name for program in local.programs()] == ["headroom-1"]
    assert is_closed(Cluster(local.kubeconfig))
    assert report.healthy(local)
    local.down()
    assert not is_closed(bare_control_plane)
    until(lambda: bare_control_plane.api.text("/readyz") == "ok", "the API server, which stays", 30)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("NODES", "-1", "'-1' is not a number such as 3"),
        ("REPLICAS", "0", "there must be at least 1"),
        ("CONTROLLERS", "yes", "'yes' is neither 1 nor 0"),
    ],
)
def test_a_wrong_variable_is_refused_before_anything_starts(
    local: Local,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    complaint: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        command_line.main(["up"])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not local.state.exists()

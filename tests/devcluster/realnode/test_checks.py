"""What a machine lacks for real nodes is said in full, with what to do, before anything is changed."""

import os
import subprocess
from pathlib import Path

import pytest

from devcluster.realnode import addresses, cgroups, checks
from devcluster.realnode.__main__ import main


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without anything, whose user is not root."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(checks, "path", lambda: str(tmp_path))
    monkeypatch.setattr(checks, "PLUGIN_FOLDERS", (tmp_path / "cni",))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cgroups, "memory_hierarchy", lambda: None)
    return tmp_path


def test_all_that_is_missing_is_said_at_once(bare: Path) -> None:
    with pytest.raises(checks.MissingError) as raised:
        checks.check()
    said = str(raised.value)
    assert "the rights of root" in said
    assert all(program in said for program in checks.PROGRAMS)
    assert "`apt-get install buildah conntrack containerd containernetworking-plugins debootstrap iproute2" in said
    assert "cgroups of version 1" in said
    assert "Nothing was started, and nothing was changed" in said


def test_the_command_says_it_too(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    assert "a real node cannot run on this machine" in capsys.readouterr().err


def test_plug_ins_are_found_where_all_that_are_needed_are(bare: Path) -> None:
    (bare / "cni").mkdir()
    (bare / "cni" / "bridge").touch()
    assert checks.plugins() is None
    for name in checks.PLUGINS:
        (bare / "cni" / name).touch()
    assert checks.plugins() == bare / "cni"


def test_a_program_that_is_not_there_is_named(bare: Path) -> None:
    with pytest.raises(checks.MissingError, match="containerd: not found"):
        checks.which("containerd")


def test_a_network_that_this_machine_uses_already_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "default via 192.0.2.1 dev eth0\n10.240.0.0/12 via 192.0.2.9 dev eth0\n192.0.2.0/24 dev eth0 scope link\n"
    done = subprocess.CompletedProcess([], 0, stdout=listed, stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(addresses, "BRIDGE", "headroom-none0")
    said = list(checks._networks())
    assert len(said) == 3, "its nodes', its pods' and its Services'"
    assert all("10.240.0.0/12 via 192.0.2.9" in each for each in said)


def test_the_networks_are_apart_from_each_other_and_from_those_of_simulated_pods() -> None:
    networks = [addresses.NODES, addresses.PODS, addresses.SERVICES]
    assert not any(one.overlaps(other) for one in networks for other in networks if one is not other)
    assert str(addresses.pods(1)) == "10.245.1.0/24"
    assert str(addresses.node(2)) == "10.246.0.12/24"
    assert addresses.API_SERVICE in addresses.SERVICES

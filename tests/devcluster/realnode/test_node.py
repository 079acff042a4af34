"""What a node says of its containers, read from cgroups that stand in for the kernel's."""

from pathlib import Path

import pytest

from devcluster.api import Object
from devcluster.realnode import addresses, cgroups
from devcluster.realnode.cluster import RealCluster
from devcluster.realnode.node import Machine, Node, memory_bytes

POD: Object = {"status": {"containerStatuses": [{"containerID": "containerd://0a1b"}]}}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that is not started, and the cgroup of one container of it."""
    folder = tmp_path / "headroom-real" / "real-1" / "kubepods" / "burstable" / "pod7" / "0a1b"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("12\n13\n")
    (folder / "memory.limit_in_bytes").write_text("536870912\n")
    (folder / "memory.usage_in_bytes").write_text("1048576\n")
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    monkeypatch.setattr(cgroups, "memory_hierarchy", lambda: tmp_path)
    return Node(1, tmp_path / "work", 2**30)


def test_it_reads_the_cgroup_of_the_container(node: Node) -> None:
    assert node.processes(POD) == [12, 13]
    assert node.memory_limit(POD) == 512 * 2**20
    assert node.memory_usage(POD) == 2**20
    assert node.oom_kills(POD) == 3


def test_its_name_and_address_say_its_number(node: Node) -> None:
    assert (node.name, node.address, node.cgroup) == ("real-1", "10.246.0.11", "headroom-real/real-1")
    assert len(node.link) <= 15, "the longest name that Linux lets a device have"


def test_nothing_runs_in_a_machine_that_was_not_started(tmp_path: Path) -> None:
    machine = Machine("gateway", str(addresses.GATEWAY), tmp_path)
    assert len(machine.link) <= 15
    with pytest.raises(RuntimeError, match="gateway does not run: call start"):
        machine.inside("/bin/true")


def test_the_memory_of_this_machine_is_that_of_the_kernel() -> None:
    assert memory_bytes() > 2**20


@pytest.mark.parametrize("count", [0, 3])
def test_there_are_one_or_two_nodes(count: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{count} real nodes: there can be 1 to 2"):
        RealCluster(tmp_path, count)

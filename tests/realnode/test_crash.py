"""A run that is killed: its nodes end with it, and what it changed on the machine is put back by one command."""

import subprocess
import sys
from pathlib import Path

import pytest

from devcluster.processes import until
from devcluster.realnode import addresses, cgroups, node
from devcluster.realnode.cluster import SYSCTLS

ROOT = Path(__file__).parents[2]
RUN = """
import sys, time
from pathlib import Path
from devcluster.realnode.cluster import RealCluster
with RealCluster(Path(sys.argv[1])) as cluster:
    cluster.start_kubelets()
    print("up", flush=True)
    time.sleep(600)
"""


def sysctls() -> dict[str, str]:
    """The values now of what a kubelet sets."""
    files = {name: Path("/proc/sys", name.replace(".", "/")) for name in SYSCTLS}
    return {name: file.read_text() for name, file in files.items() if file.exists()}


def running(work: Path) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(work) in line:
            found.append(line)
    return found


def left() -> list[Path]:
    """The cgroups of nodes and the bridge that are there now."""
    places = [*(root / node.CGROUP for root in cgroups.hierarchies()), Path("/sys/class/net", addresses.BRIDGE)]
    return [place for place in places if place.exists()]


@pytest.mark.timeout(600)
def test_what_a_killed_run_leaves_is_put_back(tmp_path: Path) -> None:
    before = sysctls()
    assert left() == []
    with subprocess.Popen([sys.executable, "-c", RUN, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            assert run.stdout.readline() == "up\n"
            assert any("kubelet" in line for line in running(tmp_path))
            assert sysctls() != before
        finally:
            run.kill()
    until(lambda: running(tmp_path) == [], "the end of all that ran in the node", 60.0)
    assert len(left()) == len(cgroups.hierarchies()) + 1
    restore = [sys.executable, "-m", "devcluster.realnode", "restore"]
    said = subprocess.run(restore, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"put back: link {addresses.BRIDGE}" in said
    assert f"put back: cgroups {node.CGROUP}" in said
    assert "put back: sysctl vm.overcommit_memory" in said
    assert left() == []
    assert sysctls() == before

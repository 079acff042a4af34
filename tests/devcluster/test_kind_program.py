"""The real kind takes the configuration, as far as it goes without Docker: a stand-in makes no container."""

import os
import subprocess
from pathlib import Path

import pytest

from devcluster import kind, tools
from devcluster.helm import pinned

pytestmark = pytest.mark.long

# Answers what kind asks before it creates containers, writes down each `docker run`, and fails it.
DOCKER = """#!/bin/sh
case "$1" in
  info) echo '{{"OSType": "linux", "Driver": "overlay2", "SecurityOptions": []}}';;
  run) echo "$*" >> {runs}; exit 1;;
  network) [ "$2" = ls ] && echo 0123456789ab; [ "$2" = inspect ] && echo '[]';;
esac
exit 0
"""


@pytest.fixture(scope="module")
def program() -> Path:
    return tools.programs(kind.TOOL) / "kind"


def create(program: Path, work: Path, configuration: Path) -> subprocess.CompletedProcess[str]:
    command = [str(program), "create", "cluster", f"--config={configuration}", f"--kubeconfig={work / 'kubeconfig'}"]
    environment = os.environ | {"PATH": f"{work}:/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(runs=tmp_path / "runs"))
    docker.chmod(0o755)
    return tmp_path / "runs"


def test_it_is_of_the_version_that_its_modules_name(program: Path) -> None:
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == ["kind", pinned(kind.TOOL.modules, "sigs.k8s.io/kind")]


def test_three_nodes_are_planned_of_which_one_listens_on_loopback(program: Path, tmp_path: Path, runs: Path) -> None:
    done = create(program, tmp_path, kind.CONFIGURATION)
    assert done.returncode == 1
    planned = runs.read_text().splitlines()
    names = {part for line in planned for part in line.split() if part.startswith(f"{kind.NAME}-")}
    assert names == {f"{kind.NAME}-control-plane", f"{kind.NAME}-worker", f"{kind.NAME}-worker2"}
    (published,) = [part for line in planned for part in line.split() if part.startswith("--publish=")]
    assert published.startswith("--publish=127.0.0.1:")


def test_a_mistake_in_the_configuration_is_one_to_kind(program: Path, tmp_path: Path, runs: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(kind.CONFIGURATION.read_text().replace("role:", "rule:"))
    done = create(program, tmp_path, wrong)
    assert done.returncode == 1
    assert "field rule not found" in done.stderr
    assert not runs.exists()

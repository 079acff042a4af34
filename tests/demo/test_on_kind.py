"""What `make demo KIND=1` tells is true of a cluster with Headroom, and is noticed to be untrue of one without."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from demo import on_kind
from devcluster import kind, nodes
from devcluster.controlplane import ControlPlane
from devcluster.replicas import Replicas
from tests.e2e.headroom import forget

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    nodes.add(control_plane, 2)
    yield control_plane
    control_plane.api.delete_now(PODS)
    nodes.remove_all(control_plane)


def told(plane: ControlPlane) -> str:
    console = Console(file=io.StringIO(), width=200)
    on_kind.tell(plane, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.live
def test_a_pod_that_fits_runs_and_one_of_all_memory_is_refused(plane: ControlPlane, tmp_path: Path) -> None:
    forget(plane)
    with Replicas(plane, tmp_path):
        said = told(plane)
    assert "pod/fits created" in said
    assert on_kind.REFUSED in said
    assert [each["metadata"]["name"] for each in plane.api.items(PODS)] == ["fits"]


@pytest.mark.live
def test_without_headroom_it_says_that_the_pod_was_not_refused(plane: ControlPlane) -> None:
    with pytest.raises(on_kind.OtherwiseError, match="the pod was not refused by Headroom: pod/all created"):
        told(plane)


def test_without_docker_it_says_so_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kind, "STATE", tmp_path / "never")
    assert on_kind.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: docker is not on PATH: install it")
    assert "`make demo` and `make test`, which need no Docker" in said


@pytest.mark.parametrize(("text", "size"), [("8Gi", 8 << 30), ("512Mi", 512 << 20), ("4Ki", 4096), ("4096", 4096)])
def test_memory_of_a_node_is_read_as_it_is_written(text: str, size: int) -> None:
    assert on_kind._allocatable({"status": {"allocatable": {"memory": text}}}) == size

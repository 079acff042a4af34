"""The steps of a run on kind, with stand-ins for docker and kind that lead to the local control plane."""

import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import gate, kind, namespaces, nodes
from devcluster.cluster import EXISTING
from devcluster.controlplane import ControlPlane
from devcluster.processes import until

pytestmark = pytest.mark.live

# Writes down how it was called; `kind create cluster` hands out the kubeconfig of the cluster that is there already.
TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> {calls}
[ "$1" = "$FAILS" ] && exit 1
for flag in "$@"; do case "$flag" in --kubeconfig=*) cp {kubeconfig} "${{flag#*=}}";; esac; done
exit 0
"""
SHOW = f"import os; print(os.environ[{EXISTING!r}]); raise SystemExit(7)"


@pytest.fixture
def calls(control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("docker", "kind"):
        tool = bin_folder / name
        tool.write_text(TOOL.format(calls=tmp_path / "calls", kubeconfig=control_plane.kubeconfig))
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    nodes.add(control_plane, 1)
    yield tmp_path / "calls"
    gate.open_again(control_plane)
    if control_plane.api.exists("/api/v1/namespaces/headroom-system"):
        namespaces.remove(control_plane, "headroom-system")
        # Whoever installs it next could create nothing in a namespace that is still going.
        gone = "/api/v1/namespaces/headroom-system"
        until(lambda: not control_plane.api.exists(gone), "the end of the namespace headroom-system", 120)
    nodes.remove_all(control_plane)


def test_the_manifests_are_installed_before_the_tests_run_and_the_cluster_is_deleted_after(
    control_plane: ControlPlane, calls: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = kind.run([sys.executable, "-c", SHOW], state=tmp_path)
    assert code == 7
    assert capfd.readouterr().out.splitlines().count(str(tmp_path / "kind.kubeconfig")) == 1
    assert [" ".join(line.split()[:2]) for line in calls.read_text().splitlines()] == [
        "docker info",
        "kind create",
        "docker build",
        "kind load",
        "kind delete",
    ]
    deployment = control_plane.api.get("/apis/apps/v1/namespaces/headroom-system/deployments/headroom")
    assert deployment["status"]["readyReplicas"] == deployment["spec"]["replicas"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f"kind load docker-image {image} --name=headroom" in calls.read_text()
    trusted = tmp_path / "kind-manifests" / "overlays" / "own-ca" / "tls" / "ca.crt"
    for webhook in control_plane.api.get(f"{gate.CONFIGURATIONS}/headroom")["webhooks"]:
        assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == trusted.read_bytes()


def test_the_cluster_is_deleted_when_the_image_does_not_build(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", "build")
    with pytest.raises(Exception, match="docker"):
        kind.run(["true"], state=tmp_path)
    assert calls.read_text().splitlines()[-1] == "kind delete cluster --name=headroom"


def test_without_an_engine_nothing_is_created(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "info")
    with pytest.raises(FileNotFoundError, match="docker has no engine to talk to"):
        kind.run(["true"], state=tmp_path)
    assert calls.read_text() == "docker info\n"

"""How the container is run: with what a pod's container has, and not with more."""

from pathlib import Path

import pytest

from devcluster.image.container import MEMORY_MIB, Container, Server, _spec
from tests.support.kustomize import MANIFESTS, Manifest, one, render

SERVER = Server("https://127.0.0.1:6443", Path("ca.crt"), "token")


@pytest.fixture(scope="module")
def pod() -> Manifest:
    spec: Manifest = one(render(MANIFESTS / "base"), "Deployment")["spec"]["template"]["spec"]
    return spec


def test_it_has_the_memory_and_the_rights_that_the_deployment_gives(pod: Manifest) -> None:
    (deployed,) = pod["containers"]
    assert deployed["resources"]["limits"]["memory"] == f"{MEMORY_MIB}Mi"
    spec = _spec(Path("/root"), (65532, 65532), ["headroom"], [], {"/here": Path("/there")})
    assert spec["root"]["readonly"] is deployed["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["linux"]["resources"]["memory"]["limit"] == MEMORY_MIB << 20
    assert deployed["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not any(spec["process"]["capabilities"].values())
    assert spec["process"]["noNewPrivileges"] is not deployed["securityContext"]["allowPrivilegeEscalation"]
    assert spec["process"]["user"] == {"uid": pod["securityContext"]["runAsUser"], "gid": 65532}


def test_what_is_bound_from_the_machine_cannot_be_written() -> None:
    spec = _spec(Path("/root"), (65532, 65532), ["headroom"], [], {"/here": Path("/there")})
    (bound,) = [mount for mount in spec["mounts"] if mount["type"] == "bind"]
    assert (bound["source"], bound["destination"]) == ("/there", "/here")
    assert "ro" in bound["options"]
    assert {mount["type"] for mount in spec["mounts"]} == {"proc", "tmpfs", "bind"}


def test_the_deployments_arguments_are_its_own_but_for_addresses(pod: Manifest, tmp_path: Path) -> None:
    (deployed,) = pod["containers"]
    container = Container("none", tmp_path, SERVER, tmp_path)
    run = [container._on_loopback(argument) for argument in deployed["args"]]
    changed = [(before, after) for before, after in zip(deployed["args"], run, strict=True) if before != after]
    assert changed == [
        ("--listen=0.0.0.0:8443", f"--listen=127.0.0.1:{container.port}"),
        ("--metrics-listen=0.0.0.0:8080", f"--metrics-listen=127.0.0.1:{container.metrics_port}"),
    ]


def test_it_finds_the_api_server_as_a_pod_does(tmp_path: Path) -> None:
    told = Container("none", tmp_path, SERVER, tmp_path)._api()
    assert told == ["KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=6443"]


def test_a_container_that_was_not_started_has_no_process(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the container does not run"):
        Container("none", tmp_path, SERVER, tmp_path).program  # noqa: B018 - asking for it is the test

import base64
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.app import create_app
from demo.settings import MIB, parse
from devcluster.binaries import binary

DEMO = Path(__file__).parent.parent.parent / "demo"
OVERLAYS = ("base", "overlays/small", "overlays/hungry")
LIMIT_MIB = {"DEMO_LIMIT_MIB": "256"}

Manifest = dict[str, Any]


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    kubectl = shutil.which("kubectl") or str(binary("kubectl"))
    done = subprocess.run(
        [kubectl, "kustomize", str(DEMO / "manifests" / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def one(overlay: str, kind: str) -> Manifest:
    (found,) = [manifest for manifest in render(overlay) if manifest["kind"] == kind]
    return found


def pod(overlay: str) -> Manifest:
    template: Manifest = one(overlay, "Deployment")["spec"]["template"]
    return template


def container(overlay: str) -> Manifest:
    (only,) = pod(overlay)["spec"]["containers"]
    return dict(only)


def test_there_is_no_overlay_that_is_not_looked_at() -> None:
    found = {str(path.parent.relative_to(DEMO / "manifests")) for path in DEMO.rglob("kustomization.yaml")}
    assert found == set(OVERLAYS)


@pytest.mark.parametrize(("overlay", "replicas"), [("base", 2), ("overlays/small", 1), ("overlays/hungry", 6)])
def test_replicas(overlay: str, replicas: int) -> None:
    assert one(overlay, "Deployment")["spec"]["replicas"] == replicas


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_requests_and_limits(overlay: str) -> None:
    assert container(overlay)["resources"] == {
        "requests": {"memory": "128Mi", "cpu": "250m"},
        "limits": {"memory": "256Mi", "cpu": "500m"},
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_probes_ask_what_the_application_answers(overlay: str) -> None:
    client = create_app({}).test_client()
    probes = {name: probe for name, probe in container(overlay).items() if name.endswith("Probe")}
    assert set(probes) == {"startupProbe", "readinessProbe", "livenessProbe"}
    for probe in probes.values():
        assert probe["httpGet"]["port"] in {port["name"] for port in container(overlay)["ports"]}
        assert client.get(probe["httpGet"]["path"]).status_code == 200


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_config_map_is_referenced_and_can_be_used(overlay: str) -> None:
    config = one(overlay, "ConfigMap")
    assert container(overlay)["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
    settings = parse(config["data"] | LIMIT_MIB)
    assert settings.greeting == config["data"]["DEMO_GREETING"]
    assert settings.step_bytes == int(config["data"]["DEMO_STEP_MIB"]) * MIB
    assert settings.cap_bytes == int(config["data"]["DEMO_CAP_MIB"]) * MIB


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_limit_is_told_by_the_container_itself(overlay: str) -> None:
    (limit,) = [variable for variable in container(overlay)["env"] if variable["name"] == "DEMO_LIMIT_MIB"]
    assert limit["valueFrom"]["resourceFieldRef"] == {"resource": "limits.memory", "divisor": "1Mi"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_secret_is_mounted_where_the_application_looks(overlay: str) -> None:
    secret = one(overlay, "Secret")
    (volume,) = pod(overlay)["spec"]["volumes"]
    (mount,) = container(overlay)["volumeMounts"]
    (file,) = [variable["value"] for variable in container(overlay)["env"] if variable["name"] == "DEMO_SECRET_FILE"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    assert Path(file).parent == Path(mount["mountPath"])
    assert base64.b64decode(secret["data"][Path(file).name])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_pod_keeps_to_the_restricted_standard_that_its_namespace_enforces(overlay: str) -> None:
    assert one(overlay, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod(overlay)["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod(overlay)["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_meet_the_pods(overlay: str) -> None:
    labels = pod(overlay)["metadata"]["labels"].items()
    assert one(overlay, "Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert one(overlay, "Service")["spec"]["selector"].items() <= labels
    assert one(overlay, "Service")["spec"]["ports"][0]["targetPort"] == container(overlay)["ports"][0]["name"]


def test_hungry_applied_over_the_base_only_scales() -> None:
    assert pod("overlays/hungry") == pod("base")
    budget = one("overlays/hungry", "PodDisruptionBudget")["spec"]
    assert budget["selector"] == one("base", "Deployment")["spec"]["selector"]


def test_a_changed_config_map_rolls_the_deployment() -> None:
    assert one("overlays/small", "ConfigMap")["metadata"]["name"] != one("base", "ConfigMap")["metadata"]["name"]


def test_the_image_pins_what_the_project_pins() -> None:
    pins = (DEMO / "requirements.txt").read_text(encoding="utf-8").split()
    project = (DEMO.parent / "requirements.txt").read_text(encoding="utf-8").split()
    assert [pin.split("==")[0] for pin in pins] == ["flask", "gunicorn"]
    assert set(pins) <= set(project)

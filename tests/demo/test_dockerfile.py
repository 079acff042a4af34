"""The demonstration's image can be built on any base with Python 3.11, and runs as the Deployment's user."""

import re
from pathlib import Path

import yaml

DEMO = Path(__file__).parents[2] / "demo"
DOCKERFILE = (DEMO / "Dockerfile").read_text()


def test_its_base_is_an_argument_of_the_build_with_the_webhooks_default() -> None:
    ours = (DEMO.parent / "Dockerfile").read_text()
    (default,) = re.findall(r"^ARG (BASE_IMAGE=\S+)$", ours, re.MULTILINE)
    assert DOCKERFILE.index(f"ARG {default}") < DOCKERFILE.index("FROM ${BASE_IMAGE}")


def test_it_installs_into_an_environment_which_its_command_uses() -> None:
    """Debian's own Python refuses to be installed into."""
    (folder,) = re.findall(r"python3 -m venv (\S+)", DOCKERFILE)
    assert f"{folder}/bin/pip install" in DOCKERFILE
    assert f"ENV PATH={folder}/bin:${{PATH}}" in DOCKERFILE


def test_it_runs_as_the_deployments_user() -> None:
    deployment = yaml.safe_load((DEMO / "manifests" / "base" / "deployment.yaml").read_text())
    user = deployment["spec"]["template"]["spec"]["securityContext"]
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == [f"{user['runAsUser']}:{user['runAsGroup']}"]

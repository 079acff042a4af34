"""The image: what the Deployment counts on, and how it is layered."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import webhook

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def instruction(dockerfile: str, word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", dockerfile, re.MULTILINE)


def test_the_image_runs_as_the_deployments_user_and_opens_its_ports(dockerfile: str) -> None:
    deployment = yaml.safe_load((ROOT / "manifests" / "base" / "deployment.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    user = pod["securityContext"]
    assert instruction(dockerfile, "USER") == [f"{user['runAsUser']}:{user['runAsGroup']}"]
    ports = [str(port["containerPort"]) for container in pod["containers"] for port in container["ports"]]
    assert instruction(dockerfile, "EXPOSE") == [" ".join(ports)]
    assert instruction(dockerfile, "ENTRYPOINT") == ['["headroom"]']


def test_a_change_of_the_source_reuses_the_layers_of_the_dependencies(dockerfile: str) -> None:
    order = [
        "COPY requirements.txt",
        "-r /src/requirements.txt",
        "COPY webhook",
        "COPY --from=dependencies",
        "COPY --from=application",
    ]
    found = [dockerfile.index(step) for step in order]
    assert found == sorted(found)


def test_the_image_carries_the_projects_version(dockerfile: str) -> None:
    assert instruction(dockerfile, "ARG")[-1] == f"VERSION={webhook.__version__}"


def test_only_what_the_image_is_made_of_enters_the_build(dockerfile: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source for copy in instruction(dockerfile, "COPY") for source in copy.split()[:-1] if "--from" not in copy
    }
    assert let_in == copied


def test_the_wheel_that_is_installed_is_the_one_that_is_built(dockerfile: str) -> None:
    """The name of a wheel is the distribution's, with `_` for `-` (the binary distribution format)."""
    distribution = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    assert re.findall(r"/wheels/(\S+)", dockerfile) == [f"{distribution.replace('-', '_')}-*.whl"]

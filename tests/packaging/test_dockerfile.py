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
        "image.dependencies /src/requirements.txt",
        "COPY webhook",
        "COPY --from=dependencies",
        "COPY --from=application",
    ]
    found = [dockerfile.index(step) for step in order]
    assert found == sorted(found)


def test_the_image_carries_the_projects_version(dockerfile: str) -> None:
    assert instruction(dockerfile, "ARG")[-1] == f"VERSION={webhook.__version__}"


def stages(dockerfile: str) -> list[str]:
    return re.split(r"^(?=FROM )", dockerfile, flags=re.MULTILINE)[1:]


def test_nothing_runs_in_the_shipped_stage_so_no_other_architecture_is_emulated(dockerfile: str) -> None:
    *building, shipped = stages(dockerfile)
    assert "RUN" not in shipped
    assert building[0].startswith("FROM --platform=${BUILDPLATFORM} ${BASE_IMAGE}")
    assert shipped.startswith("FROM ${BASE_IMAGE}")
    for stage in building:
        assert "ARG TARGETARCH" in stage


def test_what_the_build_runs_is_there(dockerfile: str) -> None:
    modules = set(re.findall(r"-m (image\.\w+)", dockerfile))
    assert modules == {"image.dependencies", "image.check"}
    for name in modules:
        assert (ROOT / f"{name.replace('.', '/')}.py").is_file()


def test_the_labels_come_last_and_are_the_ocis(dockerfile: str) -> None:
    """A label before a COPY would make that layer new with each version."""
    shipped = stages(dockerfile)[-1]
    assert shipped.index("LABEL") > max(shipped.rindex(word) for word in ("COPY", "ENV", "USER", "CMD"))
    names = re.findall(r"(\S+)=\"", shipped[shipped.index("LABEL") :])
    assert {name.removeprefix("org.opencontainers.image.") for name in names} == {
        "title", "description", "licenses", "source", "documentation", "version",
    }  # fmt: skip


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

"""What the image leaves out of its dependencies: nothing that the webhook or another dependency needs."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from devcluster.image.bill import canonical
from image.dependencies import ARCHITECTURES, LEFT_OUT, NOT_INSTALLED, leave_out, platform_flags, wanted

ABSENT = sorted(name.replace("-", "_") for name in NOT_INSTALLED)
LINES = ["# a comment", "", "kubernetes==37.0.2", *(f"{name}==1.0  # pinned" for name in sorted(NOT_INSTALLED))]


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package `kubernetes` of this environment, as the image has it."""
    folder = tmp_path_factory.mktemp("slim")
    installed = Path(str(distribution("kubernetes").locate_file("kubernetes")))
    # Links, since nothing in the package is written, only removed; the list of files is written, so it is copied.
    shutil.copytree(installed, folder / "kubernetes", copy_function=_link)
    (record,) = installed.parent.glob("kubernetes-*.dist-info")
    shutil.copytree(record, folder / record.name)
    leave_out(folder)
    return folder


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(source)


def pinned(checkout: Path) -> list[str]:
    return (checkout / "requirements.txt").read_text().splitlines()


def test_every_requirement_is_pinned_and_what_only_the_other_client_needs_is_not_installed() -> None:
    assert wanted(LINES) == ["kubernetes==37.0.2"]
    with pytest.raises(ValueError, match="not of the form name==version"):
        wanted([*LINES, "flask>=3"])
    with pytest.raises(ValueError, match="yarl: left out of the image, but not required any longer"):
        wanted(line for line in LINES if not line.startswith("yarl"))


def test_pip_resolves_nothing_so_the_requirements_are_complete(checkout: Path) -> None:
    """Each requirement of each dependency is installed; only `kubernetes` requires what is left out."""
    names = {line.partition("==")[0] for line in wanted(pinned(checkout))}
    for name in names:
        for text in distribution(name).requires or []:
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            found = canonical(needed.name)
            assert found in names or (name == "kubernetes" and found in NOT_INSTALLED), f"{name} needs {found}"


@pytest.mark.parametrize(("architecture", "machine"), ARCHITECTURES.items())
def test_wheels_are_of_the_images_architecture_and_never_built(architecture: str, machine: str) -> None:
    flags = platform_flags(architecture, (3, 11))
    assert f"--platform=manylinux_2_17_{machine}" in flags
    assert {"--python-version=3.11", "--abi=cp311", "--abi=abi3", "--abi=none", "--only-binary=:all:"} <= set(flags)
    assert not any(other in flag for flag in flags for other in ARCHITECTURES.values() if other != machine)


def test_an_architecture_without_wheels_is_refused() -> None:
    with pytest.raises(ValueError, match="no wheels for 's390x': there is amd64 and arm64"):
        platform_flags("s390x")


def test_what_is_left_out_is_neither_there_nor_listed(slim: Path) -> None:
    assert not (slim / "kubernetes" / "aio").exists()
    for name in LEFT_OUT[1:]:
        assert [path.name for path in (slim / name).iterdir()] == ["__init__.py"]
    (record,) = slim.glob("*.dist-info/RECORD")
    listed = [row[0] for row in csv.reader(record.read_text().splitlines())]
    assert "kubernetes/client/rest.py" in listed
    assert not [name for name in listed if re.match(r"kubernetes/(aio/|client/(api|models)/(?!__init__))", name)]


def run(slim: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with the slim package, and as if what is not installed were not there."""
    absent = f"import sys; [sys.modules.__setitem__(name, None) for name in {ABSENT!r}]\n"
    # Nothing is compiled, so that no folder is there that was not.
    environment = {"PYTHONPATH": f"{slim}:{Path.cwd()}", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", absent + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_every_module_of_the_webhook_can_be_imported_without_it(slim: Path) -> None:
    done = run(slim, "from image.check import main; main()")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"all \d{3} modules can be imported\n", done.stdout)


def test_a_kubeconfig_that_asks_a_plug_in_for_its_token_works_without_it(slim: Path, tmp_path: Path) -> None:
    given = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t0k3n"}}
    plug_in = {"apiVersion": given["apiVersion"], "command": "echo", "args": [json.dumps(given)]}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": plug_in | {"interactiveMode": "Never"}}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    code = f"from webhook.kube.client import configure; print(configure({str(file)!r}).api_key)"
    done = run(slim, code)
    assert done.returncode == 0, done.stderr
    assert "Bearer t0k3n" in done.stdout


def test_the_check_notices_what_is_missing(slim: Path, tmp_path: Path) -> None:
    shutil.copytree(slim, tmp_path / "more", symlinks=True)
    (tmp_path / "more" / "kubernetes" / "client" / "rest.py").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "image.check"],
        env={"PYTHONPATH": f"{tmp_path / 'more'}:{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "kubernetes" in done.stderr.splitlines()[-1]


def test_another_kubernetes_package_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "kubernetes" / "client").mkdir(parents=True)
    with pytest.raises(ValueError, match="this version of kubernetes differs"):
        leave_out(tmp_path)

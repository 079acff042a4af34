"""A release for this platform and this Python, made for real, and used as its users would."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest
import yaml

import release.__main__ as command
import webhook
from devcluster.binaries import binary
from devcluster.helm import Helm
from release.packages import ROOT
from release.single_file import PLATFORMS

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
HERE: Final = f"{sys.platform}-{MACHINES.get(platform.machine(), platform.machine())}"
POD: Final = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"containers": [{"name": "c", "image": "none", "resources": {"requests": {"memory": "3Gi"}}}]},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "dist"
    files = command.make(out, [HERE], [f"{sys.version_info.major}.{sys.version_info.minor}"])
    assert sorted(out.iterdir()) == sorted(files)
    return out


@pytest.fixture(scope="module")
def wheel(made: Path) -> Path:
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which nothing but `pip install kubectl-headroom` was done."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
    subprocess.run([folder / "bin" / "pip", "install", *quiet, wheel], check=True)
    return folder / "bin"


def run(*line: str | Path, path: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a pod as input, and with nothing of this environment but what finds programs."""
    search = f"{path}:{os.defpath}" if path else os.environ["PATH"]
    return subprocess.run(
        line,
        input=yaml.safe_dump(POD),
        env={"PATH": search, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def pins(name: str) -> set[str]:
    """Return what a requirements file pins, with names as metadata has them."""
    lines = (ROOT / name).read_text().splitlines()
    return {line.strip() for line in lines if "==" in line and not line.startswith("#")}


def test_there_is_everything_that_a_release_has(made: Path) -> None:
    version = webhook.__version__
    assert {each.name for each in made.iterdir()} == {
        f"kubectl_headroom-{version}-py3-none-any.whl",
        f"kubectl_headroom-{version}.tar.gz",
        f"headroom-{version}.tgz",
        f"kubectl-headroom-{HERE}",
        f"kubectl-headroom-{HERE}.tar.gz",
        *("install.yaml", "krew.yaml", "SHA256SUMS"),
    }
    assert (made / "install.yaml").read_text() == (ROOT / "manifests" / "install.yaml").read_text()


def test_its_checksums_are_of_all_files_and_right(made: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=made, capture_output=True, check=True)
    assert done.stdout.count(b": OK\n") == len([*made.iterdir()]) - 1


def test_the_wheel_has_the_code_the_page_and_nothing_of_the_tests(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = [each for each in archive.namelist() if ".dist-info/" not in each]
        (entries,) = (archive.read(each).decode() for each in archive.namelist() if each.endswith("entry_points.txt"))
    assert {each.partition("/")[0] for each in names} == {"webhook", "certs"}
    for folder in ("webhook", "certs"):
        files = {str(each.relative_to(ROOT)) for each in (ROOT / folder).rglob("*.py")}
        assert files <= set(names), "a package is missing in pyproject.toml"
    assert [each for each in names if each.startswith("webhook/web/static/")]
    assert [each for each in names if each.startswith("webhook/web/templates/")]
    assert {line.partition(" ")[0] for line in entries.splitlines()[1:] if line} == {"headroom", "kubectl-headroom"}


def test_the_wheel_needs_a_persons_libraries_and_for_the_webhook_those_of_the_image(wheel: Path) -> None:
    said = metadata(wheel)
    assert said["Version"] == webhook.__version__
    needed = {False: set[str](), True: set[str]()}
    for each in said.get_all("Requires-Dist", []):
        what, _, marker = each.partition(";")
        needed['extra == "webhook"' in marker].add(what.strip())
    assert needed == {False: pins("requirements-tools.txt"), True: pins("requirements.txt")}
    assert needed[False] < needed[True]
    for server in ("flask", "gunicorn", "cryptography", "prometheus-client"):
        assert not any(pin.startswith(f"{server}==") for pin in needed[False])


def test_both_programs_are_installed_and_run_without_the_webhooks_libraries(installed: Path) -> None:
    for program in ("headroom", "kubectl-headroom"):
        done = run(installed / program, "--version")
        assert done.stdout.endswith(f", version {webhook.__version__}\n"), done.stderr
    counted = run(installed / "headroom", "footprint", "-f", "-", "-o", "json")
    assert '"requestsBytes":3221225472' in re.sub(r"\s", "", counted.stdout), counted.stderr
    for name in ("blocked", "check", "denials", "explain", "fit", "report", "simulate", "trial"):
        helped = run(installed / "headroom", name, "--help")
        assert helped.stdout.startswith(f"Usage: headroom {name}"), helped.stderr
    serving = run(installed / "headroom", "serve")
    assert serving.returncode == 1
    assert "pip install 'kubectl-headroom[webhook]'" in serving.stderr


def test_one_file_is_the_kubectl_plugin(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made / f"kubectl-headroom-{HERE}.tar.gz") as archive:
        archive.extractall(tmp_path / "bin", filter="data")
    assert {each.name for each in (tmp_path / "bin").iterdir()} == {"kubectl-headroom", "LICENSE"}
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)  # what is called so elsewhere may be another version
    kubectl = shutil.which("kubectl") or binary("kubectl")
    done = run(kubectl, "headroom", "footprint", "-f", "-", path=tmp_path / "bin", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Pod +shop +web .* 3Gi ", done.stdout, re.MULTILINE)
    reported = run(
        tmp_path / "bin" / "kubectl-headroom", "report", "--direct", path=tmp_path / "bin", HOME=str(tmp_path)
    )
    assert reported.returncode == 3, reported.stdout  # the libraries are there, and a cluster is not
    assert "kubeconfig" in reported.stderr.lower()


def test_the_chart_in_it_is_the_chart(made: Path, tmp_path: Path) -> None:
    helm = Helm(3, tmp_path / "helm")
    version = "--kube-version=1.37.0"
    packed, folder = (
        helm.run("template", "headroom", chart, "--namespace=headroom-system", version).stdout
        for chart in (made / f"headroom-{webhook.__version__}.tgz", ROOT / "charts" / "headroom")
    )
    assert packed == folder


def test_it_is_made_in_an_empty_folder_of_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old").touch()
    with pytest.raises(SystemExit, match="is not empty: remove it"):
        command.make(tmp_path)
    monkeypatch.setattr(command, "changed", lambda: ["?? new.py"])
    with pytest.raises(SystemExit, match=r"commit or remove first: \?\? new.py"):
        command.main(["--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(command, "changed", list)

    def make(*each: object) -> list[Path]:
        asked.append(each)
        return [tmp_path / "old"]

    monkeypatch.setattr(command, "make", make)
    command.main(["--out", str(tmp_path / "out")])
    assert asked == [(tmp_path / "out", tuple(PLATFORMS))]
    assert capsys.readouterr().out.strip() == f"0  {tmp_path / 'old'}"

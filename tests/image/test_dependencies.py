"""What the image leaves out of its dependencies: nothing that the webhook or another dependency needs."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from devcluster.image.bill import canonical
from image.dependencies import (
    ARCHITECTURES,
    HASHES,
    LEFT_OUT,
    NOT_INSTALLED,
    leave_out,
    platform_flags,
    wanted,
    with_hashes,
)

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


def test_each_pin_has_the_hashes_of_its_files_and_nothing_else_has() -> None:
    checkout = HASHES.parents[1]
    pins = {line for line in pinned(checkout) if "==" in line}
    lines = with_hashes(sorted(pins), HASHES.read_text())
    assert all(line.count("--hash=sha256:") >= 1 for line in lines)
    written = [line.partition(" ")[0] for line in HASHES.read_text().splitlines() if "==" in line]
    assert sorted(written) == sorted(pins), "run make hashes"


def test_what_builds_is_pinned_with_hashes_too() -> None:
    folder = HASHES.parent
    pins = [line for line in (folder / "building.in").read_text().splitlines() if not line.startswith("#")]
    written = (folder / "building.txt").read_text()
    assert "\n".join(with_hashes(pins, written)) + "\n" == written, "run make hashes"
    assert {pin.partition("==")[0] for pin in pins} == {"pip", "setuptools"}
    lines = re.sub(r" \\\n *&&", "\nRUN", (folder.parent / "Dockerfile").read_text()).splitlines()
    from_the_registry = [line for line in lines if "pip install" in line]
    assert len(from_the_registry) == 1
    assert "--require-hashes --requirement /build/image/building.txt" in from_the_registry[0]


def test_a_pin_without_hashes_is_refused() -> None:
    hashes = "".join(
        f"{name}==1.0 \\\n    --hash=sha256:{digit * 64} \\\n    --hash=sha256:{'0' * 64}\n"
        for name, digit in ("ab", "cd")
    )
    assert with_hashes(["c==1.0"], hashes) == [
        f"c==1.0 \\\n    --hash=sha256:{'d' * 64} \\\n    --hash=sha256:{'0' * 64}"
    ]
    with pytest.raises(ValueError, match=r"does not have c==1.1: run make hashes"):
        with_hashes(["a==1.0", "c==1.1"], hashes)


def test_pip_refuses_another_file_than_the_one_that_was_hashed(tmp_path: Path) -> None:
    """The file has the name and the version that are asked for; only its digest is another."""
    with zipfile.ZipFile(tmp_path / "thing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("thing.py", "")
        wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(Path(str(wheel.filename)).read_bytes()).hexdigest()
    for hashed, succeeds in ((digest, True), ("0" * 64, False)):
        requirements = tmp_path / "requirements.txt"
        requirements.write_text("\n".join(with_hashes(["thing==1.0"], f"thing==1.0 \\\n    --hash=sha256:{hashed}\n")))
        command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", f"--find-links={tmp_path}"]
        to = [f"--target={tmp_path / hashed}", f"--requirement={requirements}"]
        done = subprocess.run([*command, *to], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is succeeds, done.stderr
        assert succeeds or "hash" in done.stderr.lower()


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

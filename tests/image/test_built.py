"""The image, built for real: its layers and size, what is in it and what is not; its own command judges pods."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devcluster import gate, nodes
from devcluster.api import ApiError
from devcluster.controlplane import ControlPlane
from devcluster.image.build import BILL, STATEMENT, Built, Wanted, archived, build, install_stage, write
from devcluster.image.buildah import Buildah
from devcluster.image.container import Container, Server
from devcluster.replicas import ACCOUNT, NAMESPACE, issue_certificates
from image.dependencies import ARCHITECTURES, LEFT_OUT, NOT_INSTALLED, own_architecture
from tests.e2e.pods import asking
from tests.image.conftest import BASE_MB, LIMIT_MB
from tests.support.kustomize import MANIFESTS, one, render
from webhook import __version__

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

PODS = "/api/v1/namespaces/default/pods"
MACHINES = {"amd64": 62, "arm64": 183}  # e_machine of ELF, at byte 18


@pytest.fixture(scope="module")
def root(buildah: Buildah, built: Built) -> Iterator[Path]:
    """The image's root file system."""
    with buildah.mounted(built.name) as folder:
        yield folder


def site_packages(root: Path) -> Path:
    (found,) = root.glob("opt/headroom/lib/python3*/site-packages")
    return found


def test_it_is_small_and_is_two_layers_on_its_base(built: Built) -> None:
    assert len(built.layers) == 3
    assert built.size - built.base_size <= (LIMIT_MB - BASE_MB) * 1e6
    assert built.size <= LIMIT_MB * 1e6


def test_a_change_of_the_code_makes_one_layer_new(
    built: Built, buildah: Buildah, tmp_path: Path, checkout: Path, named: Callable[[str], str]
) -> None:
    changed = tmp_path / "checkout"
    changed.mkdir()
    for name in ("webhook", "certs", "image"):
        shutil.copytree(checkout / name, changed / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", *_requirements(checkout)):
        shutil.copy2(checkout / name, changed / name)
    version = changed / "webhook" / "cli" / "files.py"
    version.write_text(f"{version.read_text()}\n# a change\n")
    again = build(Wanted(name=named("changed"), checkout=changed), buildah)
    assert again.layers[:-1] == built.layers[:-1]
    assert again.layers[-1] != built.layers[-1]


def _requirements(checkout: Path) -> list[str]:
    return [path.name for path in checkout.glob("requirements*.txt")]


def test_it_has_what_the_webhook_imports_and_not_what_it_never_does(root: Path) -> None:
    packages = site_packages(root)
    assert (packages / "webhook" / "manager.py").is_file()
    assert (packages / "kubernetes" / "config" / "kube_config.py").is_file()
    for name in LEFT_OUT:
        assert [path.name for path in (packages / name).glob("*.py")] in ([], ["__init__.py"])
    names = {path.name.partition("-")[0].replace("_", "-") for path in packages.glob("*.dist-info")}
    assert not names & (NOT_INSTALLED | {"pip", "setuptools", "wheel"})
    assert not list((root / "opt" / "build").glob("*")), "what built it stays behind"


def test_everything_is_compiled_and_owned_by_root_and_nobody_may_write_it(root: Path) -> None:
    packages = site_packages(root)
    for path in packages.rglob("*.py"):
        assert list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")), f"{path} is compiled at each start"
    for path in (root / "opt" / "headroom").rglob("*"):
        told = path.lstat()
        assert (told.st_uid, told.st_gid) == (0, 0)
        assert path.is_symlink() or not told.st_mode & 0o022, path


def test_nothing_of_this_machine_is_in_it(root: Path, built: Built, buildah: Buildah) -> None:
    for name in (
        "etc/pip.conf",
        "etc/resolv.conf",
        "run/build",
        "root/.config",
        "root/.cache",
        "src",
        "build",
        "wheels",
    ):
        assert not (root / name).exists(), name
    told = json.dumps(buildah.inspect(built.name)["OCIv1"])
    assert not re.search(r"pip\.conf|PIP_|SSL_CERT|_PROXY|_proxy", told)
    environment = buildah.inspect(built.name)["OCIv1"]["config"]["Env"]
    assert {each.partition("=")[0] for each in environment} == {"PATH", "LANG"}


def test_its_labels_say_what_it_is(built: Built, buildah: Buildah) -> None:
    labels = buildah.inspect(built.name)["OCIv1"]["config"]["Labels"]
    named = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert named["version"] == __version__
    assert named["base.name"] == built.base
    assert named["base.digest"].startswith("sha256:")
    assert named["licenses"] == "Apache-2.0"


def test_its_papers_are_about_the_archive_beside_them(built: Built, buildah: Buildah, tmp_path: Path) -> None:
    bill, statement, archive = write(built, tmp_path, buildah=buildah)
    assert (bill.name, statement.name) == (BILL, STATEMENT)
    digest = archived(archive)
    listed = json.loads(bill.read_text())
    assert listed["metadata"]["component"]["purl"].endswith(digest.replace(":", "%3A"))
    said = json.loads(statement.read_text())
    assert said["subject"] == [{"name": built.name, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    names = {each["name"] for each in listed["components"]}
    assert {"kubernetes", "uvloop", "cryptography", "kubectl-headroom", "libc6", "python3.11-minimal"} <= names
    assert not names & NOT_INSTALLED


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_each_architecture_gets_its_own_wheels(
    buildah: Buildah, named: Callable[[str], str], architecture: str
) -> None:
    name = named(architecture)
    install_stage(Wanted(architecture=architecture), buildah, name)
    with buildah.mounted(name) as stage:
        libraries = list(site_packages(stage).rglob("*.so"))
        assert len(libraries) > 10
        assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries} == {MACHINES[architecture]}


def test_its_own_command_judges_pods_as_a_pods_container(
    built: Built, bare_control_plane: ControlPlane, tmp_path: Path
) -> None:
    plane = bare_control_plane
    issue_certificates(tmp_path / "certificates")
    closed = gate.apply_all_but_the_gate(plane)
    account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}"
    token = plane.api.create(f"{account}/token", {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    deployment = one(render(MANIFESTS / "base"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    nodes.add(plane, 1)
    server = Server(plane.url, plane.ca_file, token)
    try:
        with Container(built.name, tmp_path, server, tmp_path / "certificates", deployment["args"]) as container:
            container.wait()
            gate.close(plane, closed, container.url, tmp_path / "certificates" / "ca.crt")
            assert _user_of_child(container.program.pid) == 65532
            plane.api.create(PODS, asking("fits", "1Gi"))
            with pytest.raises(ApiError, match="exceeds the cluster's memory headroom: it adds 7Gi"):
                plane.api.create(PODS, asking("too-big", "7Gi"))
    finally:
        gate.open_again(plane)
        plane.api.delete(f"{PODS}/fits", gracePeriodSeconds=0)
        nodes.remove_all(plane)


def _user_of_child(pid: int) -> int:
    """The user of the `headroom` process below a process."""
    done = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,uid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in done.stdout.splitlines()]
    below = {str(pid)}
    for _ in rows:
        below |= {row[0] for row in rows if row[1] in below}
    users = {int(row[2]) for row in rows if row[0] in below and "headroom serve" in row[3]}
    (user,) = users
    return user


def test_the_demonstration_is_built_on_the_same_base_and_starts(
    built: Built, buildah: Buildah, checkout: Path, named: Callable[[str], str]
) -> None:
    demonstration = named("demonstration")
    build(Wanted(name=demonstration, base=built.base, checkout=checkout / "demo"), buildah)
    container = buildah("from", "--pull-never", demonstration)
    try:
        code = "import demo.app, os; print(demo.app.create_app().name, os.getuid())"
        assert buildah("run", "--isolation=chroot", container, "--", "python", "-c", code) == "demo.app 10001"
    finally:
        buildah("rm", container)


def test_what_is_built_is_for_this_machine_by_default() -> None:
    assert Wanted().architecture == own_architecture()

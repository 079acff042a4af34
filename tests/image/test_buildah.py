"""What a build is told of this machine, and what is said where it cannot run."""

import os
from pathlib import Path

import pytest

from devcluster.image import base, buildah
from devcluster.image.buildah import ImageError, check, missing, network_of_this_machine, pip_settings


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with its own index, authority and wheels, told to pip by a file and by the environment."""
    authority, settings = tmp_path / "authority.crt", tmp_path / "pip.conf"
    authority.write_text("an authority\n")
    settings.write_text("[global]\nindex-url = https://index.example/simple\n[install]\nno-deps = true\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_CERT", str(authority))
    monkeypatch.setenv("PIP_FIND_LINKS", "/opt/wheels")
    return authority


def test_pip_in_a_build_reaches_what_pip_here_reaches(pip: Path) -> None:
    with network_of_this_machine() as flags:
        mounts = dict(flag.removeprefix("--volume=").split(":")[:2] for flag in flags)
        assert mounts[str(pip)] == "/run/build/ca.crt"
        (file,) = [here for here, there in mounts.items() if there == "/etc/pip.conf"]
        assert Path(file).read_text() == (
            "[global]\ncert = /run/build/ca.crt\nindex-url = https://index.example/simple\n"
        )
    assert not Path(file).exists()


def test_nothing_of_it_is_a_variable_that_would_stay_in_the_image(pip: Path) -> None:
    with network_of_this_machine() as flags:
        assert all(flag.startswith("--volume=") and flag.endswith(":ro") for flag in flags)


def test_files_of_this_machine_are_no_setting_of_a_build(pip: Path) -> None:
    assert "find-links" not in pip_settings()


def test_a_machine_without_the_programs_is_told_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buildah, "_path", lambda: "/nowhere")
    assert missing()[:3] == ["buildah", "debootstrap", "runc"]
    with pytest.raises(ImageError, match=r"apt-get install buildah debootstrap runc.*or build with Docker"):
        check()


def test_only_root_can_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert missing()[-1] == "the rights of root"


def test_a_base_has_nothing_of_the_machine_that_made_it(tmp_path: Path) -> None:
    for name in ("etc", "debootstrap", "var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "some").write_text("")
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.1\n")
    (tmp_path / "etc/hostname").write_text("here\n")
    base.clean(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["etc/some"]
    assert (tmp_path / "var/cache/apt/archives").is_dir()


def test_a_base_of_other_packages_is_another_base(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base.key()
    monkeypatch.setattr(base, "PACKAGES", ("python3-venv",))
    assert base.key() != before

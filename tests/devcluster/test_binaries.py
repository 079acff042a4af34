"""A binary is built again when what it is built from changes, and only then."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devcluster import compiler, toolchain
from devcluster.binaries import COMPONENTS, MULTI_CALL, NEWEST, binary, built, commands, key, release
from devcluster.compiler import BuildError
from devcluster.store import only_one, store
from devcluster.toolchain import ToolchainError, find_go, usable

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "$@" >> {calls}
echo some/package >&2
[ -n "$CUT_OFF" ] && [ ! -e "$CUT_OFF" ] && {{ touch "$CUT_OFF"; echo "dial tcp: i/o timeout" >&2; exit 1; }}
[ -n "$FAILS" ] && {{ echo "main.go:1:1: syntax error" >&2; exit 1; }}
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / "cmd" / name).mkdir(parents=True)
        (tmp_path / "cmd" / name / "main.go").write_text("package main")
    (tmp_path / "go.mod").write_text("module example\n\ngo 1.26.0\n")
    (tmp_path / "go.sum").write_text("")
    return tmp_path


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "cmd/one/main.go"])
def test_what_a_command_is_built_from_is_in_its_key(module: Path, changed: str) -> None:
    before = key("one", "go1.26.8", module)
    (module / changed).write_text("other")
    assert key("one", "go1.26.8", module) != before


def test_a_new_file_and_a_new_compiler_are_in_the_key(module: Path) -> None:
    before = key("one", "go1.26.8", module)
    assert key("one", "go1.26.9", module) != before
    (module / "cmd" / "one" / "more.go").write_text("package main")
    assert key("one", "go1.26.8", module) != before


@pytest.mark.parametrize("changed", ["cmd/two/main.go", "cmd/one/main_test.go", "README.md"])
def test_what_a_command_is_not_built_from_is_not(module: Path, changed: str) -> None:
    before = key("one", "go1.26.8", module)
    (module / changed).write_text("other")
    assert key("one", "go1.26.8", module) == before


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Puts a `go` first on PATH that writes down how it is called, with a store of its own; gives the list of calls."""

    def put(version: str = "go1.26.8") -> Path:
        calls = tmp_path / "calls"
        calls.touch()
        (tmp_path / "bin").mkdir(exist_ok=True)
        go = tmp_path / "bin" / "go"
        go.write_text(FAKE_GO.format(version=version, calls=calls))
        go.chmod(0o755)
        return calls

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("KUBERNETES", raising=False)
    monkeypatch.setattr(toolchain, "INSTALLERS_PLACE", tmp_path / "nowhere")
    _forget()
    yield put
    _forget()


def _forget() -> None:
    built.cache_clear()
    toolchain.version.cache_clear()


def test_a_command_is_built_once_and_found_from_then_on(fake_go: Callable[..., Path]) -> None:
    calls = fake_go()
    first = binary("balancer")
    built.cache_clear()  # as in another process
    assert binary("balancer") == first
    assert first.read_text() == "built\n"
    assert len(calls.read_text().splitlines()) == 1


def test_the_components_are_names_of_one_binary(fake_go: Callable[..., Path]) -> None:
    calls = fake_go()
    for name in COMPONENTS:
        assert binary(name).name == name
        assert binary(name).resolve().name == MULTI_CALL
    (call,) = calls.read_text().splitlines()
    assert f"gitVersion={NEWEST.version}" in call
    assert "-modfile" not in call


def test_another_version_is_built_from_its_own_modules_and_kept_beside_the_first(
    fake_go: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_go()
    newest = binary("kube-apiserver")
    monkeypatch.setenv("KUBERNETES", "1.36")
    older = binary("kube-apiserver")
    assert older != newest
    assert newest.exists()
    assert older.exists()
    call = calls.read_text().splitlines()[-1]
    assert "gitVersion=v1.36.3" in call
    assert "-modfile=go-1.36.mod -tags=kubernetes_1_36" in call
    assert binary("kube-apiserver", NEWEST) == newest
    assert len(calls.read_text().splitlines()) == 2


def test_what_is_the_same_for_every_version_is_built_once(
    fake_go: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_go()
    first = binary("balancer")
    monkeypatch.setenv("KUBERNETES", "1.36")
    assert binary("balancer") == first
    assert len(calls.read_text().splitlines()) == 1


def test_a_version_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", "1.12")
    with pytest.raises(ValueError, match=r"KUBERNETES=1\.12: there are 1\.36 and 1\.37"):
        release()
    monkeypatch.setenv("KUBERNETES", "v1.36.3")
    assert release().minor == "1.36"


def test_a_failed_build_says_why_and_leaves_nothing_behind(
    fake_go: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_go()
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(BuildError, match=r"balancer did not build .*\n(.*\n)*main.go:1:1: syntax error"):
        built("balancer")
    assert len(calls.read_text().splitlines()) == 1, "to try again would be in vain"
    assert [path.name for path in store().iterdir()] == ["balancer.lock"]
    monkeypatch.delenv("FAILS")
    assert (built("balancer") / "balancer").exists()


def test_a_download_that_was_cut_off_is_tried_again(
    fake_go: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = fake_go()
    monkeypatch.setattr(compiler, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("CUT_OFF", str(tmp_path / "cut-off"))
    assert (built("balancer") / "balancer").exists()
    assert len(calls.read_text().splitlines()) == 2
    assert "Trying again" in capsys.readouterr().err


def test_two_that_need_it_at_once_build_it_once(fake_go: Callable[..., Path]) -> None:
    calls = fake_go()
    code = "from devcluster.binaries import binary; print(binary('balancer'))"
    with only_one("balancer"):  # holds both up, so that neither sees the other's result before it asks
        both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        threading.Event().wait(0.5)
    answers = {process.communicate(timeout=120)[0] for process in both}
    assert len(answers) == 1
    assert len(calls.read_text().splitlines()) == 1


def test_assets_of_envtest_are_used_as_they_are(
    fake_go: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_go()
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert binary("etcd") == assets / "etcd"
    assert not calls.read_text()
    assert binary("kube-scheduler").resolve().name == MULTI_CALL  # not there, so ours


@pytest.mark.parametrize(("version", "good"), [("go1.26.8", True), ("go1.27", True), ("go1.25.9", False), ("", False)])
def test_a_go_that_is_too_old_is_passed_over(
    fake_go: Callable[..., Path], tmp_path: Path, version: str, good: bool
) -> None:
    fake_go(version)
    assert usable(tmp_path / "bin" / "go") is good


def test_without_any_go_the_error_says_what_to_do(
    fake_go: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go("go1.20")
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # as on a machine that reaches no registry
    with pytest.raises(ToolchainError, match=r"no Go 1\.26\.0 or newer .*(.*\n)*Install Go from"):
        find_go()


def test_an_unknown_command_is_refused_with_the_known_ones(fake_go: Callable[..., Path]) -> None:
    fake_go()
    with pytest.raises(ValueError, match="control-plane, affinity, balancer"):
        built("nonsense")


def test_the_longest_build_comes_first() -> None:
    assert commands()[0] == MULTI_CALL
    assert {"balancer", "kwok"} < set(commands())


def test_progress_is_a_line_now_and_then_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    progress = compiler.Progress("kwok", sys.stderr)
    for line in ("go: downloading example.com v1", "k8s.io/api/core/v1", "k8s.io/apimachinery"):
        progress.saw(line)
    progress.done()
    assert capsys.readouterr().err == "  kwok 0:00 built from 2 packages\n"

"""Helm is the version that its modules name, and reads nothing of what its user has set."""

from pathlib import Path

import pytest

from devcluster.helm import MAJORS, MODULES, Helm, pinned


@pytest.mark.long
@pytest.mark.parametrize("major", MAJORS)
def test_each_is_of_the_version_that_its_modules_name(
    major: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "somewhere")
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    helm = Helm(major, tmp_path)
    said = helm.run("version", "--template={{.Version}}").stdout
    assert said == pinned(MODULES / f"v{major}", f"helm.sh/helm/v{major}")
    assert said.startswith(f"v{major}.")
    shown = dict(line.split("=", 1) for line in helm.run("env").stdout.splitlines())
    assert shown["HELM_NAMESPACE"] == '"default"'
    assert shown["HELM_CACHE_HOME"] == f'"{tmp_path / "cache"}"'


@pytest.mark.long
def test_a_failure_says_what_was_run_and_why_it_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"Helm 3: helm template /no/chart ended with 1: .*not found"):
        Helm(3, tmp_path).run("template", "/no/chart")


def test_modules_without_helm_are_told_of_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module empty\n")
    with pytest.raises(ValueError, match=r"names no version of helm.sh/helm/v3: run `go get -tool"):
        pinned(tmp_path, "helm.sh/helm/v3")

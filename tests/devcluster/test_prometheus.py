"""Prometheus is built once from its own modules, and is told what to scrape; tests/e2e/test_prometheus.py runs it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from devcluster import compiler, prometheus
from devcluster.prometheus import MODULES, PROGRAMS, Prometheus, key, programs


class Build(NamedTuple):
    """One call of the compiler."""

    module: Path
    packages: tuple[str, ...]
    flags: tuple[str, ...]


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Build]]:
    """A store of the test's own, and a compiler that only writes down what it is called with."""
    called: list[Build] = []

    def compile_packages(
        go: Path, name: str, module: Path, packages: Sequence[str], folder: Path, more: Sequence[str] = ()
    ) -> None:
        called.append(Build(module, tuple(packages), tuple(more)))
        for package in packages:
            (folder / package.rpartition("/")[2]).touch()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "compile_packages", compile_packages)
    monkeypatch.setattr(prometheus, "find_go", lambda: Path("/go"))
    monkeypatch.setattr(prometheus, "version", lambda _: "go1.26.8")
    programs.cache_clear()
    yield called
    programs.cache_clear()


def test_both_programs_are_built_once_and_found_from_then_on(builds: list[Build]) -> None:
    first = programs()
    assert {each.name for each in first.iterdir()} == set(PROGRAMS)
    programs.cache_clear()  # as in another process
    assert programs() == first
    (build,) = builds
    assert build.module == MODULES
    assert build.flags == ("-tags=remove_all_sd",)


def test_what_they_are_built_from_is_in_the_key(tmp_path: Path) -> None:
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text("")
    before = key("go1.26.8", tmp_path)
    assert key("go1.26.9", tmp_path) != before
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text("other")
        assert key("go1.26.8", tmp_path) != before


def test_its_configuration_has_what_it_scrapes_and_its_rules(tmp_path: Path) -> None:
    scrape = [{"job_name": "one", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    Prometheus(tmp_path, scrape, [tmp_path / "rules.yaml"], "1s")
    written = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    assert written["scrape_configs"] == scrape
    assert written["rule_files"] == [str(tmp_path / "rules.yaml")]
    assert set(written["global"].values()) == {"1s"}

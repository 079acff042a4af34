"""Tools are built once from their own modules, in the versions that these name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from devcluster import compiler, helm, prometheus, tools
from devcluster.tools import Tool, key, programs

TOOL = Tool("two", Path("/modules"), ("example.com/a/cmd/one", "example.com/a/cmd/two"), ("-tags=few",))


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
    monkeypatch.setattr(tools, "find_go", lambda: Path("/go"))
    monkeypatch.setattr(tools, "version", lambda _: "go1.26.8")
    programs.cache_clear()
    yield called
    programs.cache_clear()


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Two programs of modules whose versions are known."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in ("go.mod", "go.sum"):
        (modules / name).write_text("")
    return TOOL._replace(modules=modules)


def test_all_programs_of_a_tool_are_built_once_and_found_from_then_on(builds: list[Build], tool: Tool) -> None:
    first = programs(tool)
    assert {each.name for each in first.iterdir()} == {"one", "two"}
    programs.cache_clear()  # as in another process
    assert programs(tool) == first
    assert builds == [Build(tool.modules, tool.packages, tool.flags)]


def test_what_they_are_built_from_is_in_the_key(tool: Tool) -> None:
    before = key(tool, "go1.26.8")
    assert key(tool, "go1.26.9") != before
    assert key(tool._replace(flags=()), "go1.26.8") != before
    for name in ("go.mod", "go.sum"):
        (tool.modules / name).write_text("other")
        assert key(tool, "go1.26.8") != before


@pytest.mark.parametrize("tool", [prometheus.TOOL, *map(helm.tool, helm.MAJORS)], ids=lambda tool: str(tool.name))
def test_each_tool_names_its_modules_and_their_checksums(tool: Tool) -> None:
    for package in tool.packages:
        assert f"\t{package}\n" in (tool.modules / "go.mod").read_text() or (
            f"tool {package}\n" in (tool.modules / "go.mod").read_text()
        )
    assert (tool.modules / "go.sum").read_text()

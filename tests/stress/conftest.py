"""Fixtures of storms; `--storm-full` gives them their full length (`python -m tests.stress`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.controlplane import ControlPlane
from tests.stress.figures import Figures, table
from tests.stress.scene import APISERVER, Scene, scene

FIGURES = pytest.StashKey[list[Figures]]()
Record = list[Figures]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where pytest is started for this folder alone; everywhere else the storms are short."""
    parser.addoption("--storm-full", action="store_true", help="storms at full length, the slow ones too")


def pytest_configure(config: pytest.Config) -> None:
    """Runs when this file is loaded, be it late."""
    config.addinivalue_line("markers", "slow: a storm that only `python -m tests.stress` runs")
    config.stash[FIGURES] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow ones out of a short run."""
    if _full(config):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures."""
    if config.stash[FIGURES]:
        terminalreporter.section("storms")
        terminalreporter.write_line(table(config.stash[FIGURES]))


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether storms have their full length."""
    return _full(pytestconfig)


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Record:
    """Where storms put their figures for the table."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def storm_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Etcd and an API server alone, which gives every request a short time."""
    with ControlPlane(tmp_path_factory.mktemp("storm"), controllers=False, apiserver_flags=APISERVER) as plane:
        yield plane


@pytest.fixture(scope="session")
def controlled_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The same with controllers, scheduler and KWOK."""
    with ControlPlane(tmp_path_factory.mktemp("storm-full"), controllers=True, apiserver_flags=APISERVER) as plane:
        yield plane


@pytest.fixture
def bare(storm_plane: ControlPlane) -> Iterator[Scene]:
    """A storm's place where nothing moves by itself."""
    with scene(storm_plane) as place:
        yield place


@pytest.fixture
def controlled(controlled_plane: ControlPlane) -> Iterator[Scene]:
    """A storm's place where controllers work."""
    with scene(controlled_plane) as place:
        yield place


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where replicas keep their logs."""
    return tmp_path / "headroom"


def _full(config: pytest.Config) -> bool:
    return bool(config.getoption("storm_full", default=False))

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
    """Add the option; pytest knows it only if it is started for this folder alone, and else storms are short."""
    parser.addoption("--storm-full", action="store_true", help="storms at full length, the slow ones too")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the marker and the figures; pytest calls this even if it loads this file late."""
    config.addinivalue_line("markers", "slow: a storm that only `python -m tests.stress` runs")
    config.stash[FIGURES] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow storms out of a short run."""
    if _full(config):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of figures."""
    if config.stash[FIGURES]:
        terminalreporter.section("storms")
        terminalreporter.write_line(table(config.stash[FIGURES]))


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether storms have their full length."""
    return _full(pytestconfig)


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Record:
    """The list to which storms add their figures for the table."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def storm_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Only etcd and an API server, which limits every request to a short time."""
    with ControlPlane(tmp_path_factory.mktemp("storm"), controllers=False, apiserver_flags=APISERVER) as plane:
        yield plane


@pytest.fixture(scope="session")
def controlled_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The same control plane with controllers, scheduler and KWOK."""
    with ControlPlane(tmp_path_factory.mktemp("storm-full"), controllers=True, apiserver_flags=APISERVER) as plane:
        yield plane


@pytest.fixture
def bare(storm_plane: ControlPlane) -> Iterator[Scene]:
    """A scene without controllers, where pods change only by the storm itself."""
    with scene(storm_plane) as place:
        yield place


@pytest.fixture
def controlled(controlled_plane: ControlPlane) -> Iterator[Scene]:
    """A scene with controllers."""
    with scene(controlled_plane) as place:
        yield place


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder for the replicas' logs."""
    return tmp_path / "headroom"


def _full(config: pytest.Config) -> bool:
    return bool(config.getoption("storm_full", default=False))

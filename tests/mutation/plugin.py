"""A plugin for pytest in the copied tree: the quickest tests run first, and no time goes into explaining a failure.

The first run of a room writes how long each test takes, and which modules from outside the tree all of them need.
"""

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    max_examples=40,  # of 100: what a test finds is found early, and a fault that survives is worth its time
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

_taken: dict[str, float] = {}


def _scratch() -> Path:
    return Path(os.environ["MUTANTS_SCRATCH"])


def _durations() -> Path:
    return _scratch() / f"{os.environ['MUTANTS_ROOM']}.json"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the quickest first; a test that was not there before is quick."""
    if _durations().exists():
        known: dict[str, float] = json.loads(_durations().read_text())
        items.sort(key=lambda item: known.get(item.nodeid, 0.0))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test takes, with its fixtures."""
    _taken[report.nodeid] = _taken.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep what was measured, if nothing was kept before and all of it has passed."""
    if exitstatus == pytest.ExitCode.OK and not _durations().exists():
        _durations().write_text(json.dumps(_taken))
        (_scratch() / "modules.json").write_text(json.dumps(_from_outside(Path.cwd())))


def _from_outside(tree: Path) -> list[str]:
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return [name for name, file in files.items() if file and not Path(file).is_relative_to(tree) and name != "__main__"]

"""A plugin for pytest in the copied tree: the quickest tests run first, and no time goes into explaining a failure.

It writes how long each test takes to the file that `MUTANTS_DURATIONS` names, or goes by it where it is there already.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

_taken: dict[str, float] = {}


def _file() -> Path:
    return Path(os.environ["MUTANTS_DURATIONS"])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the quickest first; a test that was not there before is quick."""
    if _file().exists():
        known: dict[str, float] = json.loads(_file().read_text())
        items.sort(key=lambda item: known.get(item.nodeid, 0.0))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test takes, with its fixtures."""
    _taken[report.nodeid] = _taken.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep what was measured, if nothing was kept before and all of it has passed."""
    if exitstatus == pytest.ExitCode.OK and not _file().exists():
        _file().write_text(json.dumps(_taken))

"""A short run of each target, the same each time, and a run that must find something."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.running import fuzz
from tests.fuzz.targets import NAMES

# requirements-dev.txt has atheris where a wheel of it exists.
HAS_WHEEL = (sys.platform, platform.machine()) == ("linux", "x86_64") and sys.version_info < (3, 14)
pytestmark = pytest.mark.skipif(not HAS_WHEEL, reason="there is no wheel of atheris for this platform")

RUNS = 300


def test_atheris_is_installed_where_there_is_a_wheel() -> None:
    assert find_spec("atheris") is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_short_run_finds_nothing(name: str, tmp_path: Path) -> None:
    found = fuzz(name, [f"-runs={RUNS}"], seed=1, work=tmp_path)
    assert not found.failure, found.failure
    assert found.executions >= RUNS
    assert found.coverage > 30


def test_an_input_that_breaks_a_target_is_found_and_kept(tmp_path: Path) -> None:
    """A target that breaks at one word shows that coverage guides the search and that failures are told."""
    found = fuzz("broken", ["-runs=100000"], seed=1, work=tmp_path)
    assert "AssertionError: the word was found" in found.failure
    assert [path.read_bytes()[:4] for path in (tmp_path / "broken").glob("crash-*")] == [b"fuzz"]

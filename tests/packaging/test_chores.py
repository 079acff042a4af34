"""The chores: `make unit` is quick because it leaves things out, and nothing else leaves anything out."""

import re
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.examples import UNIT, examples

ROOT = Path(__file__).parents[2]
QUICK = ('-m "not long"', f"--hypothesis-profile={UNIT}")


def chore(name: str) -> str:
    """Return the commands of a target of the Makefile."""
    found = re.search(rf"^{name}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_the_whole_suite_leaves_no_test_and_no_example_out() -> None:
    assert re.search(r"pytest$", chore("test"), re.MULTILINE), "no option, no path"
    for option in ("not long", "--hypothesis-profile", "--deselect", "--ignore"):
        assert option not in chore("test")
    assert (ROOT / ".ci/run").read_text().split()[-4:] == ["make", "check", "make", "test"]


@pytest.mark.parametrize("name", ["unit", "coverage"])
def test_the_quick_chores_run_every_room(name: str) -> None:
    assert "tests/unit tests/certs" in chore(name)
    for option in QUICK:
        assert option in chore(name)


@pytest.mark.parametrize(("full", "quick"), [(300, 60), (100, 20), (25, 5), (10, 5)])
def test_only_the_profile_of_make_unit_draws_fewer_examples(full: int, quick: int) -> None:
    now = settings.get_current_profile_name()
    try:
        settings.load_profile(UNIT)
        assert examples(full) == quick
        assert settings().max_examples == 20
        for name in ("shared machine", "default"):
            settings.load_profile(name)
            assert examples(full) == full
            assert settings().max_examples == 100
    finally:
        settings.load_profile(now)

"""What is pinned is what is needed: all of it, and nothing else."""

from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ABOVE = "# What these need, pinned as well."


def pins(text: str) -> dict[str, str]:
    """Return the versions that lines pin, by name."""
    split = (line.split("==") for line in text.splitlines() if "==" in line)
    return {canonicalize_name(name): version for name, version in split}


def needed(names: set[str]) -> set[str]:
    """Return these and everything that they need, as installed here."""
    found, open_ones = set[str](), {*names}
    while open_ones:
        name = open_ones.pop()
        found.add(name)
        parsed = (Requirement(each) for each in requires(name) or ())
        wanted = (each for each in parsed if each.marker is None or each.marker.evaluate({"extra": ""}))
        open_ones |= {canonicalize_name(each.name) for each in wanted} - found
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-tools.txt"])
def test_everything_that_is_needed_is_pinned_and_nothing_else(name: str) -> None:
    direct, _, rest = (ROOT / name).read_text().partition(ABOVE)
    assert needed(set(pins(direct))) == {*pins(direct), *pins(rest)}


def test_a_persons_commands_and_the_webhook_have_the_same_versions() -> None:
    tools, webhook = (pins((ROOT / name).read_text()) for name in ("requirements-tools.txt", "requirements.txt"))
    assert tools.items() < webhook.items()

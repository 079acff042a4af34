"""Rooms: which tests are there for which code, and so must notice a fault in it.

A room of the core is a package, with the package of the same name under the tests. Of the shell, only modules without
a socket are rooms. The protocol is left out: it has mutants of its own, written by hand (tests/core/protocol/mutants).
"""

from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """Source files and the tests, files or folders, that are run for each fault in them; relative to the checkout."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]


_CORE, _CORE_TESTS = "webhook/core", "tests/core"
_PROTOCOL = {"sharing"}
_MORE = {"manifests": ("tests/test_cli_footprint.py",)}  # whose golden files are of what this room prints
_SHELL = {
    "admission": ("test_admission", "test_waiting", "test_patience", "test_credit_of_reviews"),
    "patience": ("test_patience", "test_admission"),
    "waiting": ("test_waiting", "test_admission", "test_credit_of_reviews"),
    "auditline": ("test_audit", "test_auditline"),
    "feed": ("test_feed",),
    "quotaview": ("test_quotaview",),
    "reserves": ("test_reserves",),
    "overlaps": ("test_overlaps",),
    "backoff": ("test_backoff",),
    "pause": ("test_pause",),
    "holders": ("test_credit_of_reviews",),
    "forecast": ("test_forecast",),
    "guard": ("test_guard",),
}


def rooms(checkout: Path) -> list[Room]:
    """Return the rooms of this project."""
    packages = sorted(path.parent.name for path in (checkout / _CORE).glob("*/__init__.py"))
    core = [_package(checkout, name) for name in packages if name not in _PROTOCOL]
    shell = [
        Room(name, (f"webhook/{name}.py",), tuple(f"tests/{test}.py" for test in tests))
        for name, tests in _SHELL.items()
    ]
    return core + shell


def _package(checkout: Path, name: str) -> Room:
    sources = sorted((checkout / _CORE / name).glob("*.py"))
    return Room(
        name,
        tuple(str(path.relative_to(checkout)) for path in sources),
        (f"{_CORE_TESTS}/{name}", *_MORE.get(name, ())),
    )

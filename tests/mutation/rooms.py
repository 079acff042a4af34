"""Rooms: which tests are there for which code, and so must notice a fault in it.

A room of the core is a package, with the package of the same name under the tests. Of the shell, only modules without
a socket are rooms. The protocol is left out: it has mutants of its own, written by hand (tests/model/mutants).
"""

from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """Source files and the tests, files or folders, that are run for each fault in them; relative to the checkout."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]


_CORE, _UNIT = "webhook/core", "tests/unit"
_PROTOCOL = {"sharing"}
_MORE = {"manifests": ("cli/test_footprint.py",)}  # whose golden files are of what this room prints
_SHELL = {
    "admission/pods": (
        "admission/test_pods.py",
        "admission/test_pods_basis.py",
        "admission/test_pending.py",
        "state/test_pending.py",
        "admission/test_deadlines.py",
        "admission/test_pods_credit.py",
    ),
    "admission/deadlines": ("admission/test_deadlines.py", "admission/test_pods.py"),
    "admission/pending": ("admission/test_pending.py",),
    "state/pending": ("state/test_pending.py", "admission/test_pods.py", "admission/test_pods_credit.py"),
    "admission/workloads": ("admission/test_workloads.py",),
    "admission/orphans": ("admission/test_orphans.py",),
    "admission/configuration": ("admission/test_configuration.py",),
    "observability/audit_record": ("observability/test_audit_log.py", "observability/test_audit_record.py"),
    "state/sync_status": ("state/test_sync_status.py",),
    "state/quota_view": ("state/test_quota_view.py",),
    "state/reserves": ("state/test_reserves.py",),
    "state/pool_overlaps": ("state/test_pool_overlaps.py",),
    "state/holders": ("state/test_holders.py", "admission/test_pods_credit.py"),
    "kube/backoff": ("kube/test_backoff.py",),
    "kube/throttle": ("kube/test_throttle.py",),
}


def rooms(checkout: Path) -> list[Room]:
    """Return the rooms of this project."""
    packages = sorted(path.parent.name for path in (checkout / _CORE).glob("*/__init__.py"))
    core = [_package(checkout, name) for name in packages if name not in _PROTOCOL]
    shell = [
        Room(name, (f"webhook/{name}.py",), tuple(f"{_UNIT}/{test}" for test in tests))
        for name, tests in _SHELL.items()
    ]
    return core + shell


def _package(checkout: Path, name: str) -> Room:
    sources = sorted((checkout / _CORE / name).glob("*.py"))
    return Room(
        name,
        tuple(str(path.relative_to(checkout)) for path in sources),
        tuple(f"{_UNIT}/{test}" for test in (f"core/{name}", *_MORE.get(name, ()))),
    )

"""The cgroups that a kubelet must find there before it starts: one of its own in every hierarchy of version 1."""

import os
import time
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/mounts")
CPUSET: Final = ("cpuset.cpus", "cpuset.mems")
GONE_SECONDS: Final = 20.0


def hierarchies(mounts: Path = MOUNTS) -> dict[Path, str]:
    """Where each hierarchy is mounted, and its options; one of version 2 has the options of its own, or none."""
    lines = (line.split() for line in mounts.read_text().splitlines())
    return {Path(place): options for _, place, kind, options, *_ in lines if kind in ("cgroup", "cgroup2")}


def memory_hierarchy(mounts: Path = MOUNTS) -> Path | None:
    """Where the memory controller of version 1 is mounted; None if it is not."""
    found = (place for place, options in hierarchies(mounts).items() if "memory" in options.split(","))
    return next(found, None)


def make(name: str) -> None:
    """Make the cgroup `name`, such as headroom-real/real-1, in every hierarchy."""
    for root in hierarchies():
        folder = root
        for part in Path(name).parts:
            parent, folder = folder, folder / part
            folder.mkdir(exist_ok=True)
            # In a cpuset nothing can run before it has processors and memory nodes, which are not inherited.
            for file in CPUSET:
                if (folder / file).exists() and not (folder / file).read_text().strip():
                    (folder / file).write_text((parent / file).read_text())


def remove(name: str) -> bool:
    """Remove that cgroup and all below it in every hierarchy; False if there was none. Its processes must be ending."""
    found = [root / name for root in hierarchies() if (root / name).exists()]
    deadline = time.monotonic() + GONE_SECONDS
    for folder in found:
        for inner, _, _ in os.walk(folder, topdown=False):
            _remove_one(Path(inner), deadline)
    return bool(found)


def _remove_one(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # a process in it has not ended yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return

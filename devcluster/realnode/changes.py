"""What real nodes change on the machine, on disk before it is changed, so that it is put back also after a crash.

The record is outside every checkout, because the machine is one. Processes need no record: they die with the one that
started them (devcluster/processes.py), and the namespaces and mounts of a node die with its processes.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Final

from devcluster.realnode import cgroups
from devcluster.store import store

SYSCTL: Final = "sysctl"
LINK: Final = "link"
CGROUPS: Final = "cgroups"


class Changes:
    """The record: a line for each change; `put_back` undoes them, the last one first, and removes it."""

    def __init__(self, path: Path | None = None, sysctls: Path = Path("/proc/sys")) -> None:
        self._path = path or store() / "real-node.changes"
        self._sysctls = sysctls

    def keep_sysctl(self, name: str) -> None:
        """Record the value of a sysctl that will be changed, named as in sysctl(8); nothing if there is none."""
        file = self._file(name)
        if file.exists():
            self._add(SYSCTL, name, file.read_text().strip())

    def add_link(self, name: str) -> None:
        """Record a network device that will be made."""
        self._add(LINK, name)

    def add_cgroups(self, name: str) -> None:
        """Record a cgroup that will be made in every hierarchy."""
        self._add(CGROUPS, name)

    def read(self) -> list[list[str]]:
        """The lines of the record, in their order; a last line that was cut off had no effect yet."""
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        return [json.loads(line) for line in lines]

    def put_back(self) -> list[str]:
        """Undo every change, and return what was undone; raises OSError if one cannot be, which stays recorded."""
        undone = []
        for kind, name, *value in reversed(self.read()):
            if self._undo(kind, name, *value):
                undone.append(f"{kind} {name}")
        self._path.unlink(missing_ok=True)
        return undone

    def _undo(self, kind: str, name: str, *value: str) -> bool:
        if kind == SYSCTL:
            file = self._file(name)
            if file.read_text().strip() == value[0]:
                return False
            file.write_text(value[0])
            return True
        if kind == LINK:
            return _remove_link(name)
        return cgroups.remove(name)

    def _file(self, name: str) -> Path:
        return self._sysctls / name.replace(".", "/")

    def _add(self, *line: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _remove_link(name: str) -> bool:
    if not Path("/sys/class/net", name).exists():
        return False
    subprocess.run(["ip", "link", "delete", name], check=True)
    return True

"""A sandbox: a copy of the tree in which a fault is put into one file, and the tests of its room are run.

The checkout is only read. The copy is removed whatever happens, and so are all processes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutation.edits import Edit
from tests.mutation.rooms import Room

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".local", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info")
_LONGEST = 900.0  # seconds for the tests of a room without a fault
_AT_LEAST = 60.0  # seconds: a machine that does other things as well is no sign of an endless loop
_TIMES = 5  # as long as without a fault, and it is taken for an endless loop


class BaselineError(Exception):
    """The tests of a room fail without any fault, so that they can show nothing."""


class Sandbox:
    """One copy; belongs to one thread. `server` runs the tests in it (server.py)."""

    def __init__(self, root: Path, scratch: Path, server: "subprocess.Popen[str]") -> None:
        self._root = root
        self._scratch = scratch
        self._server = server
        self._baselines: dict[str, float] = {}

    def notices(self, room: Room, source: str, edit: Edit) -> bool:
        """Say whether the tests of the room fail with a fault in one of its files.

        Raises `BaselineError` if they do without it.
        """
        patience = max(_AT_LEAST, _TIMES * self._baseline(room))
        path = self._root / source
        good, was = path.read_bytes(), path.stat()
        path.write_bytes(edit.applied(good))
        os.utime(path, (was.st_atime + 10, was.st_mtime + 10))  # or the compiled file would be taken for it
        try:
            return self._run(room, patience, keep=False) != 0
        finally:
            path.write_bytes(good)
            os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    def _baseline(self, room: Room) -> float:
        """Return how long the tests of a room take without a fault, in seconds."""
        if room.name not in self._baselines:
            began = time.monotonic()
            if self._run(room, _LONGEST, keep=True) != 0:
                said = (self._scratch / "said.txt").read_text(errors="replace")[-3000:]
                raise BaselineError(f"the tests of {room.name} do not pass without a fault:\n{said}")
            self._baselines[room.name] = time.monotonic() - began
        return self._baselines[room.name]

    def _run(self, room: Room, seconds: float, *, keep: bool) -> int:
        """Run the tests of a room; return the exit code."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = {"tests": room.tests, "seconds": seconds, "room": room.name, "keep": keep}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        code = self._server.stdout.readline()
        if not code:
            raise BaselineError("the process that runs the tests has ended by itself")
        return int(code)


@contextmanager
def sandbox(checkout: Path) -> Iterator[Sandbox]:
    """Copy a tree, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="headroom-mutants-", ignore_cleanup_errors=True) as folder:
        root, scratch = Path(folder) / "tree", Path(folder) / "scratch"
        scratch.mkdir()
        shutil.copytree(checkout, root, ignore=_LEFT_OUT, symlinks=True)
        here = Path(__file__)
        shutil.copyfile(here.with_name("plugin.py"), scratch / "mutants_plugin.py")
        command = [sys.executable, str(here.with_name("server.py")), str(scratch)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=root, text=True, **pipes) as server:  # type: ignore[call-overload]
            try:
                yield Sandbox(root, scratch, server)
            finally:
                server.terminate()

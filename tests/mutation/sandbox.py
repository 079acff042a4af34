"""A sandbox: a copy of the tree in which a fault is put into one file, and the tests of its room are run.

The checkout is only read. The copy is removed whatever happens, and a run of the tests that takes too long is ended
with all that it started.
"""

import os
import resource
import shutil
import signal
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
_MEMORY = 4 << 30  # bytes: what a fault may make the tests take before they fail
_AT_LEAST = 30.0  # seconds: a machine that does other things as well is no sign of an endless loop
_TIMES = 5  # as long as without a fault, and it is taken for an endless loop


class BaselineError(Exception):
    """The tests of a room fail without any fault, so that they can show nothing."""


class Sandbox:
    """One copy; belongs to one thread. `python` is the interpreter that has the packages of the tests."""

    def __init__(self, root: Path, scratch: Path, python: str = sys.executable) -> None:
        self._root = root
        self._scratch = scratch
        self._python = python
        self._baselines: dict[str, float] = {}
        self._plugin = "mutants_plugin"
        shutil.copyfile(Path(__file__).with_name("plugin.py"), scratch / f"{self._plugin}.py")

    def notices(self, room: Room, source: str, edit: Edit) -> bool:
        """Say whether the tests of the room fail with a fault in one of its files.

        Raises `BaselineError` if they do without it.
        """
        patience = max(_AT_LEAST, _TIMES * self._baseline(room))
        path = self._root / source
        good, changed = path.read_bytes(), path.stat()
        path.write_bytes(edit.applied(good))
        os.utime(path, (changed.st_atime + 10, changed.st_mtime + 10))  # or a compiled file would be taken for it
        try:
            return self._run(room, patience, keep=False)[0] != 0
        finally:
            path.write_bytes(good)
            os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))

    def _baseline(self, room: Room) -> float:
        """Return how long the tests of a room take without a fault, in seconds."""
        if room.name not in self._baselines:
            began = time.monotonic()
            code, said = self._run(room, 600.0, keep=True)
            if code != 0:
                raise BaselineError(f"the tests of {room.name} do not pass without a fault:\n{said[-3000:]}")
            self._baselines[room.name] = time.monotonic() - began
        return self._baselines[room.name]

    def _run(self, room: Room, patience: float, *, keep: bool) -> tuple[int, str]:
        """Run the tests of a room; return the exit code, which is not 0 after `patience` seconds, and what was said."""
        command = [self._python, "-m", "pytest", *room.tests, "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
        command += ["-p", self._plugin, "--hypothesis-profile=mutants"]
        environment = {**os.environ, "PYTHONPATH": f"{self._root}{os.pathsep}{self._scratch}"}
        environment |= {"MUTANTS_DURATIONS": str(self._scratch / f"{room.name}.json")}
        environment |= {} if keep else {"PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_bounded,  # noqa: PLW1509 - it takes no lock
        ) as process:
            try:
                said, _ = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                _end(process)
                said = "it took too long"
            except BaseException:
                _end(process)
                raise
        return process.returncode, said


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    os.nice(10)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a run that nobody has waited for yet, so that its number is still its own, and all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def sandbox(checkout: Path) -> Iterator[Sandbox]:
    """Copy a tree, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="headroom-mutants-", ignore_cleanup_errors=True) as folder:
        root, scratch = Path(folder) / "tree", Path(folder) / "scratch"
        scratch.mkdir()
        shutil.copytree(checkout, root, ignore=_LEFT_OUT, symlinks=True)
        yield Sandbox(root, scratch)

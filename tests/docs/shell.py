"""A shell as the reader of a page has it: what one command exports, and where it goes, holds for the next."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SECONDS = 240.0  # for one command
TOOK_TOO_LONG = 124  # as timeout(1) has it
# What this process has of its surroundings that a reader has not.
OURS = (
    *("KUBECONFIG", "VIRTUAL_ENV", "MAKE", "MFLAGS", "HEADROOM", "PYTEST", "PYTHONPATH", "GIT_"),
    *("NODES", "NODE_MEMORY", "NODE_CPU", "REPLICAS", "CONTROLLERS"),
)


class Done(NamedTuple):
    """How a command ended, and what it printed on both streams."""

    code: int
    printed: str


class Shell:
    """Bash in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self._left: set[int] = set()

    def copy(self) -> "Shell":
        """Another one that goes on from here."""
        return Shell(self.folder, self.environment)

    def run(self, command: str) -> Done:
        """Run one command; a command in a pipe that fails makes the pipe fail."""
        with tempfile.TemporaryDirectory() as kept, Path(kept, "printed").open("w+") as output:
            keep = f'env -0 >"{kept}/env"; pwd >"{kept}/pwd"; jobs -p >"{kept}/left"'
            script = f"trap 'code=$?; {keep}; exit $code' EXIT\nset -o pipefail\n{command}\n"
            # Its output goes to a file: what a command leaves in the background would keep a pipe open.
            program = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = program.wait(SECONDS)
                self._take_over(Path(kept))
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
                code = TOOK_TOO_LONG
            output.seek(0)
            return Done(code, output.read())

    def end_background(self) -> None:
        """End what commands with `&` have left running."""
        for pid in self._left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._left = set()

    def _take_over(self, kept: Path) -> None:
        pairs = (kept / "env").read_text().split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        self.folder = Path((kept / "pwd").read_text().strip())
        self._left |= set(map(int, (kept / "left").read_text().split()))


def without(environment: Mapping[str, str], checkout: Path, *, first: Path) -> dict[str, str]:
    """The environment of somebody who has not been here: on the PATH `first`, and nothing of this checkout."""
    paths = [each for each in environment["PATH"].split(os.pathsep) if not Path(each).is_relative_to(checkout)]
    kept = {name: value for name, value in environment.items() if not name.startswith(OURS)}
    return kept | {"PATH": os.pathsep.join([str(first), *paths])}

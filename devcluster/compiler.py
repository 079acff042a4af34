"""Runs `go build` and shows its progress, because the first build of Kubernetes takes minutes."""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from devcluster.toolchain import MODULE, environment

EVERY_SECONDS_IN_A_LOG = 15.0
EVERY_SECONDS_AT_A_TERMINAL = 0.5

# `go` does not retry a download, and without a cache it downloads hundreds of modules. Complete downloads are kept.
CUT_OFF = re.compile(
    r"dial tcp|i/o timeout|handshake timeout|connection re(set|fused)|unexpected EOF|: 5\d\d [A-Z]|GOAWAY"
)
TRIES = 3
PAUSE_SECONDS = 10.0
FAILED = """{command} did not build (go build ended with {code}):
{tail}
If modules could not be downloaded, check the network and GOPROXY; `go clean -modcache` removes damaged ones."""


class BuildError(RuntimeError):
    """`go build` failed; the message has its last lines."""


def flags(stamps: str) -> Sequence[str]:
    """The flags of the build: a small binary, without paths of this machine, and go.mod is not changed."""
    return "-v", "-trimpath", "-mod=readonly", f"-ldflags=-s -w {stamps}".strip()


def compile_command(go: Path, command: str, target: Path, stamps: str, more: Sequence[str] = ()) -> None:
    """Build the folder cmd/`command` into `target`, with progress on stderr; again if a download was cut off."""
    _patiently(command, MODULE, [str(go), "build", *flags(stamps), *more, "-o", str(target), f"./cmd/{command}"])


def compile_packages(
    go: Path, name: str, module: Path, packages: Sequence[str], folder: Path, more: Sequence[str] = ()
) -> None:
    """Build packages that a module requires into `folder`, in the same way; `name` is what progress is shown of."""
    _patiently(name, module, [str(go), "build", *flags(""), *more, "-o", f"{folder}/", *packages])


def _patiently(name: str, module: Path, line: Sequence[str]) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            _compile(name, module, line)
        except BuildError as error:
            if not tries_left or not CUT_OFF.search(str(error)):
                raise
            print(f"{error}\nTrying again in {PAUSE_SECONDS:.0f} s", file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _compile(name: str, module: Path, line: Sequence[str]) -> None:
    progress = Progress(name, sys.stderr)
    with subprocess.Popen(
        line, cwd=module, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        ticking = threading.Thread(target=progress.tick, daemon=True)
        ticking.start()
        try:
            for said in build.stderr or ():
                progress.saw(said.strip())
        finally:
            progress.stop()
            ticking.join()
    if build.returncode != 0:
        raise BuildError(FAILED.format(command=name, code=build.returncode, tail=progress.tail()))
    progress.done()


class Progress:
    """Shows the progress of a build: one line that is rewritten at a terminal, a new line every 15 s in a log."""

    def __init__(self, command: str, out: TextIO) -> None:
        self._command, self._out = command, out
        self._terminal = out.isatty()
        self._begun = time.monotonic()
        self._last: deque[str] = deque(["looking at the modules"], maxlen=20)
        self._packages = 0
        self._stopped = threading.Event()

    def saw(self, line: str) -> None:
        """Take a line of `go build -v`: the name of a package that is compiled now, or a message."""
        if not line:
            return
        self._last.append(line)
        self._packages += " " not in line

    def tick(self) -> None:
        """Show the progress until stopped; runs on a thread of its own."""
        print(f"Building {self._command}: once, a few minutes if nothing of it is cached", file=self._out, flush=True)
        every = EVERY_SECONDS_AT_A_TERMINAL if self._terminal else EVERY_SECONDS_IN_A_LOG
        while not self._stopped.wait(every):
            self._show(f"{self._packages} packages, at {self._last[-1]}")

    def stop(self) -> None:
        """End `tick`."""
        self._stopped.set()

    def tail(self) -> str:
        """The last lines of the build's output."""
        return "\n".join(self._last)

    def done(self) -> None:
        """Show the last line, with the number of packages."""
        self._show(f"built from {self._packages} packages")
        if self._terminal:
            print(file=self._out, flush=True)

    def _show(self, state: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        line = f"  {self._command} {minutes}:{seconds:02} {state}"
        if self._terminal:
            # Cut to a usual width: a line that wraps cannot be rewritten.
            print(f"\r{line[:79]:<79}", end="", file=self._out, flush=True)
        else:
            print(line, file=self._out, flush=True)

"""Programs started by the local control plane: each with its log, known by pid and start time, ended as a group."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0  # as Kubernetes gives by default

# Linux' prctl(2): PR_SET_PDEATHSIG is 1, and it survives execve. The parent may have died before the call.
TETHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotReadyError(RuntimeError):
    """Something did not come about in time, or its program died; the message ends with the end of its log."""


class Identity(NamedTuple):
    """A pid alone may belong to somebody else by now; with its start time (clock ticks since boot) it cannot."""

    name: str
    pid: int
    started: int

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to its whole group, if it is still there."""
        if self.alive():
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Ask it to stop, wait `grace` seconds, then kill it. A process that is not ours any more is left alone."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that is paused would not hear
        deadline = time.monotonic() + grace
        while self.alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 5)
        self.signal(signal.SIGKILL)


def start_time(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot (field 22 of proc_pid_stat(5)); None if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = _fields(stat)
    return None if state in "ZX" else int(rest[18])


def stopped(pid: int) -> bool:
    """Whether every thread of `pid` has stopped: they do so one after the other."""
    return all(_fields(stat.read_text())[0] == "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def _fields(stat: str) -> list[str]:
    """Fields 3 and up: the second is the name in parentheses and may hold anything."""
    return stat.rpartition(")")[2].split()


# Popen complains about a program that is forgotten while it runs, which these are meant to be.
_outliving: list[subprocess.Popen[bytes]] = []


class Recorder(Protocol):
    """Remembers what was started, for whoever is to end it."""

    def add(self, identity: Identity) -> None:
        """Remember a program that has just been started."""


class Program:
    """One started program. It dies with the Python process that started it, unless a `journal` remembers it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        journal: Recorder | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        line = [str(part) for part in command]
        if journal is None:
            line = [sys.executable, "-I", "-S", "-c", TETHER, str(os.getpid()), *line]
        with log.open("ab") as out, Path(os.devnull).open("rb") as nothing:
            self._process = subprocess.Popen(
                line, stdin=nothing, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=env
            )
        self.identity = Identity(name, self._process.pid, start_time(self._process.pid) or 0)
        if journal is not None:
            journal.add(self.identity)
            _outliving.append(self._process)

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.identity.name

    @property
    def pid(self) -> int:
        """Its process id, which is its group's id too."""
        return self._process.pid

    def check(self) -> None:
        """Raise if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise NotReadyError(f"{self.name} ended with {code}; the end of {self.log}:\n{tail(self.log)}")

    def until(self, ready: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until `ready()`; fail at once if the program dies, and after `timeout` seconds with its log's end."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise NotReadyError(f"{what} took over {timeout:.0f} s; the end of {self.log}:\n{tail(self.log)}")
            time.sleep(POLL_SECONDS)

    def pause(self) -> None:
        """Freeze it, and return once it is: connections stay open, nothing is answered."""
        self.identity.signal(signal.SIGSTOP)
        until(lambda: stopped(self.pid), f"the pause of {self.name}", GRACE_SECONDS)

    def resume(self) -> None:
        """Let a paused program go on."""
        self.identity.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without giving it the time to say goodbye."""
        self.identity.signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """End it and forget it."""
        self.identity.end(grace)
        self._process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(there is no log)"


def until(ready: Callable[[], bool], what: str, timeout: float) -> None:
    """Wait until `ready()`, looking every 50 ms; a NotReadyError after `timeout` seconds says `what` did not come."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} took over {timeout:.0f} s")
        time.sleep(POLL_SECONDS)

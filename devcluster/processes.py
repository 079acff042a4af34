"""Programs of the local control plane: each has a log, is known by pid and start time, and ends as a process group."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0  # the default of Kubernetes

# Linux' prctl(2): PR_SET_PDEATHSIG is 1, and it survives execve. The parent may have died before the call.
TETHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotReadyError(RuntimeError):
    """Something did not become ready in time, or its program died; the message ends with the end of a log, if any."""


class Identity(NamedTuple):
    """A process, by pid and start time (clock ticks since boot), because another process may get the same pid later."""

    name: str
    pid: int
    started: int

    def alive(self) -> bool:
        """Whether this process still runs."""
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send the signal `number` to its whole process group, if it still runs."""
        if self.alive():
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Ask it to stop, wait up to `grace` seconds, then kill it. A new process with the same pid is left alone."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a paused process would not handle SIGTERM
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
    """Whether every thread of `pid` has stopped, since they stop one after the other."""
    return all(_fields(stat.read_text())[0] == "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def _fields(stat: str) -> list[str]:
    """Return fields 3 and up; field 2 is the program's name in parentheses, and may contain any character."""
    return stat.rpartition(")")[2].split()


# Keeps programs that outlive this process: Popen warns if its object is deleted while the program runs.
_outliving: list[subprocess.Popen[bytes]] = []


class Recorder(Protocol):
    """Records the programs that were started, so that another process can end them."""

    def add(self, identity: Identity) -> None:
        """Record a program that has just been started."""


class Program:
    """One started program. It dies with the Python process that started it, unless it is recorded in a `journal`."""

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
        """Its name in messages."""
        return self.identity.name

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its process group."""
        return self._process.pid

    def check(self) -> None:
        """Raise NotReadyError if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise NotReadyError(f"{self.name} ended with {code}; the end of {self.log}:\n{tail(self.log)}")

    def until(self, ready: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until `ready()`; raises NotReadyError at once if the program dies, or else after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise NotReadyError(f"{what} took over {timeout:.0f} s; the end of {self.log}:\n{tail(self.log)}")
            time.sleep(POLL_SECONDS)

    def pause(self) -> None:
        """Freeze it, and return once it is frozen: its connections stay open, and it answers nothing."""
        self.identity.signal(signal.SIGSTOP)
        until(lambda: stopped(self.pid), f"the pause of {self.name}", GRACE_SECONDS)

    def resume(self) -> None:
        """Let a paused program go on."""
        self.identity.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it at once, and wait for its end."""
        self.identity.signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Ask it to stop, kill it after `grace` seconds, and wait for its end."""
        self.identity.end(grace)
        self._process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(there is no log)"


def until(ready: Callable[[], bool], what: str, timeout: float) -> None:
    """Wait until `ready()`, checked every 50 ms; after `timeout` seconds, raises NotReadyError that names `what`."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} took over {timeout:.0f} s")
        time.sleep(POLL_SECONDS)

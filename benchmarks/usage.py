"""Usage: the processor time and memory that processes have used, as the kernel counts them."""

import os
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_SCHED = 2  # CPUCLOCK_SCHED in the kernel's posix-timers: time in nanoseconds, as the scheduler counts it


def cpu_seconds(leaders: Iterable[int]) -> float:
    """Return the processor time in seconds of all live processes in the sessions of these leaders.

    It includes threads that have ended. It is exact to a nanosecond, while /proc has only hundredths of a second.
    """
    sessions = set(leaders)
    return sum(_spent(process) for process in _processes() if _session(process) in sessions)


def busy_seconds() -> float:
    """Return for how many seconds, since a fixed moment, processors were not idle, summed over all of them.

    It is exact to a hundredth of a second. Time that the host did not grant counts as well, because no program could
    use it. See proc_stat(5).
    """
    _, _, _, _, idle, waiting, *_ = Path("/proc/stat").read_text().splitlines()[0].split()
    processors = os.cpu_count() or 1
    return time.monotonic() * processors - (int(idle) + int(waiting)) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Return the processor time in seconds of this process and its descendants; ended ones count once awaited."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(_spent(pid) for pid in _family())


def _family() -> set[int]:
    parents = {pid: parent for pid in _processes() if (parent := _parent(pid))}
    family = generation = {os.getpid()}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation}
        family = family | generation
    return family


def _parent(pid: int) -> int:
    try:
        # After the name in brackets, which may contain any characters, come the state and the parent.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _spent(pid: int) -> float:
    # clock_getcpuclockid(3), which Python offers only for threads.
    try:
        return time.clock_gettime((~pid << 3) | _SCHED)
    except OSError:  # the process has ended in the meantime
        return 0.0


def resident_bytes(pid: int) -> int:
    """Return the resident memory in bytes."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """Return the peak of the resident memory in bytes."""
    return _status(pid, "VmHWM")


def descriptors(pid: int) -> int:
    """Return how many files and sockets are open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))

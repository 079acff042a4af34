"""Usage: what processes have cost so far, as the kernel counts it."""

from collections.abc import Iterable
from pathlib import Path


def cpu_seconds(leaders: Iterable[int]) -> float:
    """Time on a processor of all threads that live now in the sessions that these processes lead.

    To the nanosecond, where utime and stime come in hundredths of a second.
    """
    sessions = {str(leader) for leader in leaders}
    spent = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # proc_pid_stat(5): 6 is the session; the list begins at field 3.
            if (process / "stat").read_text().rpartition(")")[2].split()[3] in sessions:
                spent += sum(int(each.read_text().split()[0]) for each in process.glob("task/*/schedstat"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return spent / 1e9


def resident_bytes(pid: int) -> int:
    """What is in memory now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most there ever was."""
    return _status(pid, "VmHWM")


def descriptors(pid: int) -> int:
    """How many files and sockets are open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))

"""What a process holds: memory, threads, descriptors; and whether it held more at the end than after its warm-up."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.stress.figures import MI

THREADS, DESCRIPTORS = 4, 12  # that may be open for a moment longer in one sample than in another
MEMORY_SHARE, MEMORY = 0.15, 16 * MI  # the heap breathes
SHORTEST = 30.0  # seconds after its warm-up that a process must have lived, to compare the parts of its life
_ESTABLISHED, _LISTENING = "01", "0A"


class Vitals(NamedTuple):
    """One look at a process: bytes in memory, threads, descriptors of its own, and connections that others opened."""

    at: float
    memory: int
    threads: int
    descriptors: int
    inbound: int


class Life(NamedTuple):
    """One process of a replica, and what it held from its warm-up on."""

    replica: int
    pid: int
    samples: tuple[Vitals, ...]

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.samples[-1].at - self.samples[0].at if self.samples else 0.0

    def early(self) -> Vitals:
        """What it held in the first third of that time."""
        return middle(self.samples[: max(1, len(self.samples) // 3)])

    def late(self) -> Vitals:
        """What it held in the last third."""
        return middle(self.samples[-max(1, len(self.samples) // 3) :])


def middle(samples: Sequence[Vitals]) -> Vitals:
    """Return the median of each figure."""
    columns = list(zip(*samples, strict=True))
    return Vitals(float(median(columns[0])), *(round(median(column)) for column in columns[1:]))


def leaks(life: Life) -> list[str]:
    """Return what a life held more of at its end than after its warm-up; nothing for a life that was too short."""
    if life.seconds < SHORTEST:
        return []
    early, late = life.early(), life.late()
    found = []
    if late.memory > early.memory * (1 + MEMORY_SHARE) + MEMORY:
        found.append(f"memory of {early.memory // MI} Mi became {late.memory // MI} Mi")
    if late.threads > early.threads + THREADS:
        found.append(f"{early.threads} threads became {late.threads}")
    if late.descriptors > early.descriptors + DESCRIPTORS:
        found.append(f"{early.descriptors} descriptors became {late.descriptors}")
    return [f"replica {life.replica}, pid {life.pid}: {each}" for each in found]


def look(pid: int, ports: Sequence[int], at: float) -> Vitals | None:
    """Look at a process that listens on `ports`; None if it does not yet, or has ended."""
    process = Path(f"/proc/{pid}")
    try:
        status = (process / "status").read_text()
        targets = [_target(descriptor) for descriptor in (process / "fd").iterdir()]
        connections = (process / "net" / "tcp").read_text()
    except OSError:
        return None
    if not _sockets(connections, ports, _LISTENING) & set(targets):
        return None
    memory, threads = (re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE) for name in ("VmRSS", "Threads"))
    if memory is None or threads is None:
        return None  # it is a zombie
    inbound = len(_sockets(connections, ports, _ESTABLISHED) & set(targets))
    return Vitals(at, int(memory.group(1)) * 1024, int(threads.group(1)), len(targets) - inbound, inbound)


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""  # it was closed meanwhile


def _sockets(table: str, ports: Sequence[int], state: str) -> set[str]:
    """Return the sockets of /proc/net/tcp (proc_pid_net(5)) that are in a state, with one of the ports on our side."""
    rows = [line.split() for line in table.splitlines()[1:]]
    ours = {f"{port:04X}" for port in ports}
    return {f"socket:[{row[9]}]" for row in rows if row[3] == state and row[1].rpartition(":")[2] in ours}

"""Pace: how fast the machine's processors are while something else is measured on them.

What looks like a processor may be a share of one. How fast it then goes hangs on what others do at that moment with the
same core, and that changes within seconds: one loop has been seen to take 0.64 ms and 1.15 ms of processor time on an
idle machine. A loop of a fixed number of steps, timed again and again beside a turn, says how fast that turn could be.
What other programs of this machine take is counted as well. It is told apart, since rivals suffer from it unequally:
one that several threads contend for goes faster on one processor than on two.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import NamedTuple

from benchmarks.usage import busy_seconds, own_seconds

PACE, OTHERS = "pace", "others"
STEPS = 10_000
# The loop takes 0.2 to 0.4 ms, so that looking costs each processor at most 2 %.
LOOK_SECONDS = 0.02


class Look(NamedTuple):
    """What `STEPS` steps on one processor took of its time."""

    processor: int
    nanoseconds: int


class Load(NamedTuple):
    """At one moment: the clock, and what has been spent of all processors, by everybody and by us, in seconds."""

    at: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> "Load":
        """At this one."""
        return cls(time.monotonic(), busy_seconds(), own_seconds())


def taken(before: Load, after: Load, processors: int) -> float:
    """The share of all processors that others took in between."""
    others = (after.busy - before.busy) - (after.own - before.own)
    return min(max(others / (after.at - before.at) / processors, 0.0), 1.0)


def speed(looks: Iterable[Look]) -> float:
    """Steps per microsecond of processor time.

    The mean over time is that of each processor, and all processors count alike, however often each was looked at.
    """
    rates: dict[int, list[float]] = defaultdict(list)
    for look in looks:
        rates[look.processor].append(STEPS * 1000 / look.nanoseconds)
    return fmean(map(fmean, rates.values()))


class Pace:
    """What is seen by a thread of its own, which goes from processor to processor."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.others = 0.0  # the share of all processors that other programs took
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=PACE)

    @property
    def value(self) -> float:
        """The speed so far: larger is faster."""
        return speed(self.looks)

    @property
    def figures(self) -> dict[str, float]:
        """As a sample takes them."""
        return {PACE: self.value, OTHERS: self.others}

    def start(self) -> None:
        """Begin to look."""
        self._before = Load.now()
        self._thread.start()

    def stop(self) -> None:
        """End it; each processor has been looked at by then."""
        self._over.set()
        self._thread.join()
        self.others = taken(self._before, Load.now(), os.cpu_count() or 1)

    def _watch(self) -> None:
        # On Linux this is of the calling thread alone, which ends here: there is nothing to restore.
        processors = sorted(os.sched_getaffinity(0))
        while True:
            for processor in processors:
                os.sched_setaffinity(0, {processor})
                self.looks.append(_look(processor))
            if self._over.wait(LOOK_SECONDS):
                return


def _look(processor: int) -> Look:
    total = 0
    before = time.thread_time_ns()
    for step in range(STEPS):
        total += step
    return Look(processor, time.thread_time_ns() - before)


@contextmanager
def measured() -> Iterator[Pace]:
    """Measure the pace beside what is done meanwhile, which must leave the interpreter to it: wait for a program."""
    pace = Pace()
    pace.start()
    try:
        yield pace
    finally:
        pace.stop()

"""Pace: how fast the machine's processors are while something else is measured on them.

A virtual processor may be a share of a real one. Its speed then depends on what others do with the same core at that
moment, and it changes within seconds: on an idle machine, the same loop has taken 0.64 ms and 1.15 ms of processor
time. A loop with a fixed number of steps, timed again and again during a turn, shows how fast that turn could be. The
processor time that other programs on this machine take is measured as well, but separately, because it affects rivals
unequally: a rival whose threads contend for a lock runs faster on one processor than on two.
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
# The loop takes 0.2 to 0.4 ms, so the measurement costs at most 2 % of a processor.
LOOK_SECONDS = 0.02


class Look(NamedTuple):
    """The processor time that `STEPS` steps took on one processor."""

    processor: int
    nanoseconds: int


class Load(NamedTuple):
    """At one moment: the clock, and the time spent on all processors by all programs and by ours, in seconds."""

    at: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> "Load":
        """Measure the load now."""
        return cls(time.monotonic(), busy_seconds(), own_seconds())


def taken(before: Load, after: Load, processors: int) -> float:
    """Return the share of all processors that other programs took in between."""
    others = (after.busy - before.busy) - (after.own - before.own)
    return min(max(others / (after.at - before.at) / processors, 0.0), 1.0)


def speed(looks: Iterable[Look]) -> float:
    """Return the steps per microsecond of processor time.

    This is the mean over the processors of each processor's mean over time, so that all processors count alike.
    """
    rates: dict[int, list[float]] = defaultdict(list)
    for look in looks:
        rates[look.processor].append(STEPS * 1000 / look.nanoseconds)
    return fmean(map(fmean, rates.values()))


class Pace:
    """Measures the pace on a thread of its own, which moves from processor to processor."""

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
        """Return the pace and the share of other programs, as figures of a sample."""
        return {PACE: self.value, OTHERS: self.others}

    def start(self) -> None:
        """Start the measurement."""
        self._before = Load.now()
        self._thread.start()

    def stop(self) -> None:
        """End the measurement, once each processor has been measured at least once."""
        self._over.set()
        self._thread.join()
        self.others = taken(self._before, Load.now(), os.cpu_count() or 1)

    def _watch(self) -> None:
        # On Linux, the affinity is that of the calling thread, which ends here: there is nothing to restore.
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
    """Measure the pace during the block, which must leave the interpreter free, such as by waiting for a program."""
    pace = Pace()
    pace.start()
    try:
        yield pace
    finally:
        pace.stop()

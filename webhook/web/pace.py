"""The pace of readers: what they may take of a processor, which is less while the process has other work.

All threads of a process share the interpreter. A thread that makes a report takes it for half a millisecond each time
that the reviews' thread lets go of it to read or to write; so while a report is made, reviews hardly go on, and what
reports take of a processor is what reviews lose.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

_SHARE: Final = 0.1  # of a processor, while nothing else is to be done
_SHARE_BESIDE_OTHERS: Final = 0.01
_BUSY: Final = 0.2  # of a processor that the process takes otherwise; it idles with a hundredth
_WINDOW: Final = 0.2  # seconds at least, over which that is measured
_LONGEST: Final = 0.5  # seconds


class Pace:
    """Says for how long a thread has to rest after its work; any thread may ask.

    `spent` returns the processor time of the whole process, `clock` the time, both in seconds.
    """

    def __init__(
        self, spent: Callable[[], float] = time.process_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spent, self._clock = spent, clock
        self._lock = Lock()
        self._began, self._used, self._own = clock(), spent(), 0.0
        self._share = _SHARE

    def rest_after(self, seconds: float) -> float:
        """Return for how many seconds to rest after so many seconds of a processor."""
        with self._lock:
            self._own += seconds
            self._look()
            return min(_LONGEST, seconds * (1 / self._share - 1))

    def _look(self) -> None:
        now = self._clock()
        passed = now - self._began
        if passed < _WINDOW:
            return
        used = self._spent()
        others = (used - self._used - self._own) / passed
        self._share = _SHARE_BESIDE_OTHERS if others > _BUSY else _SHARE
        self._began, self._used, self._own = now, used, 0.0

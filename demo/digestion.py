"""Giving back on time: one timer, set to the moment at which the next portion is due."""

import threading
from collections.abc import Callable

from demo.monster import Monster


class Digestion:
    """Keeps at most one timer for a monster, however often it is fed."""

    def __init__(self, monster: Monster, clock: Callable[[], float]) -> None:
        """Digest for `monster` by `clock` (seconds); nothing runs until `attend` finds something to wait for."""
        self._monster = monster
        self._clock = clock
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def attend(self) -> None:
        """Give back what is due and set the timer to the next moment; to be called whenever the holding changed."""
        with self._lock:
            self._monster.digest(self._clock())
            if self._timer is not None:
                self._timer.cancel()
            due = self._monster.holding().next_due
            self._timer = None if due is None else self._start(max(0.0, due - self._clock()))

    def _start(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self.attend)
        timer.daemon = True  # what is held ends with the process anyway
        timer.start()
        return timer

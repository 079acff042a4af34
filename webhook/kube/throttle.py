"""Pauses: for how long a busy watch is left alone between two looks.

To be woken for the news of a watch costs more than to take it in. So a look comes no sooner than a `short` time after
the last one; and where nobody needs the news at once, and little came last time, not before a `long` one.
"""

import time
from collections.abc import Callable
from threading import Event

_MUCH = 256 << 10  # bytes: with more than that in a connection's buffers its sender may have to wait


class ReadThrottle:
    """Waits between looks; times in seconds.

    Whoever needs the news sets `hurried`: then the next look comes as soon as the short time is over.
    """

    def __init__(
        self,
        short: float,
        long: float = 0.0,
        at_ease: Callable[[], bool] = lambda: True,
        hurried: Event | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._short = short
        self._long = long
        self._at_ease = at_ease
        self._sleep = sleep
        self._hurried = hurried or Event()

    def wait(self, since: float, came: int) -> None:
        """Wait before a look: the last one was so many seconds ago, and brought so many bytes.

        Nothing is held back that comes after a silence of the long time.
        """
        if since < self._short:
            self._sleep(self._short - since)
            since = self._short
        if since < self._long and came < _MUCH and self._at_ease():
            self._hurried.wait(self._long - since)
        self._hurried.clear()


NO_THROTTLE = ReadThrottle(0.0)

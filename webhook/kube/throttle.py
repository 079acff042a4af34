"""Pauses between two reads of a busy watch.

Waking a thread for an event of a watch costs more than processing the event. So the next read comes no sooner than a
`short` time after the last one. If no part of the replica needs the events at once and the last reads brought little,
it comes no sooner than a `long` time after.
"""

import time
from collections.abc import Callable
from threading import Event

_MUCH = 256 << 10  # bytes; with more than that in a connection's buffers, the sender may have to wait


class ReadThrottle:
    """Waits between reads; times in seconds. The thread that reads calls `wait`, and any thread `hurry` and `ease`.

    It alone knows whether events may wait, and asks nobody: those that need the events say so here.
    """

    def __init__(
        self,
        short: float,
        long: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._short = short
        self._long = long
        self._sleep = sleep
        self._at_ease = True
        self._hurried = Event()

    def hurry(self) -> None:
        """Let the next read come as soon as the short time is over, also if the reader waits already."""
        self._hurried.set()

    def ease(self, at_ease: bool) -> None:
        """Say whether events may wait for the long time from now on."""
        self._at_ease = at_ease

    def wait(self, since: float, came: int) -> None:
        """Wait before a read; the last one was `since` seconds ago, and the last batch brought `came` bytes.

        It does not wait if both the short and the long time are over.
        """
        if since < self._short:
            self._sleep(self._short - since)
            since = self._short
        if since < self._long and came < _MUCH and self._at_ease:
            self._hurried.wait(self._long - since)
        self._hurried.clear()


NO_THROTTLE = ReadThrottle(0.0)

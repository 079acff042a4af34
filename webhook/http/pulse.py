"""The pulse of an event loop: another thread can tell by it whether the loop still serves."""

import time
from collections.abc import Callable


class Pulse:
    """When an event loop last went round. The loop's thread calls `beat` and `end`, any thread `age`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def beat(self) -> None:
        """Record that the loop has come round now."""
        self._last = self._clock()

    def end(self) -> None:
        """Record that the loop takes no new connections from now on."""
        self._last = None

    def age(self) -> float | None:
        """Return how many seconds ago the loop came round; None: it does not serve yet, or no longer."""
        last = self._last
        return None if last is None else self._clock() - last

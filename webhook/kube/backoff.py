"""How long to wait before trying again."""

from collections.abc import Callable


class Backoff:
    """At once, then `shortest` seconds doubling up to `longest`, each cut by up to a half so that clients spread out.

    `jitter` gives a number from 0 to 1.
    """

    def __init__(self, shortest: float, longest: float, jitter: Callable[[], float]) -> None:
        self._shortest = shortest
        self._longest = longest
        self._jitter = jitter
        self._ceiling = 0.0

    def next(self) -> float:
        """Return the seconds to wait this time."""
        pause = self._ceiling * (1 - self._jitter() / 2)
        self._ceiling = min(self._longest, max(self._shortest, 2 * self._ceiling))
        return pause

    def reset(self) -> None:
        """Begin anew: things have gone well."""
        self._ceiling = 0.0

"""How long to wait before trying again."""

from collections.abc import Callable

from webhook.kube.stream import ApiError


class Backoff:
    """Gives 0 first, then `shortest` seconds, then twice as much each time, up to `longest`.

    Each pause is shortened by a random part of up to a half, so that clients spread out. `jitter` returns a number from
    0 to 1.
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

    def after(self, error: Exception, most: float) -> float:
        """Return the seconds to wait after an error: at least what the API server asks for, or `most` of it.

        An API server that is busy answers 429 with Retry-After.
        """
        asked = error.retry_after if isinstance(error, ApiError) else 0.0
        return max(self.next(), min(asked, most))

    def reset(self) -> None:
        """Start again from 0, after a success."""
        self._ceiling = 0.0

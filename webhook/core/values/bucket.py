"""Buckets: how often something may be done, in bursts and in the long run."""


class Bucket:
    """A token bucket; times are seconds of one clock that never goes back. Not thread-safe: the caller holds a lock."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled_at = float("-inf")

    def take(self, now: float, cost: float = 1) -> bool:
        """Say whether it may be done once more now, at such a cost, and count that."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

"""Buckets: limits on how often something may be done, in bursts and in the long run."""


class Bucket:
    """A token bucket. Times are seconds of one monotonic clock. Not thread-safe: the caller holds a lock."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled_at = float("-inf")

    def take(self, now: float, cost: float = 1) -> bool:
        """Take `cost` tokens if there are that many; say whether there were."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

"""Buckets: a burst at once, then so many a second, and never more than a burst saved up."""

from webhook.core.values.bucket import Bucket


def taken(bucket: Bucket, now: float, tries: int = 100) -> int:
    return sum(bucket.take(now) for _ in range(tries))


def test_a_burst_and_then_the_rate() -> None:
    bucket = Bucket(rate=5.0, burst=20)
    assert taken(bucket, 1000.0) == 20
    assert taken(bucket, 1000.1) == 0
    assert taken(bucket, 1001.1) == 5
    assert taken(bucket, 9000.0) == 20

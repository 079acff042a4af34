"""Moments: times as Kubernetes writes them into objects (RFC 3339, UTC, whole seconds), as numbers that compare."""

from functools import lru_cache

DAY = 86_400  # seconds


def moment(text: str) -> int:
    """Return a time as seconds since 1970; 0 if the text is not a time as `metav1.Time` is written.

    The API server sets `metadata.creationTimestamp` itself, and writes it as `2026-11-21T13:00:15Z`
    (k8s.io/apimachinery/pkg/apis/meta/v1/time.go).
    """
    if len(text) != _LENGTH or text[-1] != "Z":
        return 0
    try:
        return _day(text[:10]) + 3600 * int(text[11:13]) + 60 * int(text[14:16]) + int(text[17:19])
    except ValueError:
        return 0


_LENGTH = len("2026-11-21T13:00:15Z")


@lru_cache(maxsize=4096)
def _day(date: str) -> int:
    """Return when a day began, in the Gregorian calendar; raises `ValueError`."""
    year, month, day = map(int, date.split("-"))
    year -= month <= 2  # years begin in March here, so that the leap day is the last one
    passed = 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return (passed - _DAYS_TO_1970) * DAY


_DAYS_TO_1970 = 719_468  # from 1 March of the year 0

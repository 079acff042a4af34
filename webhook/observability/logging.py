"""The operational log on standard error, with a limit on its rate."""

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MOST = 20  # records of one kind
_SECONDS = 10.0
_KINDS = 1_000


@dataclass(slots=True)
class _Kind:
    since: float
    let_through: int = 0
    left_out: int = 0


class RateLimitFilter(logging.Filter):
    """Passes at most `most` records of one kind in `seconds`; the next one after that says how many were left out.

    A kind is a logger and a message before its arguments are filled in.
    """

    def __init__(self, clock: Callable[[], float], most: int = _MOST, seconds: float = _SECONDS) -> None:
        super().__init__()
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is written."""
        with self._lock:
            kind, left_out = self._kind((record.name, str(record.msg)))
            if kind.let_through >= self._most:
                kind.left_out += 1
                return False
            kind.let_through += 1
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} more like it since the last one)", ()
        return True

    def _kind(self, key: tuple[str, str]) -> tuple[_Kind, int]:
        """Return the counts of a kind, and how many records the period that has just ended left out."""
        now = self._clock()
        kind = self._kinds.get(key)
        if kind is not None and now < kind.since + self._seconds:
            return kind, 0
        if len(self._kinds) >= _KINDS:
            self._kinds.clear()
        self._kinds[key] = _Kind(now)
        return self._kinds[key], kind.left_out if kind else 0


def begin(level: str, clock: Callable[[], float]) -> None:
    """Log records of that level and above to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(RateLimitFilter(clock))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())

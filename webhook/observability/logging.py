"""The operational log on standard error, with a limit on its rate.

A thread of its own writes it while a replica runs: when nobody reads standard error, no thread that logs may wait,
least of all that of reviews. Each line begins with the moment at which it is made (RFC 3339, UTC), and lines are in
order, whichever thread made its record first.
"""

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Final, TextIO

import msgspec

FORMATS: Final = ("text", "json")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MOST = 20  # records of one kind
_SECONDS = 10.0
_KINDS = 1_000
_QUEUE = 2_000  # lines
_STOPPING = 1.0  # seconds


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


class Text(logging.Formatter):
    """One line for people; an exception follows on lines of its own. The handler's lock is held meanwhile."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        super().__init__(_FORMAT)
        self._wall_clock = wall_clock
        self._last = float("-inf")

    def formatTime(self, _record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802 - the base's name
        """Return the time of writing, which never goes back."""
        self._last = max(self._last, self._wall_clock())
        return datetime.fromtimestamp(self._last, UTC).isoformat(timespec="milliseconds")


class Json(Text):
    """One object on one line, for machines; an exception is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write `ts`, `level`, `logger`, `message` and, where there is one, `exception`."""
        said = {
            "ts": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode({key: _encodable(text) for key, text in said.items()}).decode()


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


class LogWriter(logging.Handler):
    """Writes lines at once until a thread calls `run`; from then on, that thread does. Any thread may log and `stop`.

    At most `most` lines wait for the thread. Further ones are dropped, and a line says how many.
    """

    def __init__(self, stream: TextIO, most: int = _QUEUE) -> None:
        super().__init__()
        self._stream, self._most = stream, most
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._queues = False
        self._ended = threading.Event()
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write or queue a record; `logging` calls it with the handler's lock held."""
        try:
            line = f"{self.format(record)}\n"
        except Exception:  # noqa: BLE001 - a log call that is wrong must not break what it logs
            self.handleError(record)
            return
        if not self._queues:
            self._write(line)
        elif self._queue.qsize() < self._most:
            self._queue.put(line)
        else:
            self.dropped += 1

    def run(self) -> None:
        """Write lines until stopped; never raises."""
        self._queues = True
        reported = 0
        while (line := self._queue.get()) is not None:
            self._write(line)
            if (dropped := self.dropped) > reported:
                self._write(self._lost(dropped - reported))
                reported = dropped
        self._queues = False
        self._ended.set()

    def stop(self) -> None:
        """End `run` once what is queued is written, and wait for that, for at most a second; then lines are lost."""
        self._queue.put(None)  # also for a thread that has only just been started, and will call `run`
        if self._queues:
            self._ended.wait(_STOPPING)

    def _lost(self, count: int) -> str:
        said = {"msg": "%d lines of this log were dropped: nobody read it in time", "args": (count,)}
        record = logging.makeLogRecord({"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", **said})
        self.acquire()  # as `logging` does around `emit`
        try:
            return f"{self.format(record)}\n"
        finally:
            self.release()

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # its reader is gone, or it was closed: there is no place left to say so
            self._stream.write(line)
            self._stream.flush()


def begin(level: str, clock: Callable[[], float], form: str, wall_clock: Callable[[], float]) -> LogWriter:
    """Write everything of a level and above from now on, in one of the `FORMATS`; return what writes it."""
    handler = LogWriter(sys.stderr)
    handler.setFormatter(Json(wall_clock) if form == "json" else Text(wall_clock))
    handler.addFilter(RateLimitFilter(clock))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    return handler

"""The audit log: one JSON line for each decision that was not a plain allow. Writing it never delays a review.

Lines go to standard output and, on request, to a file that rotates. A thread of its own writes them. If that thread
falls so far behind that the queue is full, lines are dropped and counted, and the next line written says how many.
Each line is encoded before it is queued, because a decision refers to the whole review, which may have megabytes. Only
the top owner is added by the writer, because finding it may take a call to the API server.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from logging import makeLogRecord
from logging.handlers import RotatingFileHandler
from queue import Empty, SimpleQueue
from typing import BinaryIO, NamedTuple

import msgspec

from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.reference import Reference
from webhook.observability.audit_record import SCHEMA, Line, TopOwner, line, maker, timestamp, worth_a_line

log = logging.getLogger(__name__)

_QUEUE = 20_000  # lines of about 1 KiB each; with the longest names allowed, of about 5 KiB
_QUEUE_BYTES = 16 << 20
_FILE_SIZE = 50 << 20
_FILES = 5
_STOPPING = 2.0  # seconds
_PAUSE = 0.02  # seconds in which lines gather, so that many refusals at once do not each wake the writer


class _Queued(NamedTuple):
    """A line without its top owner, and the owner that the pod names."""

    text: bytes
    owner: Reference | None


class AuditLog:
    """The queue of audit lines and its writer. One thread calls `run`; any thread may call `record`.

    The writer calls `top` to find the controller of an owner (top_owners.py). `record` calls `tell` with each decision
    that gets a line, with the line, and with the owner that the pod names. `file` is opened at once, which may raise
    OSError; it rotates at `file_size` bytes. The queue holds at most `queue` lines and `queue_bytes` bytes.
    """

    def __init__(
        self,
        replica: str,
        wall_clock: Callable[[], float],
        file: str | None,
        out: BinaryIO | None = None,
        *,
        top: Callable[[Reference], Reference | None] = lambda _: None,
        tell: Callable[[DecisionRecord, Line, Reference | None], None] = lambda *_: None,
        file_size: int = _FILE_SIZE,
        queue: int = _QUEUE,
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        self._replica = replica
        self._wall_clock = wall_clock
        self._out = out if out is not None else sys.stdout.buffer
        self._file = _Rotating(file, maxBytes=file_size, backupCount=_FILES, encoding="utf-8") if file else None
        self._queue: SimpleQueue[_Queued | None] = SimpleQueue()
        self._top, self._tell, self._stopping = top, tell, False
        self._most, self._most_bytes = queue, queue_bytes
        self._queued_bytes = 0
        self._ended = threading.Event()
        self._encode = msgspec.json.Encoder().encode
        self._counting = threading.Lock()
        self._reported = 0
        self._fault = ""
        self.dropped = 0

    def record(self, decided: DecisionRecord) -> None:
        """Queue the line of a decision, or drop it if the queue is full; never waits for the writer."""
        if not worth_a_line(decided):
            return
        made = line(decided, self._replica, self._wall_clock())
        owner = maker(decided)
        self._tell(decided, made, owner)
        if self._queue.qsize() >= self._most:
            self._drop()
            return
        text = self._encode(made)
        if self._takes(len(text)):
            self._queue.put(_Queued(text, owner))
        else:
            self._drop()

    def _takes(self, size: int) -> bool:
        """Say whether the queue has room for so many bytes, and if so, count them."""
        with self._counting:
            if self._queued_bytes + size > self._most_bytes:
                return False
            self._queued_bytes += size
            return True

    def run(self) -> None:
        """Write lines until stopped; lines queued before the stop are still written."""
        while self._write_all(self._queue.get()):
            time.sleep(_PAUSE)
        self._try(self._out.flush)
        if self._file is not None:
            self._file.close()
        self._ended.set()

    def stop(self) -> None:
        """End `run` once all queued lines are written, and wait for that, for at most 2 seconds."""
        self._stopping = True
        self._queue.put(None)
        if not self._ended.wait(_STOPPING):
            log.error("the audit log's writer is stuck: %d lines are lost", self._queue.qsize() - 1)

    def _write_all(self, queued: _Queued | None) -> bool:
        """Write a line and those queued behind it; return False once the log is stopped."""
        while queued is not None:
            with self._counting:
                self._queued_bytes -= len(queued.text)
            if not self._write(self._whole(queued)):
                self._drop()
            elif self.dropped > self._reported:
                self._reported = self.dropped
                self._write(self._encode(self._dropped_line()))
            try:
                queued = self._queue.get_nowait()
            except Empty:
                return True
        return False

    def _whole(self, queued: _Queued) -> bytes:
        """Return the line with the top owner at its end; while stopping, it is not looked up."""
        found = self._top(queued.owner) if queued.owner is not None and not self._stopping else None
        owner = TopOwner(found.api_version, found.kind, found.name, found.uid) if found else TopOwner()
        return queued.text[:-1] + b"," + self._encode(owner)[1:]

    def _dropped_line(self) -> dict[str, object]:
        now = timestamp(self._wall_clock())
        return {"ts": now, "schema": SCHEMA, "event": "dropped", "lines": self.dropped, "replica": self._replica}

    def _write(self, text: bytes) -> bool:
        """Write a line to standard output and to the file; say whether at least one of them has it."""
        places = [self._try(lambda: self._print(text))]
        if (file := self._file) is not None:
            places.append(self._try(lambda: file.emit(makeLogRecord({"msg": text.decode()}))))
        return any(places)

    def _print(self, text: bytes) -> None:
        self._out.write(text + b"\n")
        if self._queue.empty():
            self._out.flush()

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            if str(error) != self._fault:
                self._fault = str(error)
                log.error("the audit log cannot be written: %s", error)  # noqa: TRY400 - the message is enough
            return False
        return True

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1


class _Rotating(RotatingFileHandler):
    """The standard library's handler, but it raises an error of a write, which that one only prints."""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the name that the base class gives it
        error = sys.exc_info()[1]
        if error is not None:
            raise error

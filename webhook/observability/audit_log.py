"""The audit log: one JSON line for each decision that was not a plain allow, complete and never in a review's way.

Lines go to standard output and, on request, to a file that rotates. They are written by a thread of their own; should
that fall so far behind that the queue is full, lines are dropped and counted, and the next line written says how many.
They are laid out before they are queued: a decision holds on to the whole review, which may be megabytes. Only the top
owner is put in by the writer, since to find it may take a call.
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
from webhook.observability.audit_record import SCHEMA, TopOwner, line, maker, timestamp, worth_a_line

log = logging.getLogger(__name__)

_QUEUE = 20_000  # lines, of about 1 KiB; names as long as they may be make it five times that
_QUEUE_BYTES = 16 << 20
_FILE_SIZE = 50 << 20
_FILES = 5
_STOPPING = 2.0  # seconds
_PAUSE = 0.02  # seconds in which lines gather: in a storm of refusals not each of them wakes the writer


class _Queued(NamedTuple):
    """A line but for its top owner, and the owner that its pod names."""

    text: bytes
    owner: Reference | None


class AuditLog:
    """The queue and its writer; `run` belongs to one thread, `record` to any.

    `top` is asked by that thread for the controller of an owner (topowners.py). `file` is opened at once (OSError),
    `file_size` in bytes is where it rotates, `queue` a number of lines and `queue_bytes` what they come to.
    """

    def __init__(
        self,
        replica: str,
        wall_clock: Callable[[], float],
        file: str | None,
        out: BinaryIO | None = None,
        *,
        top: Callable[[Reference], Reference | None] = lambda _: None,
        file_size: int = _FILE_SIZE,
        queue: int = _QUEUE,
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        self._replica = replica
        self._wall_clock = wall_clock
        self._out = out if out is not None else sys.stdout.buffer
        self._file = _Rotating(file, maxBytes=file_size, backupCount=_FILES, encoding="utf-8") if file else None
        self._queue: SimpleQueue[_Queued | None] = SimpleQueue()
        self._top, self._stopping = top, False
        self._most, self._most_bytes = queue, queue_bytes
        self._queued_bytes = 0
        self._ended = threading.Event()
        self._encode = msgspec.json.Encoder().encode
        self._counting = threading.Lock()
        self._reported = 0
        self._fault = ""
        self.dropped = 0

    def record(self, decided: DecisionRecord) -> None:
        """Take a decision in; never waits."""
        if not worth_a_line(decided):
            return
        if self._queue.qsize() >= self._most:
            self._drop()
            return
        text = self._encode(line(decided, self._replica, self._wall_clock()))
        if self._takes(len(text)):
            self._queue.put(_Queued(text, maker(decided)))
        else:
            self._drop()

    def _takes(self, size: int) -> bool:
        """Say whether there is room for so many bytes, and keep it."""
        with self._counting:
            if self._queued_bytes + size > self._most_bytes:
                return False
            self._queued_bytes += size
            return True

    def run(self) -> None:
        """Write until stopped, and what was taken in before that."""
        while self._write_all(self._queue.get()):
            time.sleep(_PAUSE)
        self._try(self._out.flush)
        if self._file is not None:
            self._file.close()
        self._ended.set()

    def stop(self) -> None:
        """Let `run` end once everything is written, and wait for that."""
        self._stopping = True
        self._queue.put(None)
        if not self._ended.wait(_STOPPING):
            log.error("the audit log's writer is stuck: %d lines are lost", self._queue.qsize() - 1)

    def _write_all(self, queued: _Queued | None) -> bool:
        """Write a line and those that are queued behind it; say whether any may follow."""
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
        """Put the top owner in, at the end; when stopping nobody is asked for it."""
        found = self._top(queued.owner) if queued.owner is not None and not self._stopping else None
        owner = TopOwner(found.api_version, found.kind, found.name, found.uid) if found else TopOwner()
        return queued.text[:-1] + b"," + self._encode(owner)[1:]

    def _dropped_line(self) -> dict[str, object]:
        now = timestamp(self._wall_clock())
        return {"ts": now, "schema": SCHEMA, "event": "dropped", "lines": self.dropped, "replica": self._replica}

    def _write(self, text: bytes) -> bool:
        """Write a line to both places; say whether it is in either."""
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
                log.error("the audit log cannot be written: %s", error)  # noqa: TRY400 - it says it all
            return False
        return True

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1


class _Rotating(RotatingFileHandler):
    """The standard library's, which would print what goes wrong and go on."""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the name that the base class gives it
        error = sys.exc_info()[1]
        if error is not None:
            raise error

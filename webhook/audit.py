"""The audit log: one JSON line for each decision that was not a plain allow, complete and never in a review's way.

Lines go to standard output and, on request, to a file that rotates. They are written by a thread of their own; should
that fall so far behind that the queue is full, lines are dropped and counted, and the next line written says how many.
They are laid out before they are queued: a decision holds on to the whole review, which may be megabytes.
"""

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from logging import makeLogRecord
from logging.handlers import RotatingFileHandler
from queue import Full, Queue
from typing import BinaryIO, Final

import msgspec

from webhook.cases import Decided
from webhook.core.account.ledger import Standing
from webhook.core.pods.objects import Pod
from webhook.core.reviews.reply import subject
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.reviews.wording import refusal

log = logging.getLogger(__name__)

SCHEMA: Final = 1
_QUEUE = 20_000  # lines, of about 1 KiB
_FILE_SIZE = 50 << 20
_FILES = 5
_STOPPING = 2.0  # seconds


def worth_a_line(decided: Decided) -> bool:
    """Say whether a decision belongs in the audit log."""
    return decided.verdict.reason is not Reason.FITS and not (
        decided.verdict.reason is Reason.NOT_JUDGED and decided.verdict.decision is Decision.ALLOW
    )


def line(decided: Decided, replica: str, now: float) -> dict[str, object]:
    """Lay out one decision flat; bytes, seconds since 1970 as RFC 3339, null for what is not known or not bounded."""
    case, verdict = decided.case, decided.verdict
    request, asked = case.request, case.question
    namespace, _, name = asked.facts.name.partition("/") if asked else (request.namespace, "", request.name)
    owner = _owner(asked.pod) if asked else (None, None)
    growth = asked.facts.asked if asked else None
    unbounded = bool(asked and asked.facts.footprint.memory_unbounded)
    return {
        "ts": _timestamp(now),
        "schema": SCHEMA,
        "event": "decision",
        "decision": verdict.decision.value,
        "reason": verdict.reason.value,
        "message": _message(decided, f"{namespace}/{name}"),
        "uid": request.uid,
        "dry_run": bool(request.dry_run),
        "mode": verdict.mode.value,
        "operation": request.operation,
        "user": request.user_info.username,
        "kind": request.what,
        "namespace": namespace,
        "name": name,
        "owner_kind": owner[0],
        "owner_name": owner[1],
        "asked_requests_bytes": growth.memory_requests if growth else None,
        "asked_limits_bytes": None if growth is None or unbounded else growth.memory_limits,
        **_figures(decided.standing),
        "short_by_bytes": max((s.short_by for s in verdict.sums if s.resource == "memory"), default=None),
        "snapshot_age_seconds": round(decided.age, 3),
        "config_hash": decided.config_hash,
        "duration_ms": round(decided.took * 1000, 3),
        "replica": replica,
    }


def _message(decided: Decided, name: str) -> str:
    verdict, request = decided.verdict, decided.case.request
    if verdict.allowed:
        return verdict.detail
    return refusal(verdict, subject(request, name), grows=request.is_resize)


def _timestamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")


def _figures(standing: Standing | None) -> dict[str, object]:
    if standing is None:
        return dict.fromkeys(_FIGURES)
    bearing, charged = standing.bearing, standing.committed.plus(standing.unseen)
    bound = dict(zip(charged._fields, bearing.bound, strict=True))
    limits = "memory_limits" if bound["memory_limits_filled"] is None else "memory_limits_filled"
    figures = (
        standing.scope,
        charged.memory_requests,
        getattr(charged, limits),
        bound["memory_requests"],
        bound[limits],
        bearing.room.memory,
    )
    return dict(zip(_FIGURES, figures, strict=True))


_FIGURES = (
    "scope",
    "committed_requests_bytes",
    "committed_limits_bytes",
    "bound_requests_bytes",
    "bound_limits_bytes",
    "allocatable_bytes",
)


def _owner(pod: Pod) -> tuple[str | None, str | None]:
    return next(((o.kind, o.name) for o in pod.metadata.owner_references if o.controller), (None, None))


class AuditLog:
    """The queue and its writer; `run` belongs to one thread, `record` to any.

    `file` is opened at once (OSError), `file_size` in bytes is where it rotates, `queue` a number of lines.
    """

    def __init__(
        self,
        replica: str,
        wall_clock: Callable[[], float],
        file: str | None,
        out: BinaryIO | None = None,
        *,
        file_size: int = _FILE_SIZE,
        queue: int = _QUEUE,
    ) -> None:
        self._replica = replica
        self._wall_clock = wall_clock
        self._out = out if out is not None else sys.stdout.buffer
        self._file = _Rotating(file, maxBytes=file_size, backupCount=_FILES, encoding="utf-8") if file else None
        self._queue: Queue[bytes | None] = Queue(queue)
        self._encode = msgspec.json.Encoder().encode
        self._counting = threading.Lock()
        self._reported = 0
        self._fault = ""
        self.dropped = 0

    def record(self, decided: Decided) -> None:
        """Take a decision in; never waits."""
        if worth_a_line(decided):
            try:
                self._queue.put_nowait(self._encode(line(decided, self._replica, self._wall_clock())))
            except Full:
                self._drop()

    def run(self) -> None:
        """Write until stopped, and what was taken in before that."""
        while (text := self._queue.get()) is not None:
            if not self._write(text):
                self._drop()
            elif self.dropped > self._reported:
                self._reported = self.dropped
                self._write(self._encode(self._dropped_line()))
        self._try(self._out.flush)
        if self._file is not None:
            self._file.close()

    def stop(self) -> None:
        """Let `run` end once everything is written."""
        try:
            self._queue.put(None, timeout=_STOPPING)
        except Full:
            log.error("the audit log's writer is stuck: %d lines are lost", self._queue.qsize())  # noqa: TRY400 - all there is

    def _dropped_line(self) -> dict[str, object]:
        now = _timestamp(self._wall_clock())
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

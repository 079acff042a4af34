"""The audit log: one JSON line for each decision that was not a plain allow, complete and never in a review's way.

Lines go to standard output and, on request, to a file that rotates. They are written by a thread of their own; should
that fall so far behind that the queue is full, lines are dropped and counted, and the next line written says how many.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from logging import LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from queue import Full, Queue
from typing import BinaryIO, Final

import msgspec

from webhook.cases import Decided
from webhook.core.ledger import Standing
from webhook.core.objects import Pod
from webhook.core.reply import subject
from webhook.core.verdict import Decision, Reason
from webhook.core.wording import refusal

SCHEMA: Final = 1
_QUEUE = 100_000  # lines: more than a minute of the fastest storm there was
_FILE_SIZE = 50 << 20
_FILES = 5


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
    footprint = asked.facts.footprint if asked else None
    return {
        "ts": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "schema": SCHEMA,
        "event": "decision",
        "decision": verdict.decision.value,
        "reason": verdict.reason.value,
        "message": refusal(verdict, subject(request, f"{namespace}/{name}")) if not verdict.allowed else verdict.detail,
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
        "asked_requests_bytes": footprint.memory_requests if footprint else None,
        "asked_limits_bytes": None if footprint is None or footprint.memory_unbounded else footprint.memory_limits,
        **_figures(decided.standing),
        "short_by_bytes": max((s.short_by for s in verdict.sums if s.resource == "memory"), default=None),
        "snapshot_age_seconds": round(decided.age, 3),
        "config_hash": decided.config_hash,
        "duration_ms": round(decided.took * 1000, 3),
        "replica": replica,
    }


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
    """The queue and its writer; `run` belongs to one thread, `record` to any."""

    def __init__(
        self, replica: str, wall_clock: Callable[[], float], file: str | None, out: BinaryIO | None = None
    ) -> None:
        self._replica = replica
        self._wall_clock = wall_clock
        self._out = out if out is not None else sys.stdout.buffer
        self._file = RotatingFileHandler(file, maxBytes=_FILE_SIZE, backupCount=_FILES, delay=True) if file else None
        self._queue: Queue[tuple[Decided, float] | None] = Queue(_QUEUE)
        self._encode = msgspec.json.Encoder().encode
        self._reported = 0
        self.dropped = 0

    def record(self, decided: Decided) -> None:
        """Take a decision in; never waits."""
        if worth_a_line(decided):
            try:
                self._queue.put_nowait((decided, self._wall_clock()))
            except Full:
                self.dropped += 1

    def run(self) -> None:
        """Write until stopped, and what was taken in before that."""
        while (entry := self._queue.get()) is not None:
            self._write(line(entry[0], self._replica, entry[1]))
            if self.dropped > self._reported:
                self._reported = self.dropped
                self._write({"schema": SCHEMA, "event": "dropped", "lines": self.dropped, "replica": self._replica})
            if self._queue.empty():
                self._out.flush()
        self._out.flush()
        if self._file is not None:
            self._file.close()

    def stop(self) -> None:
        """Let `run` end once everything is written."""
        self._queue.put(None)

    def _write(self, entry: dict[str, object]) -> None:
        text = self._encode(entry)
        self._out.write(text + b"\n")
        if self._file is not None:
            self._file.handle(_record(text))


def _record(text: bytes) -> LogRecord:
    return makeLogRecord({"msg": text.decode()})

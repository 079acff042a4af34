"""Runs an audit log and reads its lines."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.reference import Reference
from webhook.observability.audit_log import AuditLog
from webhook.observability.audit_record import Line

NOW = 1_767_225_600.25  # 2026-01-01 00:00:00.250 UTC


@contextmanager
def writing(
    out: BinaryIO,
    file: Path | None = None,
    top: Callable[[Reference], Reference | None] = lambda _: None,
    tell: Callable[[DecisionRecord, Line, Reference | None], None] = lambda *_: None,
    **limits: int,
) -> Iterator[AuditLog]:
    """Run an audit log; its thread ends with the `with` block."""
    audit = AuditLog("r1", lambda: NOW, str(file) if file else None, out, top=top, tell=tell, **limits)
    writer = threading.Thread(target=audit.run)
    writer.start()
    try:
        yield audit
    finally:
        audit.stop()
        writer.join(60)
        assert not writer.is_alive()


def lines(out: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def written(*decisions: DecisionRecord) -> list[dict[str, Any]]:
    out = io.BytesIO()
    with writing(out) as audit:
        for decided in decisions:
            audit.record(decided)
    return lines(out)

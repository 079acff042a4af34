"""Audit lines as a report reads them: lines of schema 1 and 2, and other text in the same log.

`docs/audit.md` says what each field means. A line is searched for inside its text, because `kubectl logs --prefix` and
`--timestamps` put words before it, and because `kubectl logs` mixes in the operational log.
"""

from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct

NEWEST: Final = 2
"""The newest schema of audit lines that this version can read."""

_BEGINS: Final = b'{"ts":'
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Faulty(Enum):
    """Why a line of text cannot be counted as an audit line."""

    OTHER = "it is of another log"
    DAMAGED = "it is cut off, or not as any Headroom writes it"
    NEWER = "a newer Headroom wrote it"


class AuditLine(Struct, frozen=True, gc=False):
    """One audit line, as far as a report needs it; fields that an older schema does not have are None.

    In a line about lost lines (`event` is `dropped`) only `lines` and `replica` have a meaning.
    """

    ts: str
    schema: int
    event: str
    replica: str
    decision: str = ""
    reason: str = ""
    uid: str = ""
    dry_run: bool = False
    mode: str = ""
    kind: str = ""
    namespace: str = ""
    owner_kind: str | None = None
    owner_name: str | None = None
    top_owner_kind: str | None = None
    top_owner_name: str | None = None
    name: str = ""
    scope: str | None = None
    short_sums: tuple[str, ...] | None = None
    asked_requests_bytes: int | None = None
    asked_limits_bytes: int | None = None
    committed_requests_bytes: int | None = None
    committed_limits_bytes: int | None = None
    bound_requests_bytes: int | None = None
    bound_limits_bytes: int | None = None
    allocatable_bytes: int | None = None
    asked_requests_millicores: int | None = None
    asked_limits_millicores: int | None = None
    committed_requests_millicores: int | None = None
    committed_limits_millicores: int | None = None
    bound_requests_millicores: int | None = None
    bound_limits_millicores: int | None = None
    allocatable_millicores: int | None = None
    short_by_bytes: int | None = None  # schema 1: the most by which a memory sum is short; below zero if all fit
    short_by_requests_bytes: int | None = None
    short_by_limits_bytes: int | None = None
    short_by_requests_millicores: int | None = None
    short_by_limits_millicores: int | None = None
    config_hash: str = ""
    lines: int = 0

    @property
    def owner(self) -> tuple[str, str]:
        """Return the kind and name of the top owner, or else of the controller, or else of the pod itself."""
        if self.top_owner_kind and self.top_owner_name:
            return self.top_owner_kind, self.top_owner_name
        if self.owner_kind and self.owner_name:
            return self.owner_kind, self.owner_name
        return "Pod", self.name


_decode = msgspec.json.Decoder(AuditLine).decode


def read(text: bytes) -> AuditLine | Faulty:
    """Decode one line of a log; a `Faulty` if it is not an audit line that can be counted."""
    begin = text.find(_BEGINS)
    if begin < 0:
        return Faulty.DAMAGED if text.startswith(b"{") and not _is_whole(text) else Faulty.OTHER
    try:
        line = _decode(text[begin:])
    except _UNREADABLE:
        return Faulty.OTHER if _is_of_another_log(text[begin:]) else Faulty.DAMAGED
    if line.event not in ("decision", "dropped"):
        return Faulty.OTHER
    if line.schema > NEWEST:
        return Faulty.NEWER
    whole = line.ts and line.schema > 0 and (line.event == "dropped" or (line.uid and line.decision and line.reason))
    return line if whole else Faulty.DAMAGED


class _Any(Struct):
    event: msgspec.Raw | None = None
    schema: msgspec.Raw | None = None


def _is_whole(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=_Any)
    except _UNREADABLE:
        return False
    return True


def _is_of_another_log(text: bytes) -> bool:
    """Say whether the text is whole JSON without the fields that mark an audit line."""
    try:
        found = msgspec.json.decode(text, type=_Any)
    except _UNREADABLE:
        return False
    return found.event is None and found.schema is None

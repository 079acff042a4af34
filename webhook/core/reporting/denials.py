"""Denials: recent refusals, and what trial modes would have refused; always bounded in number and age.

Decisions that are alike share a row, which counts them: otherwise one controller that tries again and again would push
out everything else.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from webhook.core.reporting.fairness import leaving
from webhook.core.reporting.rows import DenialRow

MOST: Final = 200  # rows of one replica; up to a quarter more for a while
AGE: Final = 3600.0  # seconds that a row is shown after its newest decision, as Kubernetes keeps an Event


class _Alike(NamedTuple):
    """What decisions of one row have in common."""

    decision: str
    reason: str
    mode: str
    dry_run: bool
    operation: str
    user: str
    kind: str
    namespace: str
    owner_kind: str | None
    owner: str


def _alike(row: DenialRow) -> _Alike:
    """Return the key of a row; an object without a controller stands for itself."""
    who = row.owner_kind, row.owner_name or row.name
    what = row.decision, row.reason, row.mode, row.dry_run, row.operation, row.user, row.kind, row.namespace
    return _Alike(*what, *who)


def _both(one: DenialRow, other: DenialRow) -> DenialRow:
    """Return one row for two that are alike: the newer of them, with both counted."""
    newer = max(one, other, key=lambda row: row.ts)
    return replace(newer, since=min(one.since, other.since), count=one.count + other.count)


class Denials:
    """The recent denials of one replica. Times are seconds of one clock. Not thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rows: dict[_Alike, tuple[DenialRow, float]] = {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def add(self, row: DenialRow, now: float) -> None:
        """Take in a decision, or the row of a replica that has ended."""
        key = _alike(row)
        known = self._rows.pop(key, None)
        self._rows[key] = (_both(known[0], row) if known else row), now
        if len(self._rows) > self._most * 5 // 4:  # many at once: to decide which leave takes a while
            for old in leaving({key: (key.namespace, at) for key, (_, at) in self._rows.items()}, self._most):
                del self._rows[old]

    def expire(self, now: float) -> bool:
        """Drop rows that have not been added to for `AGE`; say whether there was one."""
        old = [key for key, (_, at) in self._rows.items() if now - at >= AGE]
        for key in old:
            del self._rows[key]
        return bool(old)

    def rows(self) -> tuple[DenialRow, ...]:
        """Return the rows, newest first."""
        return merged([row for row, _ in self._rows.values()])


def merged(rows: Iterable[DenialRow]) -> tuple[DenialRow, ...]:
    """Return rows of any number of replicas, newest first, those that are alike in one."""
    known: dict[_Alike, DenialRow] = {}
    for row in rows:
        key = _alike(row)
        known[key] = _both(known[key], row) if key in known else row
    return tuple(sorted(known.values(), key=lambda row: (row.ts, *map(str, _alike(row))), reverse=True))

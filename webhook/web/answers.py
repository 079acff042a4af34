"""The answers of the REST API as bytes, made from the account's rows.

A report is shown for at least ten times as long as its answers have taken to make, 1.5 s at most: readers of a large
cluster that changes all the time share it, and what they cost together stays small.

An entity tag is made from what an answer shows, without the moment at which it was seen: it is the same from every
replica that shows the same, and stays the same while only time passes.
"""

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from webhook.core.config.render import effective, plain
from webhook.core.reporting import pykles
from webhook.core.reporting.pod_pages import pod_page
from webhook.core.reporting.query import Arranged, Page, Query, arrange, page, workload
from webhook.core.reporting.rows import NodeRow
from webhook.web.shelf import Encoded, Shelf
from webhook.web.sources import Report, Sources

_MOST_BYTES: Final = 6 << 20  # of encoded bodies that are kept; docs/install.md has the table of what takes memory
_MOST_ROWS: Final = 20_000  # of listings that are kept in order
_OF_REFUSALS: Final = frozenset({"denials", "blocked"})
_TIMES: Final = 10
_LONGEST: Final = 1.5  # seconds; replicas are to show the same within 2 s
_AT_ONCE: Final = 50  # rows encoded in one call, which no other thread can interrupt
_NAMES: Final = {"after": "continue", "as_of": "asOf", "remaining": "remainingItemCount"}


class ListMeta(Struct, frozen=True, gc=False, rename=_NAMES):
    """What is known of a page: `continue` leads to the next one, null on the last.

    `problem` says why the account cannot be trusted now (not synced, stale), null if it can. `remainingItemCount` says
    how many rows follow, null if that is not known.
    """

    revision: int
    as_of: str
    problem: str | None
    after: str | None
    remaining: int | None


class ConfigAnswer(Struct, frozen=True, gc=False):
    """The configuration in force. `problem` says why the last edit does not apply, null if it does."""

    hash: str
    mode: str
    problem: str | None
    config: dict[str, Any]


class UnsyncedError(Exception):
    """There is no account yet; the message says what it waits for."""


class Answers:
    """Makes answers; any thread may ask."""

    def __init__(
        self,
        sources: Sources,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._sources = sources
        self._clock, self._spent = clock, spent
        self._lock = Lock()
        self._report: Report | None = None
        self._taken = self._until = float("-inf")
        self._bodies = Shelf[Encoded](_MOST_BYTES, lambda made: len(made.body) + 200)
        self._nodes: dict[str, tuple[NodeRow, bytes]] = {}  # by name: the row, and how pykles shows it
        self._listings = Shelf[Arranged](_MOST_ROWS, lambda made: len(made.rows) + 1)

    def commitment(self) -> Encoded:
        """Return the whole account."""
        report = self._latest()
        return self._made(report, "commitment", lambda: _commitment(report))

    def nodes_as_pykles(self) -> Encoded:
        """Return the answer to `GET /`; raises `UnsyncedError`."""
        report = _synced(self._latest())
        return self._made(report, "/", lambda: self._as_pykles(report))

    def rows(self, query: Query) -> Encoded:
        """Return a page of a collection; raises `QueryError` and `UnsyncedError`."""
        report = _synced(self._latest())
        selection = (*query.selection, self.refused() if query.collection.name in _OF_REFUSALS else None)
        key = (*selection, query.limit, query.after)
        return self._made(report, key, lambda: self._page(report, query, selection))

    def config(self) -> Encoded:
        """Return the configuration in force."""
        settings = self._sources.settings()
        shown = plain(effective(settings.config))
        body = msgspec.json.encode(ConfigAnswer(settings.digest, str(settings.config.mode), settings.problem, shown))
        return Encoded(body, _etag([body]))

    def refused(self) -> int | None:
        """Return a number that changes with each refusal; None where none are recorded."""
        return None if self._sources.refusals is None else self._sources.refusals.revision

    def _latest(self) -> Report:
        with self._lock:
            now = self._clock()
            if self._report is None or now >= self._until:
                self._report, self._taken, self._until = self._sources.reports.latest(), now, now
            return self._report

    def _made(self, report: Report, key: Hashable, make: Callable[[], Encoded]) -> Encoded:
        def timed() -> Encoded:
            began = self._spent()
            encoded = make()
            with self._lock:
                longer = self._until + _TIMES * (self._spent() - began)
                self._until = min(longer, self._taken + _LONGEST)
            return encoded

        return self._bodies.get(report, key, timed)

    def _page(self, report: Report, query: Query, selection: tuple[object, ...]) -> Encoded:
        shown = self._shown(report, query, selection)
        commitment = report.commitment()
        meta = ListMeta(commitment.revision, commitment.as_of, commitment.problem, shown.after, shown.remaining)
        items = [*_encoded(shown.rows)]
        head = msgspec.json.encode((meta.problem, meta.after, meta.remaining))
        body = b'{"metadata":%b,"items":[%b]}' % (msgspec.json.encode(meta), b",".join(items))
        return Encoded(body, _etag([head, *items]))

    def _as_pykles(self, report: Report) -> Encoded:
        """Encode the nodes that have changed; the rows of all others are the same objects as in the report before."""
        before, now = self._nodes, dict[str, tuple[NodeRow, bytes]]()
        for row in report.nodes():
            known = before.get(row.name)
            same = known is not None and known[0] is row
            now[row.name] = known if known and same else (row, msgspec.json.encode(pykles.node(row)))
        self._nodes = now
        items = [encoded for row, encoded in now.values() if pykles.is_there(row)]
        return Encoded(b'{"Nodes":[%b]}' % b",".join(items), _etag(items))

    def _shown(self, report: Report, query: Query, selection: tuple[object, ...]) -> Page:
        if query.collection.name == "pods":
            of = query.value("workload")
            return pod_page(
                query, report.pods(query.value("namespace"), query.value("node"), workload(of) if of else None)
            )
        return page(query, self._listings.get(report, selection, lambda: arrange(query, self._rows_of(report, query))))

    def _rows_of(self, report: Report, query: Query) -> Iterable[Any]:
        name, refusals = query.collection.name, self._sources.refusals
        if name == "groups":
            return report.by_label(query.value("label") or "")
        if name in _OF_REFUSALS:
            return () if refusals is None else (refusals.denials() if name == "denials" else refusals.blocked())
        found: Iterable[Any] = getattr(report, name)()
        return found


def _synced(report: Report) -> Report:
    commitment = report.commitment()
    if commitment.problem is not None and not report.revision:
        raise UnsyncedError(commitment.problem)
    return report


def _commitment(report: Report) -> Encoded:
    shown = report.commitment()
    same = msgspec.json.encode(replace(shown, revision=0, as_of="", age=0.0))
    return Encoded(msgspec.json.encode(shown), _etag([same]))


def _encoded(rows: Sequence[Any]) -> Iterator[bytes]:
    """Yield rows as JSON, some at a time, with commas between those."""
    for begin in range(0, len(rows), _AT_ONCE):
        yield msgspec.json.encode(rows[begin : begin + _AT_ONCE])[1:-1]


def _etag(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return f'W/"{digest.hexdigest()}"'

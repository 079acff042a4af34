"""Visibility: which rows of a collection somebody sees who may list the pods of some namespaces only."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import replace

from webhook.core.reporting.collection import Collection
from webhook.core.reporting.pod_pages import Table
from webhook.core.reporting.query import Query
from webhook.core.reporting.rows import GroupRow, PodRow

VISIBLE: Final = "namespaces"
"""Names, among what was given with a query, the namespaces that it is limited to; no parameter has this name."""

_OF_A_ROW: Final = {
    "namespaces": "name",
    "workloads": "namespace",
    "pods": "namespace",
    "denials": "namespace",
    "blocked": "namespace",
}


def parameter(collection: str) -> str | None:
    """Return the parameter that names the namespace of rows; None if rows of this collection are in none."""
    return _OF_A_ROW.get(collection)


def limited(query: Query, namespaces: Iterable[str]) -> Query:
    """Limit a query to the rows of some namespaces; pages and answers of it are its own."""
    names = frozenset(namespaces)
    get = attrgetter(_OF_A_ROW[query.collection.name])
    given = (*query.given, (VISIBLE, ",".join(sorted(names))))
    return query._replace(given=given, tests=(*query.tests, lambda row: get(row) in names))


def limits(query: Query) -> tuple[str, ...] | None:
    """Return the namespaces that a query is limited to; None: it is not."""
    value = query.value(VISIBLE)
    return None if value is None else tuple(filter(None, value.split(",")))


def shown(query: Query, rows: Sequence[Any]) -> Sequence[Any]:
    """Return rows as who asked may see them: a share of what the whole cluster commits tells about the others."""
    if limits(query) is None or not _has_shares(query.collection):
        return rows
    return [replace(row, memory_share=None) for row in rows]


class Tables:
    """The pods of some namespaces as one table; `tables` has one for each, in the order of their names.

    A page is found by looking at rows, and its token names the last row that was looked at: so of pods that somebody
    may not see, none must be in the table at all.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        self._ends = list(accumulate(map(len, tables)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: slice) -> tuple[PodRow, ...]:
        """Return rows by namespace and name."""
        first, last, _ = index.indices(len(self))
        rows = list[PodRow]()
        at = bisect_right(self._ends, first)
        while first < last:
            begin = self._ends[at] - len(self._tables[at])
            rows += self._tables[at][first - begin : last - begin]
            first, at = self._ends[at], at + 1
        return tuple(rows)

    def sorted_by(self, sort: str, first: int, last: int, *, descending: bool = False) -> tuple[PodRow, ...]:
        """Return rows in another order; raises `ValueError`, because `pod_page` sorts no limited listing so."""
        raise ValueError(f"tables of several namespaces are not sorted by {sort} {first} {last} {descending}")


def _has_shares(collection: Collection) -> bool:
    return collection.row is GroupRow

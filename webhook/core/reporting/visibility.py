"""Visibility: which rows of a collection somebody sees who may list the pods of some namespaces only."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import replace

from webhook.core.reporting.query import Collection, Query
from webhook.core.reporting.rows import GroupRow

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


def _has_shares(collection: Collection) -> bool:
    return collection.row is GroupRow

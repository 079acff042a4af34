"""Listings of the REST API, read page by page from a few rows."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tests.support.reports import node
from webhook.core.reporting.collection import COLLECTIONS
from webhook.core.reporting.paging import arrange, page
from webhook.core.reporting.query import parse


def listed(collection: str, rows: Sequence[Any], **given_: str) -> list[str]:
    """Return the names of all rows of a query, page by page."""
    named: list[str] = []
    parameters = {name.rstrip("_"): value for name, value in given_.items()}
    while True:
        query = parse(COLLECTIONS[collection], parameters.items())
        shown = page(query, arrange(query, rows))
        assert len(shown.rows) <= query.limit
        assert (shown.after is None) is (shown.remaining == 0)
        named += [getattr(row, "name", None) or row.scope for row in shown.rows]
        if shown.after is None:
            return named
        parameters["continue"] = shown.after


NODES = (
    node("c", requests=1, labels={"zone": "b", "disk": "ssd"}, pool="gpu"),
    node("a", requests=9),
    node("b", requests=1, limits=9, counted=False, unbounded_containers=2),
    replace(node("d", allocatable=0), memory=replace(node("d").memory, requests_ratio=None)),
)

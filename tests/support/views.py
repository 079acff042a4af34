"""Views of the page, made of few rows."""

from tests.support.rows import GI, commitment, line, scope
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.rows import BlockedRow, Commitment, GroupRow, NodeRow, PodRow
from webhook.core.reporting.view import PageView, Shown, page_view

ROOM = scope("cluster", line(9 * GI, 18 * GI, bound_without_largest=12 * GI), line(12 * GI, 24 * GI, threshold=1.0))


def view(
    account: Commitment | None = None,
    *,
    nodes: list[NodeRow] | None = None,
    holders: list[GroupRow | PodRow] | None = None,
    blocked: list[BlockedRow] | None = None,
    query: Query | None = None,
) -> PageView:
    """Return the view of some rows."""
    return page_view(
        Shown(account or commitment(ROOM), nodes or [], holders or [], blocked or [], []), query or Query()
    )

"""The view: everything that the page shows, as text and geometry, ready to be laid out by a template.

It is worked out from the rows that REST serves, so the page can show nothing else. Lists are cut to one page of rows,
so that a cluster of 5,000 nodes and 2,000 namespaces stays readable, and cheap to draw.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from webhook.core.reporting.list_view import holder_list, node_list
from webhook.core.reporting.page_parts import PAGE, ListView, ScopeView, Tone, WhatIfView
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, NodeRow, PodRow
from webhook.core.reporting.scope_view import fullest_first, scope_view, sliders, tone_of
from webhook.core.reporting.summary import verdict

_SCOPES: Final = 12  # scopes shown without being asked for, the fullest first
_DECISIONS: Final = 20


class PageView(NamedTuple):
    """The page."""

    verdict: str
    tone: Tone
    as_of: str
    age: float
    problem: str | None
    mode: str
    config_hash: str
    scopes: tuple[ScopeView, ...]
    more_scopes: int
    blocked: tuple[BlockedRow, ...]
    nodes: ListView
    holders: ListView
    denials: tuple[DenialRow, ...]
    what_if: WhatIfView
    query: Query


class Tried(NamedTuple):
    """What would come of what is tried: the account then, sentences about it, and the settings to apply as text."""

    commitment: Commitment | None
    answers: tuple[str, ...]
    settings: str = ""


NOTHING_TRIED: Final = Tried(None, ())


class Shown(NamedTuple):
    """The rows that the page is made of; `holders` are those of `Query.by`, in `Query.ns` if that is given."""

    commitment: Commitment
    nodes: Sequence[NodeRow]
    holders: Sequence[GroupRow | PodRow]
    blocked: Sequence[BlockedRow]
    denials: Sequence[DenialRow]
    tried: Tried = NOTHING_TRIED


def page_view(shown: Shown, query: Query, nodes: ListView | None = None) -> PageView:
    """Return what the page shows; `nodes` is the list of nodes for this query if it is known already."""
    commitment = shown.commitment
    scopes = fullest_first(commitment)
    return PageView(
        verdict(commitment, len(shown.blocked)),
        tone_of(commitment, shown.blocked),
        commitment.as_of,
        commitment.age,
        commitment.problem,
        commitment.mode,
        commitment.config_hash,
        tuple(scope_view(scope, commitment.warn_at, shown.tried.commitment) for scope in scopes[:_SCOPES]),
        max(0, len(scopes) - _SCOPES),
        tuple(shown.blocked[:PAGE]),
        nodes or node_list(shown.nodes, query),
        holder_list(shown.holders, query),
        tuple(shown.denials[:_DECISIONS]),
        WhatIfView(tuple(sliders(scopes[:_SCOPES], query)), query.lost, shown.tried.answers, shown.tried.settings),
        query,
    )

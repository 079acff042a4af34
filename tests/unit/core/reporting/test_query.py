"""Queries: what is wrong with one is said, with what to write instead."""

import pytest

from tests.support.listings import NODES
from webhook.core.reporting.collection import COLLECTIONS, MOST
from webhook.core.reporting.paging import Page, arrange, page
from webhook.core.reporting.query import QueryError, parse


def shown(given_: list[tuple[str, str]]) -> Page:
    query = parse(COLLECTIONS["nodes"], given_)
    return page(query, arrange(query, NODES))


@pytest.mark.parametrize(
    ("given_", "parameter", "told"),
    [
        ([("limt", "3")], "limt", "there is no parameter 'limt' here; did you mean 'limit'?"),
        ([("x", "3")], "x", "there is no parameter 'x' here; there are pool, labelSelector, counted, over, unbounded"),
        ([("limit", "3"), ("limit", "3")], "limit", "limit is given twice: give it once"),
        ([("pool", "")], "pool", "pool is empty: give it a value, or leave it out"),
        ([("limit", "0")], "limit", f"'0' is not a limit: write a whole number from 1 to {MOST}"),
        ([("limit", "5001")], "limit", "is not a limit"),
        ([("limit", "-1")], "limit", "is not a limit"),
        ([("limit", "1.0")], "limit", "is not a limit"),
        ([("limit", "٣")], "limit", "is not a limit"),
        ([("limit", "9" * 5000)], "limit", "is not a limit"),
        ([("sortBy", "-memory.request")], "sortBy", "there is no field 'memory.request' to sort by; did you mean"),
        ([("sortBy", "labels")], "sortBy", "there is no field 'labels' to sort by"),
        ([("sortBy", "-")], "sortBy", "there is no field '' to sort by"),
        ([("over", "yes")], "over", "'yes' is neither true nor false"),
        ([("labelSelector", "a b")], "labelSelector", "'a b' is not a requirement of a label"),
        ([("continue", "x")], "continue", "this token belongs to no listing with these parameters"),
        ([("continue", "ä")], "continue", "this token belongs to no listing with these parameters"),
        ([("continue", "W10")], "continue", "this token belongs to no listing with these parameters"),
    ],
)
def test_what_cannot_be_answered_is_told_why(given_: list[tuple[str, str]], parameter: str, told: str) -> None:
    with pytest.raises(QueryError) as found:
        shown(given_)
    assert found.value.parameter == parameter
    assert told in str(found.value)


def test_what_is_required_is_asked_for() -> None:
    with pytest.raises(QueryError, match=r"label is missing. The label of nodes, such as topology.kubernetes.io/zone"):
        parse(COLLECTIONS["groups"], [])

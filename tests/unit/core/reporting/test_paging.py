"""Pages: page by page without a gap or a repetition, whatever comes or goes meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.listings import NODES, listed
from tests.support.reports import GI, node, pod
from webhook.core.reporting.collection import COLLECTIONS, LIMIT
from webhook.core.reporting.paging import arrange, page
from webhook.core.reporting.query import QueryError, parse


def test_a_row_that_comes_or_goes_between_pages_shifts_no_other() -> None:
    rows = [node(name) for name in "bdfh"]
    first = parse(COLLECTIONS["nodes"], [("limit", "2")])
    shown = page(first, arrange(first, rows))
    assert [row.name for row in shown.rows] == ["b", "d"]
    later = [node(name) for name in "acefh"]
    second = parse(COLLECTIONS["nodes"], [("limit", "2"), ("continue", shown.after or "")])
    shown = page(second, arrange(second, later))
    assert ([row.name for row in shown.rows], shown.remaining) == (["e", "f"], 1)


@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=2), st.none() | st.integers(-2, 2)), unique_by=lambda p: p[0]
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_pages_are_the_whole(pairs: list[tuple[str, int | None]], limit: int, descending: bool) -> None:
    rows = [pod(name, node=None if number is None else f"n{number + 5}") for name, number in pairs]
    names = listed("pods", rows, sortBy="-node" if descending else "node", limit=str(limit))

    def key(pair: tuple[str, int | None]) -> tuple[int, str]:
        return (0 if pair[1] is None else pair[1] + 5, pair[0])

    known = sorted((p for p in pairs if p[1] is not None), key=key, reverse=descending)
    unknown = sorted((p for p in pairs if p[1] is None), key=key, reverse=descending)
    assert names == [name for name, _ in (*known, *unknown)]


def test_a_token_of_other_parameters_is_refused() -> None:
    query = parse(COLLECTIONS["nodes"], [("limit", "1")])
    after = page(query, arrange(query, NODES)).after or ""
    other = parse(COLLECTIONS["nodes"], [("limit", "1"), ("over", "true"), ("continue", after)])
    with pytest.raises(QueryError, match="belongs to no listing"):
        page(other, arrange(other, NODES))


def test_a_token_may_be_used_with_another_limit() -> None:
    query = parse(COLLECTIONS["nodes"], [("limit", "1")])
    after = page(query, arrange(query, NODES)).after or ""
    rest = parse(COLLECTIONS["nodes"], [("limit", "9"), ("continue", after)])
    assert [row.name for row in page(rest, arrange(rest, NODES)).rows] == ["b", "c", "d"]


def test_a_page_has_five_hundred_rows_unless_asked_otherwise() -> None:
    rows = [node(f"{index:04}") for index in range(LIMIT + 3)]
    query = parse(COLLECTIONS["nodes"], [])
    shown = page(query, arrange(query, rows))
    assert (len(shown.rows), shown.remaining) == (500, 3)
    assert rows[0].memory.allocatable == 8 * GI

"""Queries: which rows, in which order, and page by page without a gap or a repetition."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.reports import GI, blocked, denial, group, node, pod, scope
from webhook.core.reporting.query import COLLECTIONS, LIMIT, MOST, Page, QueryError, arrange, page, parse, sortable
from webhook.core.reporting.rows import NodeRow


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


@pytest.mark.parametrize(
    ("given_", "names"),
    [
        ({}, "abcd"),
        ({"sortBy": "name"}, "abcd"),
        ({"sortBy": "-name"}, "dcba"),
        ({"sortBy": "memory.requestsRatio"}, "bcad"),
        ({"sortBy": "-memory.requestsRatio"}, "acbd"),
        ({"sortBy": "-memory.requestsRatio", "limit": "1"}, "acbd"),
        ({"sortBy": "memory.requestsRatio", "limit": "1"}, "bcad"),
        ({"limit": "3"}, "abcd"),
        ({"limit": "4"}, "abcd"),
        ({"pool": "gpu"}, "c"),
        ({"pool": "none"}, ""),
        ({"counted": "false"}, "b"),
        ({"counted": "true"}, "acd"),
        ({"unbounded": "true"}, "b"),
        ({"unbounded": "false", "sortBy": "-name"}, "dca"),
        ({"labelSelector": "disk"}, "c"),
        ({"labelSelector": "zone in (a,b), !disk"}, "abd"),
        ({"over": "true"}, "abd"),
        ({"over": "false"}, "c"),
        ({"counted": "true", "over": "true"}, "ad"),
    ],
)
def test_nodes(given_: dict[str, str], names: str) -> None:
    assert listed("nodes", NODES, **given_) == list(names)


def test_scopes() -> None:
    rows = (scope(), scope("gpu", -1), scope("web", 0))
    assert listed("pools", rows, over="true") == ["gpu"]
    assert listed("pools", rows, over="false") == ["cluster", "web"]
    assert listed("pools", rows, scope="gpu") == ["gpu"]
    assert listed("pools", rows, sortBy="memory.requests.free") == ["gpu", "web", "cluster"]


def test_groups() -> None:
    rows = (
        group("Deployment", "web", 3, namespace="shop"),
        group("Deployment", "api", 1, namespace="shop"),
        group("Job", "web", 2, namespace="bank", unbounded_containers=1),
    )
    assert listed("workloads", rows) == ["web", "api", "web"], "by namespace first"
    assert listed("workloads", rows, namespace="shop") == ["api", "web"]
    assert listed("workloads", rows, kind="Job") == ["web"]
    assert listed("workloads", rows, sortBy="-memory.requests", limit="1") == ["web", "web", "api"]
    assert listed("namespaces", (group("Namespace", "b"), group("Namespace", "a"))) == ["a", "b"]
    assert listed("groups", (group("zone", "b"), group("zone", "a")), label="zone") == ["a", "b"]


def test_pods() -> None:
    rows = (
        pod("a", "shop", node=None, pool="gpu"),
        pod("b", "bank", workload_name="db", counted=False, unbounded_containers=1),
        pod("c", "shop", unreviewed="static"),
    )
    assert listed("pods", rows) == ["b", "a", "c"]
    assert listed("pods", rows, namespace="shop") == ["a", "c"]
    assert listed("pods", rows, node="node-1") == ["b", "c"]
    assert listed("pods", rows, pool="gpu") == ["a"]
    assert listed("pods", rows, workload="Deployment/web") == ["a", "c"]
    assert listed("pods", rows, counted="false") == ["b"]
    assert listed("pods", rows, unreviewed="true") == ["c"]
    assert listed("pods", rows, sortBy="-node", limit="1") == ["c", "b", "a"], "those on no node come last"


def test_refusals_are_the_newest_first() -> None:
    rows = [denial(name, f"2026-11-30T12:00:0{second}.000Z") for name, second in (("old", 1), ("new", 3), ("mid", 2))]
    assert listed("denials", rows) == ["new", "mid", "old"]
    assert listed("denials", rows, sortBy="ts", limit="1") == ["old", "mid", "new"]
    assert listed("denials", rows, reason="NoRoom") == []
    assert listed("blocked", [blocked("b"), blocked("a", scope="gpu")], scope="gpu") == ["a"]


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


def test_a_workload_is_kind_and_name() -> None:
    with pytest.raises(QueryError, match="'web' is not KIND/NAME: write for example Deployment/web"):
        parse(COLLECTIONS["pods"], [("workload", "web")])


def test_what_is_required_is_asked_for() -> None:
    with pytest.raises(QueryError, match=r"label is missing. The label of nodes, such as topology.kubernetes.io/zone"):
        parse(COLLECTIONS["groups"], [])


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


def test_rows_can_be_sorted_by_every_single_value() -> None:
    assert sortable(NodeRow)["memory.limitsRatio"] == "memory.limits_ratio"
    assert not {"labels", "memory"} & set(sortable(NodeRow))
    for each in COLLECTIONS.values():
        assert set(each.identity) <= set(sortable(each.row).values())


def test_a_page_has_five_hundred_rows_unless_asked_otherwise() -> None:
    rows = [node(f"{index:04}") for index in range(LIMIT + 3)]
    query = parse(COLLECTIONS["nodes"], [])
    shown = page(query, arrange(query, rows))
    assert (len(shown.rows), shown.remaining) == (500, 3)
    assert rows[0].memory.allocatable == 8 * GI

"""The query of the page: read from a URL, and written into one."""

import pytest

from webhook.core.reporting.page_query import Query, query_of


def test_the_url_says_only_what_is_not_usual() -> None:
    assert Query().parameters() == []
    assert Query(by="pod", ns="a", q="web").parameters(page=2) == [
        ("by", "pod"),
        ("ns", "a"),
        ("q", "web"),
        ("page", "2"),
    ]


@pytest.mark.parametrize("text", ["x", "-1", "1e9", "99999999", ""])
def test_a_page_that_is_not_a_number_is_the_first(text: str) -> None:
    assert query_of([("page", text)]).page == 1


def test_a_link_may_add_to_what_is_tried() -> None:
    assert Query(lost=("a",)).parameters(lost=["a", "b"]) == [("lost", "a"), ("lost", "b")]
    assert Query(tried=(("mode", "warn"),)).parameters() == [("try.mode", "warn")]


def test_a_url_is_read_back() -> None:
    query = Query(by="workload", ns="a", q="a b", sort="limits", page=3, nodes_q="n", nodes_sort="free", nodes_page=2)
    query = query._replace(tried=(("thresholds.memory.requests", "70%"),), lost=("n1", "n2"))
    assert query_of(query.parameters()) == query


def test_pods_are_shown_of_one_namespace_alone() -> None:
    assert query_of([("by", "pod")]).by == "namespace"
    assert query_of([("by", "pod"), ("ns", "a")]).by == "pod"
    assert query_of([("by", "nonsense")]).by == "namespace"

"""Rows of some namespaces only: in every collection, on every page, and without a trace of the others."""

import base64

import pytest

from tests.support.reports import FixedTable, group, pod
from webhook.core.reporting import pod_pages
from webhook.core.reporting.collection import COLLECTIONS
from webhook.core.reporting.paging import arrange
from webhook.core.reporting.pod_pages import pod_page
from webhook.core.reporting.query import Query, QueryError, parse
from webhook.core.reporting.visibility import Tables, limited, limits, parameter, shown

NAMESPACES = {"bank": 7, "mine": 5, "ours": 4, "shop": 9}


def query(collection: str, *namespaces: str, **given: str) -> Query:
    return limited(parse(COLLECTIONS[collection], given.items()), namespaces)


def test_collections_whose_rows_are_of_no_namespace_cannot_be_limited() -> None:
    of = {name: parameter(name) for name in COLLECTIONS}
    assert {name for name, given in of.items() if given is None} == {"nodes", "pools", "groups"}
    for name, given in of.items():
        assert given is None or given in {each.name for each in COLLECTIONS[name].parameters()}


def test_rows_of_other_namespaces_are_left_out() -> None:
    rows = [group("Namespace", name) for name in NAMESPACES]
    asked = query("namespaces", "mine", "shop", "away")
    assert [row.name for row in arrange(asked, rows).rows] == ["mine", "shop"]
    assert limits(asked) == ("away", "mine", "shop")
    owners = [group("Deployment", "web", namespace=name) for name in NAMESPACES]
    assert [row.namespace for row in arrange(query("workloads", "mine"), owners).rows] == ["mine"]


def test_a_filter_selects_among_what_may_be_seen() -> None:
    rows = [group("Namespace", name) for name in NAMESPACES]
    assert arrange(query("namespaces", "mine", name="shop"), rows).rows == []


def test_limits_make_another_listing() -> None:
    plain = parse(COLLECTIONS["namespaces"], [])
    found = {plain.selection, limited(plain, ["a"]).selection, limited(plain, ["a", "b"]).selection}
    assert len(found) == 3, "so that no answer or token of one is that of another"
    assert limits(plain) is None
    assert limits(limited(plain, [])) == ()


def test_no_parameter_has_the_name_of_the_limits() -> None:
    for collection in COLLECTIONS.values():
        with pytest.raises(QueryError):
            parse(collection, [("namespaces", "shop")])


def test_a_share_of_what_the_whole_cluster_commits_is_not_shown() -> None:
    rows = [group("Namespace", "mine"), group("Namespace", "ours")]
    assert [row.memory_share for row in shown(query("namespaces", "mine"), rows)] == [None, None]
    assert [row.memory_share for row in shown(parse(COLLECTIONS["namespaces"], []), rows)] == [0.5, 0.5]
    assert list(shown(query("pods", "mine"), [pod("a")])) == [pod("a")]


# -- pods --------------------------------------------------------------------------------------------------------------


def tables(*namespaces: str) -> Tables:
    return Tables([FixedTable(pod(f"p{n}", each) for n in range(NAMESPACES.get(each, 0))) for each in namespaces])


def test_tables_of_namespaces_are_one_table() -> None:
    both, rows = tables("bank", "empty", "mine"), [*tables("bank")[0:9], *tables("mine")[0:9]]
    assert len(both) == len(rows) == 12
    for first in range(14):
        for last in range(14):
            assert list(both[first:last]) == rows[first:last]
    assert len(tables()) == 0
    assert tables()[0:5] == ()


@pytest.mark.parametrize("few", [0, 5000])
def test_no_page_and_no_token_names_a_pod_of_another_namespace(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", few)
    found, given = list[str](), {"limit": "3"}
    while True:
        asked = query("pods", "mine", "shop", **given)
        page = pod_page(asked, tables("mine", "shop"))
        found += [f"{row.namespace}/{row.name}" for row in page.rows]
        if page.after is None:
            break
        told = base64.b64decode(page.after + "===", b"-_")
        assert b"mine" in told or b"shop" in told
        given["continue"] = page.after
    assert found == [f"{name}/p{n}" for name in ("mine", "shop") for n in range(NAMESPACES[name])]


def test_many_pods_of_several_namespaces_are_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 0)
    with pytest.raises(QueryError, match="there are 14 pods: name a namespace"):
        pod_page(query("pods", "mine", "shop", sortBy="memory.requests"), tables("mine", "shop"))
    with pytest.raises(ValueError, match="several namespaces"):
        tables("mine", "shop").sorted_by("memoryRequests", 0, 5)

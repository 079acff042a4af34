"""Pages of pods: the same rows as of any other collection, whichever of the ways finds them."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.reports import GI, FixedTable, pod
from webhook.core.reporting import pod_pages
from webhook.core.reporting.collection import COLLECTIONS
from webhook.core.reporting.paging import arrange, page, token
from webhook.core.reporting.pod_pages import Table, pod_page
from webhook.core.reporting.query import QueryError, parse
from webhook.core.reporting.rows import PodRow


def rows(count: int = 17) -> list[PodRow]:
    """Make pods, every third of which is unbounded, in two namespaces."""
    made = []
    for index in range(count):
        row = pod(f"p{index:02}", "bank" if index % 2 else "shop", unbounded_containers=int(index % 3 == 0))
        made.append(replace(row, memory=replace(row.memory, requests=index % 4 * GI)))
    return made


class Counting(FixedTable):
    """Counts the rows that are made."""

    def __init__(self, given: Sequence[PodRow]) -> None:
        super().__init__(given)
        self.made = 0

    def __getitem__(self, index: slice) -> tuple[PodRow, ...]:
        found = super().__getitem__(index)
        self.made += len(found)
        return found


def listed(table: Table, **given: str) -> list[str]:
    """Return the names of all rows of a query, page by page."""
    named: list[str] = []
    while True:
        query = parse(COLLECTIONS["pods"], given.items())
        shown = pod_page(query, table)
        assert len(shown.rows) <= query.limit
        named += [row.name for row in shown.rows]
        if shown.after is None:
            return named
        given["continue"] = shown.after


def expected(**given: str) -> list[str]:
    """Return the same as any collection is listed."""
    query = parse(COLLECTIONS["pods"], given.items())
    return [row.name for row in page(query, arrange(query, rows())).rows]


@pytest.fixture(params=["few", "many"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FixedTable:
    if request.param == "many":
        monkeypatch.setattr(pod_pages, "_FEW", 0)
        monkeypatch.setattr(pod_pages, "_LOOKED_AT", 4)
    return FixedTable(rows())


@pytest.mark.parametrize("limit", ["1", "2", "3", "5", "16", "17", "100"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"unbounded": "true"},
        {"unbounded": "false"},
        {"counted": "false"},
        {"sortBy": "memory.requests"},
        {"sortBy": "-memory.requests"},
    ],
)
def test_all_ways_lead_to_the_same_rows(table: FixedTable, given: dict[str, str], limit: str) -> None:
    ties = {"sortBy"} & set(given)
    found, wanted = listed(table, **given, limit=limit), expected(**given)
    assert sorted(found) == sorted(wanted)
    assert ties or found == wanted


def test_what_follows_is_counted_where_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 0)
    table = FixedTable(rows())

    def remaining(**given: str) -> int | None:
        return pod_page(parse(COLLECTIONS["pods"], given.items()), table).remaining

    assert remaining(limit="5") == 12
    assert remaining(limit="5", sortBy="-memory.requests") == 12
    assert remaining(limit="2", unbounded="true") is None
    assert remaining(limit="100", unbounded="true") == 0


def test_a_page_of_many_makes_the_rows_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 100)
    table = Counting(rows(3000))
    query = parse(COLLECTIONS["pods"], [("limit", "10")])
    first = pod_page(query, table)
    assert table.made == 10
    pod_page(parse(COLLECTIONS["pods"], [("limit", "10"), ("continue", first.after or "")]), table)
    assert table.made <= 20 + 12, "and a few to find its place"


def test_a_filter_looks_at_so_many_pods_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 100)
    monkeypatch.setattr(pod_pages, "_LOOKED_AT", 500)
    table = Counting(rows(3000))
    shown = pod_page(parse(COLLECTIONS["pods"], [("counted", "false"), ("limit", "200")]), table)
    assert (table.made, len(shown.rows)) == (500, 0)
    assert shown.after is not None


def test_a_pod_that_comes_between_pages_shifts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 0)
    first = pod_page(parse(COLLECTIONS["pods"], [("limit", "2")]), FixedTable([pod(name) for name in "bdf"]))
    later = FixedTable([pod(name) for name in "abcdef"])
    shown = pod_page(parse(COLLECTIONS["pods"], [("continue", first.after or "")]), later)
    assert [row.name for row in shown.rows] == ["e", "f"]


@pytest.mark.parametrize("given", [{"sortBy": "node"}, {"sortBy": "memory.requests", "unbounded": "true"}])
def test_many_pods_are_not_sorted_by_everything(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 0)
    with pytest.raises(QueryError, match="there are 17 pods: name a namespace, node or workload to sort by") as found:
        pod_page(parse(COLLECTIONS["pods"], given.items()), FixedTable(rows()))
    assert found.value.parameter == "sortBy"


@pytest.mark.parametrize("key", [("x",), (-1,), (1, 2), (None,), (True, "a", 3), ("a", "b", None)])
@pytest.mark.parametrize("given", [{}, {"sortBy": "memory.requests"}, {"unbounded": "true"}])
def test_a_forged_token_is_refused(
    key: tuple[Any, ...], given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_pages, "_FEW", 0)
    query = parse(COLLECTIONS["pods"], given.items())
    forged = query._replace(after=token(query, key))
    if key == ("x",) and not given.get("sortBy"):
        assert list(pod_page(forged, FixedTable(rows())).rows) == [], "it is a place, behind all"
        return
    with pytest.raises(QueryError, match="belongs to no listing"):
        pod_page(forged, FixedTable(rows()))

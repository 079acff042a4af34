"""The view: what the page shows, in which order, and how lists are searched, sorted and cut."""

import pytest

from tests.support.rows import GI, commitment, group, line, node, pod, scope
from webhook.core.reporting.rows import BlockedRow, Commitment, GroupRow, Line, NodeRow, PodRow
from webhook.core.reporting.view import PAGE, PageView, Query, Shown, Tried, page_view, query_of, tone

ROOM = scope("cluster", line(9 * GI, 18 * GI, bound_without_largest=12 * GI), line(12 * GI, 24 * GI, threshold=1.0))


def view(
    committed: Commitment | None = None,
    *,
    nodes: list[NodeRow] | None = None,
    holders: list[GroupRow | PodRow] | None = None,
    blocked: list[BlockedRow] | None = None,
    query: Query | None = None,
) -> PageView:
    """Return the view of some rows."""
    return page_view(
        Shown(committed or commitment(ROOM), nodes or [], holders or [], blocked or [], []), query or Query()
    )


@pytest.mark.parametrize(
    ("a_sum", "shown"),
    [
        (line(0, 10), "calm"),
        (line(8, 10), "calm"),
        (line(9, 10), "near"),
        (line(8, 10, granted=1), "near"),
        (line(10, 10), "near"),
        (line(11, 10), "over"),
        (line(5, None), "calm"),
        (line(0, 0), "calm"),
        (line(1, 0), "over"),
    ],
)
def test_a_sum_is_near_from_warn_at_on_and_over_past_its_bound(a_sum: Line, shown: str) -> None:
    assert tone(a_sum, 0.9) == shown


def test_the_page_takes_the_worst_tone_of_all_sums() -> None:
    assert view().tone == "calm"
    assert view(commitment(ROOM, scope("hm", line(17 * GI, 18 * GI)))).tone == "near"
    assert view(commitment(ROOM, scope("hm", line(19 * GI, 18 * GI)))).tone == "over"
    assert view(commitment(ROOM, problem="not listed yet")).tone == "unknown"


def test_a_load_line_has_geometry_figures_exact_bytes_and_words() -> None:
    (requests, limits) = view().scopes[0].lines
    assert requests.bar == (375, 0, 750, 500, None)
    assert (requests.free, requests.committed, requests.bound, requests.threshold) == ("9Gi free", "9Gi", "18Gi", "75%")
    assert f"free {9 * GI}," in requests.exact
    assert requests.said == "memory requests: 9Gi free, 9Gi committed of 18Gi, threshold 75%"
    assert limits.bar.threshold == 1000


def test_past_allocatable_the_whole_is_marked() -> None:
    (over,) = view(commitment(scope("cluster", line(30 * GI, 18 * GI)))).scopes[0].lines
    assert over.bar == (1000, 0, 600, None, 800)
    assert over.free == "12Gi over"


def test_pools_come_after_the_cluster_the_fullest_first_and_not_too_many() -> None:
    pools = [scope(f"pool-{number}", line(number, 100)) for number in range(20)]
    shown = view(commitment(ROOM, *pools))
    assert [each.name for each in shown.scopes[:3]] == ["cluster", "pool-19", "pool-18"]
    assert len(shown.scopes) + shown.more_scopes == 21


def test_what_a_scope_says_of_its_nodes() -> None:
    noted = scope(
        "cluster", nodes_counted=2, pods=1, pods_max=None, reserve_nodes=1, reserve_used=("n",), unbounded_containers=1
    )
    said = "2 of 3 nodes count · 1 pod · reserve for 1 node, used by n · 1 container without a limit"
    assert view(commitment(noted)).scopes[0].note == said


def test_nodes_are_searched_sorted_and_cut_by_the_server() -> None:
    nodes = [node(f"node-{number:03d}", number, pool="hm" if number % 2 else None) for number in range(120)]
    first = view(nodes=nodes).nodes
    assert (first.first, first.last, first.total, first.pages) == (1, PAGE, 120, 3)
    assert first.rows[0].key == "node/node-119"  # the fullest first
    last = view(nodes=nodes, query=Query(nodes_page=9, nodes_sort="name")).nodes
    assert (last.first, last.last, last.page) == (101, 120, 3)
    found = view(nodes=nodes, query=Query(nodes_q="HM")).nodes
    assert (found.total, found.unfiltered) == (60, 120)
    assert view().nodes.first == 0


def test_each_row_has_the_command_that_a_person_types_next() -> None:
    rows: list[GroupRow | PodRow] = [group("shop"), group("web", kind="Deployment", namespace="shop"), pod("web-1")]
    commands = {row.command for row in view(holders=rows).holders.rows}
    assert commands == {
        "kubectl headroom report --by workload -n shop",
        "kubectl -n shop describe deployment web",
        "kubectl -n default describe pod web-1",
    }
    assert view(nodes=[node("n")]).nodes.rows[0].command == "kubectl describe node n"


def test_a_holder_says_what_is_not_bounded() -> None:
    rows: list[GroupRow | PodRow] = [
        group("a", 3, 0, unbounded=1, unbounded_containers=2),
        group("b", 2, 1, memory_share=0.1),
    ]
    (first, second) = view(holders=rows).holders.rows
    assert [cell.text for cell in first.cells][3:5] == ["no limit", "2"]
    assert [cell.text for cell in second.cells][2:4] == ["2 bytes · 10%", "1 byte"]


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


def test_a_namespace_leads_to_its_workloads_and_those_to_their_pods() -> None:
    rows: list[GroupRow | PodRow] = [group("shop"), group("web", kind="Deployment", namespace="shop"), pod("web-1")]
    into = [dict(row.into) for row in view(holders=rows).holders.rows]
    assert {"by": "workload", "ns": "shop"} in into
    assert {"by": "pod", "ns": "shop", "q": "web"} in into
    assert {} in into


def test_what_is_tried_is_drawn_below_what_is() -> None:
    then = commitment(scope("cluster", line(9 * GI, 6 * GI)))
    shown = page_view(
        Shown(commitment(ROOM), [], [], [], [], Tried(then, ("Said.",), "a: b")),
        Query(tried=(("thresholds.memory.requests", "25%"),), lost=("n1",)),
    )
    requests, limits = shown.scopes[0].lines
    assert requests.then is not None
    assert (requests.then.threshold, requests.then_said) == (250, "then 3Gi over, 9Gi of 6Gi")
    assert limits.then_said == "then 0, no threshold"
    assert shown.what_if.answers == ("Said.",)
    slider, other = shown.what_if.sliders
    assert (slider.path, slider.now, slider.value) == ("thresholds.memory.requests", 75, 25)
    assert (other.path, other.now, other.value) == ("thresholds.memory.limits", 100, 100)


def test_a_pools_slider_has_the_pools_path() -> None:
    shown = view(commitment(ROOM, scope("hm", line(1, 2))))
    assert shown.what_if.sliders[-1].path == "pools.hm.thresholds.memory.requests"

"""The lists on the page: how they are searched, sorted and cut, and what a row leads to."""

import pytest

from tests.support.rows import group, node, pod
from tests.support.views import view
from webhook.core.reporting.page_parts import PAGE
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.rows import GroupRow, PodRow


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


@pytest.mark.parametrize(("kind", "name"), [("Pod; curl x|sh #", "web"), ("Deployment", "a\nb"), ("X", "$(reboot)")])
def test_no_command_holds_what_whoever_makes_a_pod_may_write(kind: str, name: str) -> None:
    (row,) = view(holders=[group(name, kind=kind, namespace="shop")]).holders.rows
    assert row.command == "kubectl headroom report --by pod -n shop"


def test_a_holder_says_what_is_not_bounded() -> None:
    rows: list[GroupRow | PodRow] = [
        group("a", 3, 0, unbounded=1, unbounded_containers=2),
        group("b", 2, 1, memory_share=0.1),
    ]
    (first, second) = view(holders=rows).holders.rows
    assert [cell.text for cell in first.cells][3:5] == ["no limit", "2"]
    assert [cell.text for cell in second.cells][2:4] == ["2 bytes · 10%", "1 byte"]


def test_a_namespace_leads_to_its_workloads_and_those_to_their_pods() -> None:
    rows: list[GroupRow | PodRow] = [group("shop"), group("web", kind="Deployment", namespace="shop"), pod("web-1")]
    into = [dict(row.into) for row in view(holders=rows).holders.rows]
    assert {"by": "workload", "ns": "shop"} in into
    assert {"by": "pod", "ns": "shop", "q": "web"} in into
    assert {} in into

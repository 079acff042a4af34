"""Collections: what can be listed, by what it is selected, and in which order."""

import pytest

from tests.support.listings import NODES, listed
from tests.support.reports import blocked, denial, group, pod, scope
from webhook.core.reporting.collection import COLLECTIONS, sortable
from webhook.core.reporting.query import QueryError, parse
from webhook.core.reporting.rows import NodeRow


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


def test_a_workload_is_kind_and_name() -> None:
    with pytest.raises(QueryError, match="'web' is not KIND/NAME: write for example Deployment/web"):
        parse(COLLECTIONS["pods"], [("workload", "web")])


def test_rows_can_be_sorted_by_every_single_value() -> None:
    assert sortable(NodeRow)["memory.limitsRatio"] == "memory.limits_ratio"
    assert not {"labels", "memory"} & set(sortable(NodeRow))
    for each in COLLECTIONS.values():
        assert set(each.identity) <= set(sortable(each.row).values())

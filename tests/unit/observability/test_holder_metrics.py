"""What each node and each namespace holds; of many, the largest by name and the rest in one sum."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.metrics_core import Metric

from tests.support.accounts import HIGH_MEM, node, pod
from tests.support.metered import metered
from tests.support.replica import ready
from webhook.core.ledger.unreviewed import BEFORE, EXCLUDED, GROWN, STATIC
from webhook.core.reporting.rows import GroupRow, NodeRow, NodeUse, Use
from webhook.observability.holder_metrics import REST, namespace_families, node_families

GI = 1 << 30
NOTHING_USED = NodeUse(capacity=None, allocatable=0, requests=0, limits=0, requests_ratio=None, limits_ratio=None)

Shape = tuple[int, int, int, str]
"""How much memory a node has, how much of it is requested, whether it is out (1), and its pool ("": none)."""


def test_a_node_shows_what_it_has_and_what_its_pods_commit(tmp_path: Path) -> None:
    judge = ready(HIGH_MEM)
    state = judge.admission.state
    state.see_node(node("big", 100, pool="high-mem"))
    state.see_pod(pod("a", 2, "big", limits=3, revision=101))
    state.see_pod(pod("b", 1, "big", limits=5, revision=102))
    state.see_pod(pod("unbound", 4, revision=103))
    shown = metered(judge, tmp_path).shown()
    there = {"node": "big", "pool": "high-mem"}
    kinds = ("allocatable", "requests", "limits")
    assert [shown.value(f"headroom_node_memory_{kind}_bytes", **there) / GI for kind in kinds] == [100, 3, 8]
    assert shown.value("headroom_node_memory_requests_bytes") == 3 * GI, "a pod without a node is on none"
    assert shown.value("headroom_node_counted", **there, reason="") == 1


def test_a_node_says_why_it_does_not_count_and_goes_on_showing_its_pods(tmp_path: Path) -> None:
    judge = ready()
    state = judge.admission.state
    state.see_node(node("other", 8))
    state.see_pod(pod("a", 2, "other", revision=101))
    assert metered(judge, tmp_path).shown().value("headroom_node_counted") == 2
    state.see_node(node("other", 8, cordoned=True))
    shown = metered(judge, tmp_path).shown()
    assert shown.labels("headroom_node_counted", node="other")["reason"] == "cordoned"
    assert shown.value("headroom_node_counted") == 1
    assert shown.value("headroom_node_memory_requests_bytes", node="other") == 2 * GI
    state.node_gone("other")
    assert not metered(judge, tmp_path).shown().samples("headroom_node_counted", node="other")


def test_a_namespace_shows_what_its_pods_commit_wherever_they_are(tmp_path: Path) -> None:
    judge = ready()
    state = judge.admission.state
    state.see_node(node("out", 8, cordoned=True))
    state.see_pod(pod("a", 2, "node", limits=3, revision=101))
    state.see_pod(pod("b", 1, "out", limits=5, revision=102))
    state.see_pod(replace(pod("c", 1, revision=103), name="other/c"))
    shown = metered(judge, tmp_path).shown()
    name = "headroom_namespace_memory_{}_bytes"
    for space, requests, limits in (("default", 3, 8), ("other", 1, 0)):
        assert shown.value(name.format("requests"), namespace=space) == requests * GI
        assert shown.value(name.format("limits"), namespace=space) == limits * GI


def test_pods_that_nobody_reviewed_are_counted_by_why_and_every_reason_is_there(tmp_path: Path) -> None:
    judge = ready()
    name = "headroom_unreviewed_pods"
    shown = metered(judge, tmp_path).shown()
    assert {sample.labels["reason"]: sample.value for sample in shown.samples(name)} == dict.fromkeys(
        (STATIC, EXCLUDED, BEFORE, GROWN), 0
    )
    judge.admission.state.see_pod(replace(pod("dns", 1, "node", revision=101), name="kube-system/dns"))
    assert metered(judge, tmp_path).shown().value(name, reason=EXCLUDED) == 1


# --- of many


def node_rows(shapes: list[Shape]) -> list[NodeRow]:
    return [
        NodeRow(
            name=f"n{index:03}",
            pool=pool or None,
            counted=not out,
            why_not="cordoned" if out else None,
            labels={},
            pods=0,
            pods_max=None,
            unbounded_containers=0,
            best_effort_pods=0,
            memory=NodeUse(
                capacity=None,
                allocatable=size,
                requests=asked,
                limits=2 * asked,
                requests_ratio=asked / size if size else None,
                limits_ratio=None,
            ),
            cpu=NOTHING_USED,
        )
        for index, (size, asked, out, pool) in enumerate(shapes)
    ]


def group_rows(requests: list[int]) -> list[GroupRow]:
    return [
        GroupRow(
            kind="Namespace",
            namespace=None,
            name=f"s{index:03}",
            pods=1,
            pending_pods=0,
            unbounded_containers=0,
            best_effort_pods=0,
            memory=Use(requests=asked, limits=2 * asked, unbounded=0),
            cpu=Use(requests=0, limits=0, unbounded=0),
            memory_share=None,
            uncounted=0,
            unreviewed={GROWN: index},
        )
        for index, asked in enumerate(requests)
    ]


def by_pool(family: Metric) -> Counter[str]:
    sums = Counter[str]()
    for sample in family.samples:
        sums[sample.labels["pool"]] += int(sample.value)
    return sums


shapes = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 1), st.sampled_from(["", "a", "b"]))


@given(st.lists(shapes, max_size=12), st.integers(0, 8))
def test_the_rest_of_many_nodes_is_summed_so_that_nothing_is_lost(nodes: list[Shape], most: int) -> None:
    whole, bounded = ({f.name: f for f in node_families(node_rows(nodes), limit)} for limit in (1000, most))
    assert whole.keys() == bounded.keys()
    for name, family in bounded.items():
        assert by_pool(family) == by_pool(whole[name])
        names = [sample.labels["node"] for sample in family.samples]
        assert len(set(names) - {REST}) == min(most, len(nodes))
        assert names.count(REST) <= 3 * 2, "by pool, and by reason where there is one"


def test_the_fullest_nodes_keep_their_names() -> None:
    rows = node_rows([(8, 1, 0, ""), (8, 7, 0, ""), (8, 7, 0, ""), (4, 3, 0, ""), (0, 0, 1, "")])
    requests = {f.name: f for f in node_families(rows, 2)}["headroom_node_memory_requests_bytes"]
    assert [(s.labels["node"], s.value) for s in requests.samples] == [("n001", 7), ("n002", 7), (REST, 4)]


@pytest.mark.parametrize(
    ("most", "shown"), [(4, {"s000": 5, "s001": 9, "s002": 1, "s003": 5}), (2, {"s001": 9, "s000": 5, REST: 6})]
)
def test_the_largest_namespaces_keep_their_names_and_the_rest_is_summed(most: int, shown: dict[str, int]) -> None:
    families = {family.name: family for family in namespace_families(group_rows([5, 9, 1, 5]), most)}
    for kind, factor in (("requests", 1), ("limits", 2)):
        samples = families[f"headroom_namespace_memory_{kind}_bytes"].samples
        assert {s.labels["namespace"]: s.value for s in samples} == {n: factor * v for n, v in shown.items()}
    unreviewed = families["headroom_unreviewed_pods"].samples
    assert {s.labels["reason"]: s.value for s in unreviewed}[GROWN] == 0 + 1 + 2 + 3

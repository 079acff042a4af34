"""What each node has and holds; of many nodes, the fullest by name and the rest in one sum."""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric

from tests.support.accounts import HIGH_MEM, node, pod
from tests.support.metered import metered
from tests.support.replica import ready
from webhook.core.ledger.nodes import Allocatable, Node, NodeInfo
from webhook.core.values.amounts import Amounts
from webhook.observability.families import REST
from webhook.observability.node_metrics import node_families
from webhook.observability.state_reading import NodeReading

GI = 1 << 30
FAMILIES = ("headroom_node_memory_allocatable_bytes", "headroom_node_memory_requests_bytes")


def test_a_node_shows_what_it_has_and_what_its_pods_commit(tmp_path: Path) -> None:
    judge = ready(HIGH_MEM)
    account = judge.admission.account
    account.see_node(node("big", 100, pool="high-mem"))
    account.see_pod(pod("a", 2, "big", limits=3, revision=101))
    account.see_pod(pod("b", 1, "big", limits=5, revision=102))
    account.see_pod(pod("unbound", 4, revision=103))
    shown = metered(judge, tmp_path).shown()
    there = {"node": "big", "pool": "high-mem"}
    figures = [
        shown.value(f"headroom_node_memory_{what}_bytes", **there) for what in ("allocatable", "requests", "limits")
    ]
    assert figures == [100 * GI, 3 * GI, 8 * GI]
    assert shown.value("headroom_node_memory_requests_bytes") == 3 * GI, "a pod without a node is on none"
    assert shown.value("headroom_node_counted", **there, reason="") == 1


def test_a_node_says_why_it_does_not_count_and_goes_on_showing_its_pods(tmp_path: Path) -> None:
    judge = ready()
    account = judge.admission.account
    found = metered(judge, tmp_path)
    account.see_node(node("other", 8))
    account.see_pod(pod("a", 2, "other", revision=101))
    assert found.shown().value("headroom_node_counted") == 2
    account.see_node(node("other", 8, cordoned=True))
    shown = found.shown()
    assert shown.labels("headroom_node_counted", node="other") == {"node": "other", "pool": "", "reason": "cordoned"}
    assert shown.value("headroom_node_counted") == 1
    assert shown.value("headroom_node_memory_requests_bytes", node="other") == 2 * GI
    account.node_gone("other")
    shown = found.shown()
    assert "other" not in {sample.labels["node"] for sample in shown.samples("headroom_node_counted")}


def readings(nodes: list[tuple[int, int, int, str]]) -> list[NodeReading]:
    """Return nodes by how much memory they have, how much of it is requested, whether they are out, and their pool."""
    return [
        NodeReading(
            Node(NodeInfo(f"n{index:03}", Allocatable(size, 0), ready=True), pool or None),
            Amounts(memory_requests=asked),
            "cordoned" if out else "",
        )
        for index, (size, asked, out, pool) in enumerate(nodes)
    ]


def by_pool(family: Metric) -> Counter[str]:
    sums = Counter[str]()
    for sample in family.samples:
        sums[sample.labels["pool"]] += int(sample.value)
    return sums


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 1), st.sampled_from(["", "a", "b"]))),
    st.integers(0, 8),
)
def test_the_rest_of_many_nodes_is_summed_so_that_nothing_is_lost(
    nodes: list[tuple[int, int, int, str]], most: int
) -> None:
    read = readings(nodes)
    whole, bounded = ({f.name: f for f in node_families(read, limit)} for limit in (1000, most))
    assert whole.keys() == bounded.keys()
    for name, family in bounded.items():
        assert by_pool(family) == by_pool(whole[name])
        own = {sample.labels["node"] for sample in family.samples} - {REST}
        assert len(own) == min(most, len(nodes))
        rest = [sample for sample in family.samples if sample.labels["node"] == REST]
        assert len(rest) <= 3 * 2, "by pool, and by reason where there is one"


def test_the_fullest_nodes_keep_their_names() -> None:
    read = readings([(8, 1, 0, ""), (8, 7, 0, ""), (8, 7, 0, ""), (4, 3, 0, ""), (0, 0, 1, "")])
    requests = {f.name: f for f in node_families(read, 2)}["headroom_node_memory_requests_bytes"]
    assert [(s.labels["node"], s.value) for s in requests.samples] == [("n001", 7), ("n002", 7), (REST, 4)]

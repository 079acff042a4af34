"""Nodes: what counts, since when one is NotReady, and what a reserve keeps."""

import pytest

from tests.support.accounts import node
from webhook.core.ledger.nodes import ALWAYS, Node, NodeInfo, Rules, not_ready_since, repelling
from webhook.core.values.scopes import CLUSTER

RULES = Rules(frozenset({"master"}), not_ready_grace=10.0, forget_deleted_after=60.0)


def known(info: NodeInfo, since: float | None = None, deleted_at: float | None = None) -> Node:
    return Node(info, None, since, deleted_at)


@pytest.mark.parametrize(
    ("what", "why_not", "down"),
    [
        (known(node("n")), None, False),
        (known(node("n", cordoned=True)), "cordoned", False),
        (known(node("n", taints=frozenset({"master", "other"}))), "taint master", False),
        (known(node("n", taints=frozenset({"other"}))), None, False),
        (known(node("n", ready=False), since=90.5), None, False),
        (known(node("n", ready=False), since=90.0), "not ready", True),
        (known(node("n", ready=False, cordoned=True), since=90.0), "not ready", True),
        (known(node("n", ready=False, cordoned=True), since=90.5), "cordoned", False),
        (known(node("n"), deleted_at=99.0), "deleted", True),
    ],
)
def test_a_node_says_why_it_does_not_count_and_whether_it_is_lost(what: Node, why_not: str | None, down: bool) -> None:
    assert what.why_not(RULES, 100.0) == why_not
    assert what.down(RULES, 100.0) is down


def test_time_alone_changes_a_node_at_the_end_of_its_grace_and_when_it_is_forgotten() -> None:
    assert known(node("n")).next_change(RULES) is None
    assert known(node("n", ready=False), since=90.0).next_change(RULES) == 100.0
    assert known(node("n", ready=False), since=90.0, deleted_at=95.0).next_change(RULES) == 155.0


def test_only_a_node_that_was_seen_ready_has_a_grace() -> None:
    ready, unready = node("n"), node("n", ready=False)
    assert not_ready_since(ready, known(unready, 5.0), 20.0) is None
    assert not_ready_since(unready, known(ready), 20.0) == 20.0
    assert not_ready_since(unready, known(unready, 5.0), 20.0) == 5.0
    assert not_ready_since(unready, None, 20.0) == ALWAYS
    assert not_ready_since(unready, known(ready, None, deleted_at=19.0), 20.0) == ALWAYS


def test_only_taints_that_keep_pods_away_repel() -> None:
    taints = [("a", "NoSchedule"), ("b", "NoExecute"), ("c", "PreferNoSchedule"), ("d", "")]
    assert repelling(iter(taints)) == {"a", "b"}


def test_a_node_belongs_to_the_cluster_and_to_its_pool() -> None:
    assert Node(node("n"), None).scopes == (CLUSTER,)
    assert Node(node("n"), "high-mem").scopes == (CLUSTER, "high-mem")

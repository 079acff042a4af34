"""Pools that overlap are reported when that begins and when it ends, and not at every event of a node."""

import logging

import pytest

from tests.support.accounts import config, node
from tests.support.replica import Judge
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.state.cluster_state import ClusterState

POOLS = "pools: [{name: large, nodeSelector: {pool: large}}, {name: old, nodeSelector: {zone: a}}]"


def both(name: str, cpu: int = 1) -> NodeInfo:
    return NodeInfo(name, Allocatable(1, cpu), True, labels=(("pool", "large"), ("zone", "a")))


@pytest.fixture
def state(caplog: pytest.LogCaptureFixture) -> ClusterState:
    caplog.set_level(logging.INFO, "webhook.state.pool_overlaps")
    found = Judge().admission.state
    found.configure(config(POOLS), "digest")
    found.relist_nodes([node("a", pool="large")])
    return found


def test_pools_that_share_no_node_are_not_mentioned(state: ClusterState, caplog: pytest.LogCaptureFixture) -> None:
    state.see_node(node("b"))
    assert caplog.messages == []


def test_an_overlap_is_told_once_and_its_end_too(state: ClusterState, caplog: pytest.LogCaptureFixture) -> None:
    for info in (both("b"), both("c"), both("c", cpu=2)):
        state.see_node(info)
    assert caplog.messages == [
        "pools large and old both select nodes (1 now): they belong to large, which is listed first"
    ]
    state.node_gone("b")
    assert len(caplog.messages) == 1
    state.node_gone("c")
    assert caplog.messages[1:] == ["pools large and old no longer select the same node"]


def test_a_list_and_another_configuration_tell_of_it_as_well(
    state: ClusterState, caplog: pytest.LogCaptureFixture
) -> None:
    state.relist_nodes([both("b"), both("c")])
    state.configure(config("pools: [{name: old, nodeSelector: {zone: a}}]"), "other")
    state.configure(config(POOLS), "digest")
    assert [message.split(":")[0] for message in caplog.messages] == [
        "pools large and old both select nodes (2 now)",
        "pools large and old no longer select the same node",
        "pools large and old both select nodes (2 now)",
    ]

"""A reserve that is used up is reported once, and so are more losses than it is for, and its return."""

import logging

import pytest

from tests.support.accounts import config, node
from tests.support.replica import Judge
from webhook.core.ledger.nodes import NodeInfo
from webhook.state.cluster_state import ClusterState

POOLS = "reserve: {nodes: 1}\npools: [{name: big, nodeSelector: {pool: big}, reserve: {nodes: 2}}]"
USED_UP = "the reserve of the cluster (nodes: 1) is used up by b: the loss of another node may not be covered"
EXCEEDED = (
    "more nodes of the cluster are out than its reserve is for (nodes: 1): a, b; not all of their pods may come back"
)
WHOLE = "the reserve of the cluster is no longer used up"


@pytest.fixture
def judge(caplog: pytest.LogCaptureFixture) -> Judge:
    caplog.set_level(logging.INFO, "webhook.state.reserves")
    judge = Judge()
    judge.admission.state.configure(config(POOLS), "digest")
    judge.admission.state.relist_nodes([node("a"), node("b"), node("c"), node("d")])
    return judge


@pytest.fixture
def state(judge: Judge) -> ClusterState:
    return judge.admission.state


def test_a_reserve_that_is_used_up_is_told_once_and_its_end_too(
    state: ClusterState, caplog: pytest.LogCaptureFixture
) -> None:
    for info in (node("b", cordoned=True), node("b", 7, cordoned=True), node("c", 7)):
        state.see_node(info)
    assert caplog.messages == [USED_UP]
    state.see_node(node("b"))
    assert caplog.messages[1:] == [WHOLE]


def test_what_is_out_beyond_the_reserve_is_told_as_well(state: ClusterState, caplog: pytest.LogCaptureFixture) -> None:
    for info in (node("b", cordoned=True), node("a", cordoned=True), node("a"), node("b")):
        state.see_node(info)
    assert caplog.messages == [USED_UP, EXCEEDED, USED_UP, WHOLE]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO", "INFO"]


def test_a_loss_by_time_alone_is_told_by_the_booking_thread(judge: Judge, caplog: pytest.LogCaptureFixture) -> None:
    judge.admission.state.see_node(node("b", ready=False))
    judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=False)
    assert caplog.messages == []
    judge.clock.wait(10.0)
    judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=False)
    assert caplog.messages == [USED_UP]
    judge.admission.state.see_node(node("e"))
    assert caplog.messages == [USED_UP, WHOLE]


@pytest.mark.parametrize(
    "info", [node("e", ready=False), node("e", taints=frozenset({"node-role.kubernetes.io/control-plane"}))]
)
def test_what_never_counted_uses_nothing_up(
    state: ClusterState, caplog: pytest.LogCaptureFixture, info: NodeInfo
) -> None:
    state.see_node(info)
    state.node_gone("e")
    assert caplog.messages == []


def test_a_pool_has_a_reserve_of_its_own_and_without_one_nothing_is_told(
    state: ClusterState, caplog: pytest.LogCaptureFixture
) -> None:
    state.configure(config(POOLS.replace("{nodes: 1}", "{nodes: 0}")), "other")
    for name in "ab":
        state.see_node(node(name, pool="big"))
    state.see_node(node("a", pool="big", cordoned=True))
    assert caplog.messages == []
    state.node_gone("b")
    (told,) = caplog.messages
    assert told.startswith("the reserve of pool big (nodes: 2) is used up by a, b: ")


def test_many_nodes_are_not_all_named(state: ClusterState, caplog: pytest.LogCaptureFixture) -> None:
    state.relist_nodes([node(f"n{number}", cordoned=True) for number in range(9)])
    for number in range(9):
        state.see_node(node(f"n{number}"))
    caplog.clear()
    state.relist_nodes([node(f"n{number}", cordoned=True) for number in range(9)])
    assert "n0, n1, n2, n3, n4 and 4 more; " in caplog.messages[-1]

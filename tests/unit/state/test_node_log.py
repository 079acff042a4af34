"""The log of nodes: each change of overlaps and of used reserves once, whatever caused it."""

import threading

import pytest

from tests.support.accounts import config, node
from tests.support.replica import Judge
from webhook.core.config.render import digest
from webhook.core.ledger.nodes import NodeInfo
from webhook.state.cluster_state import ClusterState

RESERVE = "reserve: {nodes: 1}\nnodes: {notReadyGrace: 10s}"
POOLS = (
    "pools: [{name: a, nodeSelector: {x: '1'}, thresholds: {memory: {requests: 50%}}}, "
    "{name: b, nodeSelector: {y: '1'}, thresholds: {memory: {requests: 50%}}}]"
)


def started(settings: str, *nodes: NodeInfo) -> Judge:
    judge = Judge()
    state = judge.admission.state
    state.relist_nodes(nodes)
    state.relist_pods([], 100, judge.clock())
    made = config(settings)
    state.configure(made, digest(made))
    return judge


def both(name: str) -> NodeInfo:
    made = node(name)
    return NodeInfo(name, made.room, True, labels=(("x", "1"), ("y", "1")))


def test_pools_that_overlap_are_logged_once_by_whatever_event_shows_them(caplog: pytest.LogCaptureFixture) -> None:
    state = started(POOLS, node("plain")).admission.state
    caplog.clear()
    state.see_node(both("n1"))
    assert len(caplog.records) == 1
    state.see_node(both("n1"))
    state.bookings.next_proposal("epoch", fresh=True, may_write=False)
    assert len(caplog.records) == 1


def test_a_reserve_that_is_used_up_is_logged_when_a_node_goes_and_when_time_takes_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    judge = started(RESERVE, node("a"), node("b"), node("c"))
    state = judge.admission.state
    caplog.clear()
    state.node_gone("a")
    gone = [record.getMessage() for record in caplog.records]
    assert any("a" in line and "reserve" in line for line in gone), gone
    caplog.clear()
    state.see_node(node("b", ready=False))
    before = len(caplog.records)
    judge.clock.wait(11.0)
    state.bookings.next_proposal("epoch", fresh=True, may_write=False)
    assert len(caplog.records) > before, "its grace ended between two events"


def test_a_slow_log_holds_up_no_review(monkeypatch: pytest.MonkeyPatch) -> None:
    state = started(POOLS, node("plain")).admission.state
    writing, go_on = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        writing.set()
        assert go_on.wait(30)

    monkeypatch.setattr(state._nodes._overlaps, "tell", slow)
    teller = threading.Thread(target=state.see_node, args=(both("n1"),))
    teller.start()
    assert writing.wait(30)
    assert free(state), "the lock of the state is not held while lines are written"
    go_on.set()
    teller.join(30)
    assert not teller.is_alive()


def free(state: ClusterState) -> bool:
    """Say whether another thread gets the state's lock while the log is written."""
    read = list[int]()
    reader = threading.Thread(target=lambda: read.append(state.read(lambda ledger: ledger.revision)))
    reader.start()
    reader.join(30)
    return bool(read)

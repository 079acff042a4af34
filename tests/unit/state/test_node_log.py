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
    account = judge.admission.account
    account.relist_nodes(nodes)
    account.relist_pods([], 100, judge.clock())
    made = config(settings)
    account.configure(made, digest(made))
    return judge


def both(name: str) -> NodeInfo:
    made = node(name)
    return NodeInfo(name, made.room, True, labels=(("x", "1"), ("y", "1")))


def test_pools_that_overlap_are_logged_once_by_whatever_event_shows_them(caplog: pytest.LogCaptureFixture) -> None:
    account = started(POOLS, node("plain")).admission.account
    caplog.clear()
    account.see_node(both("n1"))
    assert len(caplog.records) == 1
    account.see_node(both("n1"))
    account.bookings.next_proposal("epoch", fresh=True, may_write=False)
    assert len(caplog.records) == 1


def test_a_reserve_that_is_used_up_is_logged_when_a_node_goes_and_when_time_takes_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    judge = started(RESERVE, node("a"), node("b"), node("c"))
    account = judge.admission.account
    caplog.clear()
    account.node_gone("a")
    gone = [record.getMessage() for record in caplog.records]
    assert any("a" in line and "reserve" in line for line in gone), gone
    caplog.clear()
    account.see_node(node("b", ready=False))
    before = len(caplog.records)
    judge.clock.wait(11.0)
    account.bookings.next_proposal("epoch", fresh=True, may_write=False)
    assert len(caplog.records) > before, "its grace ended between two events"


def test_a_slow_log_holds_up_no_review(monkeypatch: pytest.MonkeyPatch) -> None:
    account = started(POOLS, node("plain")).admission.account
    writing, go_on = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        writing.set()
        assert go_on.wait(30)

    monkeypatch.setattr(account._nodes._overlaps, "tell", slow)
    teller = threading.Thread(target=account.see_node, args=(both("n1"),))
    teller.start()
    assert writing.wait(30)
    assert free(account), "the lock of the state is not held while lines are written"
    go_on.set()
    teller.join(30)
    assert not teller.is_alive()


def free(account: ClusterState) -> bool:
    """Say whether another thread gets the state's lock while the log is written."""
    read = list[int]()
    reader = threading.Thread(target=lambda: read.append(account.read(lambda ledger: ledger.revision)))
    reader.start()
    reader.join(30)
    return bool(read)

"""What a scrape reads of the state is a copy as of one moment."""

from tests.support.accounts import HIGH_MEM, node, pod
from tests.support.metered import ALL_BOUNDED
from tests.support.replica import ready, response, review
from webhook.core.sharing.allotment import Timing
from webhook.observability.state_reading import read_grants, read_scopes

GI = 1 << 30


def test_scopes_are_read_the_cluster_first_and_do_not_change_afterwards() -> None:
    judge = ready(HIGH_MEM)
    state = judge.admission.state
    state.see_node(node("big", 100, pool="high-mem"))
    state.see_pod(pod("a", 2, "big", revision=101))
    state.see_pod(pod("b", 1, revision=102))
    read = read_scopes(state)
    state.see_pod(pod("c", 4, "big", revision=103))
    assert [each.scope for each in read.scopes] == ["cluster", "high-mem"]
    assert [each.balance.committed.memory_requests for each in read.scopes] == [3 * GI, 2 * GI]
    assert [each.pending.memory_requests for each in read.scopes] == [GI, 0]
    assert (read.pods, read.live) == (2, 2)
    assert read_scopes(state).live == 3


def test_what_this_replica_granted_and_holds_is_read() -> None:
    judge = ready(ALL_BOUNDED)
    response(judge.ask(review(memory="2Gi")))
    (cluster,) = read_scopes(judge.admission.state).scopes
    assert cluster.reserved.memory_requests == 2 * GI
    assert cluster.allotted.memory_requests >= 2 * GI


def test_the_bounds_without_the_largest_node_are_read() -> None:
    judge = ready(ALL_BOUNDED)
    judge.admission.state.see_node(node("large", 24))
    (cluster,) = read_scopes(judge.admission.state).scopes
    assert cluster.balance.scope_limits.bound[0] == 32 * GI
    assert cluster.bound_without_largest[0] == 8 * GI


def test_a_reservation_is_open_orphaned_or_seen() -> None:
    judge = ready()
    state = judge.admission.state
    for name in ("never", "comes"):
        response(judge.ask(review(name, memory="1Gi")))
    assert read_grants(state).reservations == {"open": 2, "orphaned": 0, "seen": 0}
    state.see_pod(pod("comes", 1, "node", uid="pod-comes", revision=101))
    assert read_grants(state).reservations == {"open": 1, "orphaned": 0, "seen": 1}
    judge.clock.wait(Timing().lapse)
    assert read_grants(state).reservations == {"open": 0, "orphaned": 1, "seen": 1}

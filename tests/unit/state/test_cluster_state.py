"""The cluster state: what each event of a watch does to the view, to readiness, and to what is logged."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from msgspec.structs import replace

from tests.support.accounts import GI, config, node, pod
from tests.support.replica import BEGAN, Clock, Judge, ready
from webhook.core.config.render import digest
from webhook.core.ledger.ledger import Ledger
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37
from webhook.core.sharing.allotment import Timing
from webhook.core.values.scopes import CLUSTER
from webhook.state.cluster_state import ClusterState

T = TypeVar("T")
NOT_READ = "the ConfigMap headroom-config has not been read yet"


def look(of: ClusterState, at: Callable[[Ledger], T]) -> T:
    """Look at the ledger."""
    return of.read(at)


def committed(of: ClusterState) -> float:
    return look(of, lambda ledger: ledger.balance(CLUSTER).committed.memory_requests) / GI


def bound(of: ClusterState) -> float:
    limit = look(of, lambda ledger: ledger.balance(CLUSTER).scope_limits.bound[0])
    assert limit is not None
    return limit / GI


def unready(of: ClusterState) -> str:
    return of.readiness.unready() or ""


def unable(of: ClusterState) -> str:
    return of.readiness.unable() or ""


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def state(judge: Judge) -> ClusterState:
    return judge.admission.state


# -- readiness ---------------------------------------------------------------------------------------------------------


def test_a_replica_becomes_ready_step_by_step_and_says_what_is_missing() -> None:
    judge = Judge()
    of = judge.admission.state
    assert unready(of) == NOT_READ
    judge.configure()
    assert "pods" in unready(of)
    of.relist_pods([], 100, judge.clock())
    assert "nodes" in unready(of)
    of.relist_nodes([node("a")])
    without_share = unready(of)
    assert without_share
    assert "pods" not in without_share
    assert "nodes" not in without_share
    judge.prepare()
    assert unready(of) == unable(of) == ""


def test_what_is_wrong_with_the_first_configuration_is_said_until_one_is_read() -> None:
    of = ClusterState("r", Timing(), Clock())
    of.lack_config("the ConfigMap headroom-config is not valid")
    assert unready(of) == unable(of) == "the ConfigMap headroom-config is not valid"
    made = config()
    of.configure(made, digest(made))
    assert "ConfigMap" not in unready(of)


def test_without_the_version_of_the_api_server_nothing_is_judged(state: ClusterState) -> None:
    state.lack_version("no version yet")
    assert unready(state) == unable(state) == "no version yet"
    assert not state.count_by((KUBERNETES_1_37,)), "these rules are in force already"
    assert unready(state) == ""


def test_rules_that_are_new_want_every_pod_listed_again(judge: Judge, state: ClusterState) -> None:
    assert state.count_by((KUBERNETES_1_36, KUBERNETES_1_37))
    assert "1.36 and 1.37" in unable(state)
    state.relist_pods([], 101, judge.clock() - 1)
    assert "1.36 and 1.37" in unable(state), "that list was asked for before"
    state.relist_pods([], 102, judge.clock())
    assert unable(state) == ""


def test_to_drop_rules_leaves_what_was_counted_until_the_list_comes(judge: Judge, state: ClusterState) -> None:
    state.count_by((KUBERNETES_1_36, KUBERNETES_1_37))
    state.relist_pods([], 101, judge.clock())
    assert state.count_by((KUBERNETES_1_37,))
    assert unable(state) == ""


def test_without_a_valid_booking_it_can_admit_nothing(judge: Judge, state: ClusterState) -> None:
    judge.clock.wait(Timing().validity)
    state.tell_live(state.pods)
    state.tell_live(state.nodes)
    assert "holds no valid share of the headroom" in unable(state)
    assert judge.book()
    assert unable(state) == ""


# -- pods and nodes ----------------------------------------------------------------------------------------------------


def test_pods_count_from_when_they_are_seen_until_they_are_gone(state: ClusterState) -> None:
    state.see_pod(pod("a", 2, "node", revision=101))
    state.see_pod(pod("b", 1, "node", revision=102))
    assert committed(state) == 3
    state.see_pod(pod("a", 4, "node", revision=103))
    assert committed(state) == 5
    state.pod_gone(pod("b", 1, "node", revision=104))
    assert committed(state) == 4
    state.relist_pods([pod("c", 0.5, "node", revision=105)], 106)
    assert committed(state) == 0.5


def test_a_bookmark_moves_the_view_without_a_pod(state: ClusterState) -> None:
    state.bookmark(500)
    assert look(state, lambda ledger: ledger.revision) == 500


def test_nodes_bound_what_may_be_committed(state: ClusterState) -> None:
    assert bound(state) == 8
    state.see_node(node("more", 4))
    assert bound(state) == 12
    state.node_gone("more")
    assert bound(state) == 8
    state.relist_nodes([node("other", 2)])
    assert bound(state) == 2


def test_a_configuration_changes_the_bound_at_once(state: ClusterState) -> None:
    half = config("", requests="50%")
    state.configure(half, digest(half))
    assert bound(state) == 4


def test_growth_that_nobody_asked_about_is_logged(state: ClusterState, caplog: pytest.LogCaptureFixture) -> None:
    resized = pod("a", 2, "node", revision=101, infeasible=True)
    state.see_pod(resized)
    state.see_pod(replace(resized, revision=102, infeasible=False, footprint=pod("a", 3).footprint))
    assert "pod 'default/a' grew without a review: a resize that was infeasible" in caplog.text
    caplog.clear()
    state.relist_pods([replace(resized, revision=103)], 104)
    state.relist_pods([replace(resized, revision=105, infeasible=False, footprint=pod("a", 5).footprint)], 106)
    assert "1 pods grew without a review" in caplog.text


# -- proofs and lapses -------------------------------------------------------------------------------------------------


def let_in(state: ClusterState, name: str, now: float) -> None:
    look(state, lambda ledger: ledger.grant(pod(name, 1, revision=0), now))


def test_a_grant_lapses_only_by_a_proof_that_its_pod_never_came(
    judge: Judge, state: ClusterState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    let_in(state, "lost", judge.clock())
    lapse = Timing().lapse
    state.prove(BEGAN + lapse - 0.1)
    assert (state.lapsed, look(state, lambda ledger: ledger.reservations.still_open)) == (0, 1)
    state.prove(BEGAN + lapse)
    assert (state.lapsed, look(state, lambda ledger: ledger.reservations.still_open)) == (1, 0)
    assert "1 reservations lapsed: their pods never came, such as 'default/lost'" in caplog.text


def test_a_pod_that_came_lapses_not(state: ClusterState, judge: Judge) -> None:
    let_in(state, "comes", judge.clock())
    state.see_pod(pod("comes", 1, "node", revision=101))
    state.prove(BEGAN + 1000)
    assert state.lapsed == 0
    assert committed(state) == 1


# -- watches -----------------------------------------------------------------------------------------------------------


def test_a_watch_that_breaks_may_have_another_api_server_behind_it(state: ClusterState) -> None:
    state.version_due.clear()
    state.tell_broken(state.pods, "reset")
    assert state.version_due.is_set()


@pytest.mark.parametrize("feed", ["pods", "nodes"])
def test_a_watch_that_stays_broken_makes_the_view_too_old(judge: Judge, state: ClusterState, feed: str) -> None:
    of = getattr(state, feed)
    state.tell_broken(of, "connection reset")
    for _ in range(60):
        judge.clock.wait(1.0)
        judge.book()
    assert feed in unready(state)
    state.tell_live(of)
    assert feed not in unready(state)


def test_each_event_of_a_watch_shows_that_it_is_open(judge: Judge, state: ClusterState) -> None:
    of_pods: list[Callable[[], None]] = [
        lambda: state.see_pod(pod("a", 1, "node", revision=201)),
        lambda: state.pod_gone(pod("a", 1, "node", revision=202)),
        lambda: state.bookmark(203),
    ]
    of_nodes: list[Callable[[], None]] = [lambda: state.see_node(node("b")), lambda: state.node_gone("b")]
    for feed, events in ((state.pods, of_pods), (state.nodes, of_nodes)):
        for event in events:
            state.tell_broken(feed, "reset")
            broken = [feed.broken_since]
            event()
            broken.append(feed.broken_since)
            assert broken == [judge.clock(), None]


def test_after_a_restore_nothing_is_admitted_before_everything_was_listed_again(
    judge: Judge, state: ClusterState
) -> None:
    state.see_pod(pod("undone", 2, "node", revision=300))
    state.begin_again("pods", 300, 120, judge.clock())
    assert unable(state)
    state.relist_pods([pod("kept", 1, "node", revision=110)], 120, judge.clock())
    assert committed(state) == 1

"""Restores of etcd: what shows one, what is known of it then, and that one restore is taken in once."""

import pytest

from tests.support.replica import Judge, ready
from webhook.core.sharing.allotment import Timing
from webhook.state.cluster_state import ClusterState


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def state(judge: Judge) -> ClusterState:
    return judge.admission.state


def test_at_first_nothing_is_known_of_any(state: ClusterState) -> None:
    known = state.bookings.restores()
    assert (known.restarts, known.doubted_since, known.evidence) == (0, None, "")
    assert known.release == Timing().release


@pytest.mark.parametrize("what", ["pods", "nodes"])
def test_a_list_that_went_back_shows_one(judge: Judge, state: ClusterState, what: str) -> None:
    state.begin_again(what, 300, 120, judge.clock())
    known = state.bookings.restores()
    assert known.restarts == 1
    assert known.evidence == f"{what} were at revision 300, and a consistent read of them said 120"
    assert known.doubted_since is not None
    assert state.readiness.unable()


def test_two_lists_that_show_the_same_restore_are_taken_in_once(judge: Judge, state: ClusterState) -> None:
    since = judge.clock()
    state.begin_again("pods", 300, 120, since)
    state.begin_again("pods", 300, 121, since)
    state.begin_again("nodes", 290, 120, since - 1)
    assert state.bookings.restores().restarts == 1
    assert state.bookings.restores().evidence.endswith("said 120")


def test_once_everything_is_listed_again_the_view_is_in_no_doubt(judge: Judge, state: ClusterState) -> None:
    state.begin_again("pods", 300, 120, judge.clock())
    judge.clock.wait(1.0)
    judge.sync(revision=130)
    known = state.bookings.restores()
    assert (known.restarts, known.doubted_since) == (1, None)
    assert "listed again" not in str(state.readiness.problem(judge.clock()))


def test_a_write_below_what_was_known_shows_one_too(judge: Judge, state: ClusterState) -> None:
    judge.clock.wait(Timing().renew)
    proposed = state.bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert proposed is not None
    newest = state.bookings.newest()
    state.bookings.written(proposed[0], newest)
    known = state.bookings.restores()
    assert known.restarts == 1
    assert known.evidence.startswith(f"the object that replicas share was at revision {newest}, ")


def test_an_outage_alone_shows_none_and_ends_the_grants_once_it_was_long(judge: Judge, state: ClusterState) -> None:
    state.tell_broken(state.pods, "reset")
    assert state.bookings.restores().restarts == 0
    assert state.readiness.unable() is None
    judge.clock.wait(6.0)
    assert state.readiness.unable()
    assert state.bookings.restores().restarts == 0

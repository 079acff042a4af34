"""Readiness: what is missing is said in the order in which it comes, and what makes a replica send reviews away."""

from threading import RLock

import pytest

from tests.support.accounts import ledger, node
from tests.support.replica import Clock, Judge, ready
from webhook.core.sharing.allotment import Allotment, Timing
from webhook.core.sharing.credit import Credit
from webhook.state.readiness import Readiness

TIMING = Timing()


def made(clock: Clock) -> Readiness:
    of = ledger("", node("a"))
    return Readiness(clock, RLock(), Allotment("r1", of, TIMING, Credit(of, TIMING.lapse, shares=None)))


def test_the_first_thing_that_is_missing_is_said() -> None:
    clock = Clock()
    of = made(clock)
    assert of.problem(clock()) == "the ConfigMap headroom-config has not been read yet"
    of.config_problem, of.version_problem = None, "no version yet"
    assert of.problem(clock()) == "no version yet"
    of.version_problem = None
    assert "pods" in str(of.problem(clock()))
    of.pods.tell_synced(clock())
    assert "nodes" in str(of.problem(clock()))
    of.nodes.tell_synced(clock())
    assert of.problem(clock()) is None


def test_without_an_allotment_it_can_neither_admit_nor_is_it_ready() -> None:
    clock = Clock()
    of = made(clock)
    of.config_problem = None
    for feed in (of.pods, of.nodes):
        feed.tell_synced(clock())
    assert of.unable()
    assert of.unready() == of.unable()


def test_the_age_is_that_of_the_older_view() -> None:
    clock = Clock()
    of = made(clock)
    of.pods.tell_synced(clock())
    of.nodes.tell_synced(clock())
    of.pods.tell_broken("reset", clock())
    clock.wait(7.0)
    assert of.age(clock()) == max(of.pods.age(clock()), of.nodes.age(clock())) == of.pods.age(clock())


@pytest.fixture
def judge() -> Judge:
    return ready()


def test_a_replica_with_everything_is_ready(judge: Judge) -> None:
    of = judge.admission.state.readiness
    assert (of.problem(judge.clock()), of.unable(), of.unready()) == (None, None, None)


def test_a_share_that_was_not_renewed_makes_it_unready(judge: Judge) -> None:
    of = judge.admission.state.readiness
    judge.clock.wait(TIMING.validity)
    assert of.problem(judge.clock()) is None
    assert of.unable() == of.unready()
    assert "holds no valid share of the headroom" in str(of.unready())


def test_where_the_object_of_all_was_lost_it_stays_ready_so_that_it_can_say_so(judge: Judge) -> None:
    state = judge.admission.state
    state.bookings.observe(None, 0)
    assert state.readiness.unable()
    assert state.readiness.unready() is None
    state.lack_version("no version yet")
    assert state.readiness.unready() == "no version yet", "that another replica may not lack"

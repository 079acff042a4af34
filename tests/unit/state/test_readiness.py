"""Readiness: what is missing is said in this order, and a replica stays ready where no other could say more."""

import pytest

from tests.support.replica import Judge, ready
from webhook.core.sharing.allotment import Timing
from webhook.state.readiness import Readiness


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def readiness(judge: Judge) -> Readiness:
    return judge.admission.account.readiness


def test_what_is_missing_is_said_one_after_the_other(judge: Judge, readiness: Readiness) -> None:
    readiness.nodes.tell_outdated("nodes")
    readiness.pods.tell_outdated("pods")
    readiness.config_problem, readiness.version_problem = "no configuration", "no version"
    said = [readiness.problem(judge.clock())]
    readiness.config_problem = None
    said.append(readiness.problem(judge.clock()))
    readiness.version_problem = None
    said.append(readiness.problem(judge.clock()))
    readiness.pods.tell_synced(judge.clock())
    said.append(readiness.problem(judge.clock()))
    readiness.nodes.tell_synced(judge.clock())
    said.append(readiness.problem(judge.clock()))
    again = "are listed again"
    assert said == ["no configuration", "no version", f"the pods {again} (pods)", f"the nodes {again} (nodes)", None]


def test_the_age_is_that_of_the_older_view(judge: Judge, readiness: Readiness) -> None:
    assert readiness.age(judge.clock()) == 0
    readiness.nodes.tell_broken("reset", judge.clock())
    judge.clock.wait(2.0)
    readiness.pods.tell_broken("reset", judge.clock())
    judge.clock.wait(1.0)
    assert readiness.age(judge.clock()) == 3


def test_a_replica_without_a_valid_booking_is_neither_able_nor_ready(judge: Judge, readiness: Readiness) -> None:
    assert readiness.unable() is None
    assert readiness.unready() is None
    judge.clock.wait(Timing().validity)
    assert "holds no valid share" in str(readiness.unable())
    assert "holds no valid share" in str(readiness.unready())


def test_where_the_shared_object_is_lost_a_replica_is_ready_to_say_so(judge: Judge, readiness: Readiness) -> None:
    judge.admission.account.bookings.observe(None, 0)
    assert "is opened in about" in str(readiness.unable())
    assert readiness.unready() is None
    readiness.config_problem = "no configuration"
    assert readiness.unready() == "no configuration"
    readiness.pods.tell_outdated()
    assert readiness.unready() is None, "everything is listed again"

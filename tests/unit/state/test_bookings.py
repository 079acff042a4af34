"""Bookings: what the allotment controller is given to write, and what becomes of the pending reviews afterwards."""

import threading

import pytest
from msgspec.structs import replace

from tests.support.accounts import pod
from tests.support.replica import Judge, ready, response, review, waits
from webhook.core.sharing.allotment import Proposal, Timing
from webhook.core.sharing.shared_state import Shared
from webhook.state.bookings import Bookings

TIMING = Timing()


@pytest.fixture
def judge() -> Judge:
    return ready()


@pytest.fixture
def bookings(judge: Judge) -> Bookings:
    return judge.admission.state.bookings


def proposed(bookings: Bookings) -> tuple[Proposal, int]:
    found = bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert found is not None
    return found


def shared(judge: Judge) -> Shared:
    found = judge.admission.state.read_holdings(lambda _, allotment: allotment.shared)
    assert found is not None
    return found


# -- proposals ---------------------------------------------------------------------------------------------------------


def test_nothing_is_written_while_nothing_is_due(bookings: Bookings) -> None:
    assert bookings.next_proposal("epoch", fresh=True, may_write=True) is None


def test_a_renewal_is_written_in_time(judge: Judge, bookings: Bookings) -> None:
    judge.clock.wait(TIMING.renew)
    proposal, revision = proposed(bookings)
    assert revision == bookings.newest()
    assert proposal.booked == ()


def test_a_review_that_waits_is_booked_and_answered_once_that_is_written(judge: Judge, bookings: Bookings) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    proposal, revision = proposed(bookings)
    assert [ask.pod.name for ask in proposal.booked] == ["default/web"]
    assert not waiting.answer.done()
    bookings.written(proposal, revision + 1)
    assert response(waiting.answer.result(0))["allowed"]
    assert bookings.still_to_come() == 1


def test_one_write_is_under_way_at_a_time_and_none_before_the_object_was_read(judge: Judge, bookings: Bookings) -> None:
    waits(judge.ask(review(memory="8Gi")))
    assert bookings.next_proposal("epoch", fresh=True, may_write=False) is None
    proposed(bookings)
    assert bookings.next_proposal("epoch", fresh=True, may_write=True) is None


def test_a_write_that_failed_answers_nobody_and_is_proposed_again(judge: Judge, bookings: Bookings) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    proposed(bookings)
    bookings.failed()
    assert not waiting.answer.done()
    assert bookings.still_to_come() == 0
    proposal, _ = proposed(bookings)
    assert len(proposal.booked) == 1


def test_a_write_that_lost_is_known_by_what_is_there(judge: Judge, bookings: Bookings) -> None:
    waiting = waits(judge.ask(review(memory="8Gi")))
    proposal, revision = proposed(bookings)
    other = replace(shared(judge), serial=shared(judge).serial + 1)
    assert not bookings.lost(proposal, other, revision + 1, revision)
    assert not waiting.answer.done()
    again, revision = proposed(bookings)
    assert bookings.lost(again, again.shared, revision + 1, revision), "an earlier attempt was carried out"
    assert response(waiting.answer.result(0))["allowed"]


def test_while_nothing_can_be_judged_nothing_is_written(judge: Judge, bookings: Bookings) -> None:
    waits(judge.ask(review(memory="8Gi")))
    judge.admission.state.lack_version("no version yet")
    assert bookings.problem() == "no version yet"
    assert bookings.next_proposal("epoch", fresh=True, may_write=True) is None


def test_a_review_whose_time_is_up_is_answered_without_a_booking(judge: Judge, bookings: Bookings) -> None:
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=2.0))
    judge.clock.wait(2.0)
    bookings.next_proposal("epoch", fresh=True, may_write=False)
    assert waiting.answer.done()


# -- the shared object -------------------------------------------------------------------------------------------------


def test_what_the_watch_shows_is_taken_in_unless_a_restore_was_found_meanwhile(
    judge: Judge, bookings: Bookings
) -> None:
    newer = replace(shared(judge), serial=shared(judge).serial + 1)
    assert bookings.watched(None, 0, 0), "nothing that can be used changes nothing"
    assert bookings.watched(newer, bookings.newest() + 5, 0)
    assert shared(judge) == newer
    judge.admission.state.begin_again("pods", 300, 120, judge.clock())
    before = bookings.newest()
    assert not bookings.watched(newer, before + 5, 0)
    assert bookings.newest() == before


def test_an_object_that_is_lost_ends_the_grants(judge: Judge, bookings: Bookings) -> None:
    bookings.observe(None, 0)
    assert judge.admission.state.readiness.unable()


def test_a_lapse_that_only_lacks_a_proof_wants_one(judge: Judge, bookings: Bookings) -> None:
    assert not bookings.wants_proof()
    assert response(judge.ask(review(memory="1Gi")))["allowed"]
    judge.clock.wait(TIMING.lapse + 1)
    assert bookings.wants_proof()


def test_what_was_open_during_a_problem_is_held_against_nobody(judge: Judge, bookings: Bookings) -> None:
    assert response(judge.ask(review(memory="4Gi")))["allowed"]
    judge.clock.wait(1.0)
    bookings.excuse()
    judge.clock.wait(TIMING.lapse)
    judge.admission.state.prove(judge.clock())
    assert judge.admission.state.lapsed == 1
    levels = judge.admission.state.read(lambda ledger: ledger.history.levels_to_report(64))
    assert levels == {}


# -- waiting and leaving -----------------------------------------------------------------------------------------------


def test_a_review_that_enters_ends_the_wait_for_work(judge: Judge, bookings: Bookings) -> None:
    bookings.await_work(0.0)
    waiter = threading.Thread(target=bookings.await_work, args=(600.0,))
    waiter.start()
    waits(judge.ask(review(memory="8Gi")))
    waiter.join(60)
    assert not waiter.is_alive()


def test_the_farewell_keeps_only_room_for_what_may_still_come(judge: Judge, bookings: Bookings) -> None:
    assert response(judge.ask(review(memory="1Gi")))["allowed"]
    last = bookings.farewell()
    assert last is not None
    proposal, revision = last
    assert revision == bookings.newest()
    held = proposal.shared.holdings["r1"].held["cluster"]
    assert held.memory_requests == 1 << 30
    assert bookings.still_to_come() == 1


def test_who_has_nothing_to_come_leaves_the_object_as_a_whole(judge: Judge, bookings: Bookings) -> None:
    assert response(judge.ask(review(memory="1Gi")))["allowed"]
    judge.admission.state.see_pod(pod("web", 1, "node", uid="pod-web", revision=200))
    last = bookings.farewell()
    assert last is not None
    assert "r1" not in last[0].shared.holdings


def test_who_never_had_a_share_has_nothing_to_hand_back() -> None:
    judge = Judge()
    judge.configure()
    judge.sync()
    assert judge.admission.state.bookings.farewell() is None

"""What the allotment controller asks of the state and reports to it, without its thread and the API server."""

from tests.support.replica import Judge, ready, response, review, waits
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared_state import Shared
from webhook.state.bookings import Bookings


def proposed(judge: Judge) -> tuple[Proposal, int]:
    found = judge.admission.account.bookings.next_proposal("epoch", fresh=True, may_write=True)
    assert found is not None
    return found


def reserved(judge: Judge) -> int:
    return judge.admission.account.read(lambda ledger: len(ledger.reservations))


def bookings(judge: Judge) -> Bookings:
    return judge.admission.account.bookings


def test_a_write_that_succeeded_admits_what_it_booked() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="7Gi")))
    proposal, revision = proposed(judge)
    assert not waiting.answer.done()
    bookings(judge).written(proposal, revision + 1)
    assert response(waiting.answer.result(0))["allowed"]
    assert bookings(judge).still_to_come() == 1


def test_a_write_that_failed_leaves_nothing_reserved_and_is_proposed_again() -> None:
    judge = ready()
    waits(judge.ask(review(memory="7Gi")))
    proposed(judge)
    assert bookings(judge).next_proposal("epoch", fresh=True, may_write=True) is None, "one write at a time"
    assert reserved(judge) == 1
    bookings(judge).failed()
    assert reserved(judge) == 0
    assert [ask.pod.name for ask in proposed(judge)[0].booked] == ["default/web"]


def test_a_write_that_lost_to_another_is_undone_unless_the_object_has_it() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="7Gi")))
    known = bookings(judge).newest()
    before = judge.admission.account.read_holdings(lambda _, allotment: allotment.shared)
    proposal, revision = proposed(judge)
    assert not bookings(judge).lost(proposal, before, revision + 1, known)
    assert (reserved(judge), waiting.answer.done()) == (0, False)
    proposal, revision = proposed(judge)
    assert bookings(judge).lost(proposal, proposal.shared, revision + 1, known)
    assert response(waiting.answer.result(0))["allowed"]


def test_without_having_read_the_object_nothing_is_proposed() -> None:
    judge = ready()
    waits(judge.ask(review(memory="7Gi")))
    assert bookings(judge).next_proposal("epoch", fresh=True, may_write=False) is None


def test_what_the_watch_shows_counts_only_until_a_restore_is_found() -> None:
    judge = ready()
    known = bookings(judge).newest()
    assert bookings(judge).watched(None, known + 1, 0)
    assert bookings(judge).newest() == known, "nothing was shown that can be used"
    assert bookings(judge).watched(Shared("epoch", open=True), known + 1, 0)
    assert bookings(judge).newest() == known + 1
    judge.clock.wait(1.0)
    judge.admission.account.begin_again("pods", 500, 300, judge.clock())
    assert not bookings(judge).watched(Shared("epoch", open=True), 5000, 0)
    assert bookings(judge).newest() == 0
    assert bookings(judge).watched(Shared("epoch", open=True), 301, 1)
    assert bookings(judge).newest() == 301


def test_the_last_proposal_hands_back_all_but_what_may_still_come() -> None:
    judge = ready()
    assert response(judge.ask(review(memory="1Gi")))["allowed"]
    found = bookings(judge).farewell()
    assert found is not None
    (mine,) = found[0].shared.holdings.values()
    assert {scope: amounts.memory_requests for scope, amounts in mine.held.items()} == {"cluster": 1 << 30}
    bookings(judge).written(found[0], found[1] + 1)
    assert judge.ask(review("next")).__class__.__name__ == "PendingReview", "it grants nothing any more"


def test_it_says_who_it_is_and_what_is_missing() -> None:
    judge = Judge("r7")
    assert bookings(judge).replica == "r7"
    assert "has not been read yet" in str(bookings(judge).problem())
    judge.configure()
    judge.sync(8)
    assert bookings(judge).problem() is None

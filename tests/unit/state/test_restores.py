"""Restores of etcd: what proves one, what it puts in doubt, and what is known of it."""

from tests.support.replica import Judge, ready
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.shared_state import Shared


def begun_again(what: str = "pods") -> Judge:
    judge = ready()
    judge.clock.wait(1.0)
    judge.admission.account.begin_again(what, 500, 300, judge.clock())
    return judge


def test_without_a_restore_nothing_is_known_of_one() -> None:
    known = ready().admission.account.bookings.restores()
    assert known == (0, None, "", Timing().release)


def test_a_restore_is_known_with_its_evidence_until_the_pods_are_listed() -> None:
    judge = begun_again()
    account = judge.admission.account
    known = account.bookings.restores()
    assert (known.restarts, known.doubted_since) == (1, judge.clock())
    assert known.evidence == "pods were at revision 500, and a consistent read of them said 300"
    assert "pods are listed again" in str(account.readiness.problem(judge.clock()))
    judge.sync(revision=300)
    assert account.bookings.restores().doubted_since is None
    assert account.bookings.restores().restarts == 1


def test_one_restore_is_taken_in_once() -> None:
    judge = begun_again()
    account = judge.admission.account
    account.begin_again("pods", 500, 301, judge.clock())
    account.begin_again("nodes", 400, 300, judge.clock() - 0.5)
    assert account.bookings.restores().restarts == 1
    assert "301" not in account.bookings.restores().evidence


def test_a_read_of_the_shared_object_that_went_back_puts_every_view_in_doubt() -> None:
    judge = ready()
    account = judge.admission.account
    known = account.bookings.newest()
    account.bookings.observe(Shared("epoch", open=True), known - 1, known)
    found = account.bookings.restores()
    assert found.restarts == 1
    assert found.evidence.startswith(f"the object that replicas share was at revision {known}")
    assert (account.pods.again, account.nodes.again) == (True, True)


def test_an_outage_that_lasts_may_hide_a_restore() -> None:
    judge = ready()
    bookings = judge.admission.account.bookings
    bookings.lose_touch()
    assert bookings.restores().doubted_since is None
    judge.clock.wait(6.0)
    bookings.next_proposal("epoch", fresh=False, may_write=False)
    judge.book()
    assert bookings.restores().doubted_since is not None
    assert bookings.restores().restarts == 0

"""Peers: what one replica concludes from the states of the shared object that it has seen, by its own clock alone."""

import pytest

from webhook.core.sharing.peers import Peers, Timing
from webhook.core.sharing.shared_state import Holding, Shared

TIMING = Timing()
ME = "me"


def state(serial: int = 1, epoch: str = "e", is_open: bool = True, **renewals: int) -> Shared:
    """Make a state of the object; each replica in it has a holding with this renewal."""
    holdings = {replica: Holding(renewal) for replica, renewal in renewals.items()}
    return Shared(epoch, is_open, serial, holdings=holdings)


def peers(*seen: tuple[Shared, float]) -> Peers:
    of = Peers(ME, TIMING)
    for shared, now in seen:
        of.see(shared, now)
    return of


# -- who renews --------------------------------------------------------------------------------------------------------


def test_a_replica_is_silent_once_its_validity_has_passed_without_a_renewal() -> None:
    of = peers((state(1, other=1), 100.0), (state(2, other=1), 110.0))
    assert of.silent(114.9) == {}
    assert of.silent(115.0) == {"other": 100.0 + TIMING.release}


def test_each_renewal_begins_the_time_again() -> None:
    of = peers((state(1, other=1), 100.0), (state(2, other=2), 114.0))
    assert of.silent(128.9) == {}
    assert of.silent(129.0) == {"other": 114.0 + TIMING.release}


def test_a_replica_does_not_listen_for_itself() -> None:
    assert peers((state(1, me=1, other=1), 100.0)).silent(1e6).keys() == {"other"}


def test_who_left_is_forgotten_and_counts_from_its_return() -> None:
    of = peers((state(1, other=1), 100.0), (state(2), 101.0))
    assert of.silent(1e6) == {}
    of.see(state(3, other=1), 200.0)
    assert of.silent(214.9) == {}


def test_in_a_new_life_of_the_object_every_replica_counts_from_when_it_was_seen_there() -> None:
    of = peers((state(9, other=1), 100.0), (state(1, "f", other=1), 200.0))
    assert of.silent(214.9) == {}
    assert of.silent(215.0).keys() == {"other"}


def test_how_long_it_takes_until_the_pods_of_a_replica_cannot_come_is_validity_and_lapse() -> None:
    assert Timing(validity=2.0, lapse=3.0).release == 5.0


# -- lives of the object -----------------------------------------------------------------------------------------------


def test_the_first_object_is_not_another_one() -> None:
    of = Peers(ME, TIMING)
    assert not of.is_another(None)
    assert not of.is_another(state())
    assert not of.knows_of_another


def test_an_object_that_is_gone_or_has_another_epoch_is_another_one() -> None:
    of = peers((state(), 100.0))
    assert not of.is_another(state(5))
    assert of.is_another(None)
    assert of.is_another(state(1, "f"))
    known = [of.knows_of_another]
    of.lose()
    known.append(of.knows_of_another)
    assert known == [False, True]
    assert of.is_another(state(1, "f"))
    assert not of.is_another(None), "that it is gone is known"


def test_a_closed_object_can_be_opened_once_nothing_from_before_it_can_come() -> None:
    closed = state(1, is_open=False)
    of = peers((closed, 100.0), (state(2, is_open=False), 150.0))
    assert of.opens_at(closed) == 100.0 + TIMING.release
    assert of.opens_at(state()) is None
    assert of.opens_at(None) is None
    assert of.opens_at(state(1, "f", is_open=False)) is None, "nobody has seen that one yet"


# -- old copies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "old"),
    [
        (state(5, other=1), False),
        (state(6, other=2), False),
        (state(4, other=1), True),
        (state(5, other=2), True),
    ],
)
def test_a_lower_serial_or_another_content_under_the_same_one_is_an_old_copy(shared: Shared, old: bool) -> None:
    of = peers((state(5, other=1), 100.0))
    assert of.contradicts(shared, float("-inf"), 100.0) is old


@pytest.mark.parametrize(
    ("shared", "now", "old"),
    [
        (state(6, me=3), 101.0, False),
        (state(6, me=4), 101.0, False),
        (state(6, me=2), 101.0, True),
        (state(6), 101.0, True),
        (state(6), 100.0 + TIMING.release - 0.1, True),
        (state(6), 100.0 + TIMING.release, False),
    ],
)
def test_a_copy_that_lacks_this_replicas_last_write_is_old_until_others_may_have_expired_it(
    shared: Shared, now: float, old: bool
) -> None:
    assert peers((state(5, me=3), 100.0)).contradicts(shared, 100.0, now) is old


def test_an_epoch_that_has_ended_does_not_come_back() -> None:
    of = peers((state(5), 100.0), (state(1, "f"), 200.0))
    assert of.contradicts(state(6), float("-inf"), 1e6)
    assert not of.contradicts(state(2, "f"), float("-inf"), 1e6)


@pytest.mark.parametrize(("is_open", "now", "old"), [(True, 159.9, True), (True, 160.0, False), (False, 101.0, False)])
def test_an_unknown_object_is_not_open_so_soon_after_the_last_write_to_the_one_before(
    is_open: bool, now: float, old: bool
) -> None:
    of = peers((state(5), 50.0))
    of.lose()
    assert of.contradicts(state(1, "f", is_open), 100.0, now) is old


def test_an_unknown_object_is_not_open_so_soon_after_a_restore_either() -> None:
    of = peers((state(5), 50.0))
    of.begin_again(100.0)
    assert of.contradicts(state(1, "f"), float("-inf"), 159.9)
    assert not of.contradicts(state(1, "f"), float("-inf"), 160.0)
    assert of.contradicts(state(6), float("-inf"), 1e6), "the object from before the restore has ended"


def test_a_new_replica_believes_what_it_sees_first() -> None:
    assert not Peers(ME, TIMING).contradicts(state(7), float("-inf"), 0.0)


def test_only_so_many_epochs_are_remembered_even_if_somebody_deletes_in_a_loop() -> None:
    of = Peers(ME, TIMING)
    for number in range(150):
        of.see(state(1, f"e{number}"), float(number))
    assert len(of._past) == 100
    assert of.contradicts(state(2, "e148"), float("-inf"), 1e6)
    assert not of.contradicts(state(2, "e10"), float("-inf"), 1e6)

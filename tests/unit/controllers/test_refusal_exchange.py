"""The exchange: what is written when, what others are shown, and who takes over from a replica that has ended."""

import logging

import pytest

from tests.support.exchanging import Object, Replica
from tests.support.refusing import blocked, row
from tests.support.replica import Clock
from webhook.controllers.refusal_exchange import APART, RENEW, SILENT
from webhook.core.reporting.publication import Publication, read, written
from webhook.kube.stream import Unreachable

ONE = Publication(denials=(row(),))
TWO = Publication(denials=(row(), row(user="me")), blocked=(blocked(),))


def test_nothing_is_written_while_nothing_is_shown() -> None:
    replica = Replica(Object())
    for _ in range(100):
        replica.clock.wait(RENEW)
        replica.shows(Publication())
    assert replica.object.writes == []


def test_what_changes_is_written_at_once_and_then_once_a_second_at_most() -> None:
    replica = Replica(Object())
    for number in range(20):
        replica.shows(Publication(denials=(row(f"web-{number}"),)))
        replica.clock.wait(APART / 10)
    assert len(replica.object.writes) == 2
    replica.write()
    replica.clock.wait(APART)
    replica.write()
    (shown,) = read(replica.object.data["r1"]).denials
    assert shown.name == "web-19"


def test_what_stays_is_written_again_once_a_minute_so_that_others_see_life() -> None:
    replica = Replica(Object())
    replica.shows(ONE)
    replica.watches()
    for _ in range(10):
        replica.clock.wait(RENEW / 2)
        replica.write()
        replica.watches()
    texts = replica.object.writes
    assert len(texts) == 6
    assert len(set(texts)) == 6
    assert all(read(text or "").shows_the_same(ONE) for text in texts)
    assert RENEW * 2 < SILENT


def test_what_is_no_longer_shown_is_removed_once() -> None:
    replica = Replica(Object())
    replica.shows(ONE)
    for _ in range(5):
        replica.clock.wait(RENEW)
        replica.shows(Publication())
    assert replica.object.data == {}
    assert replica.object.writes[1:] == [None]


def test_an_object_that_somebody_deleted_is_written_again() -> None:
    replica = Replica(Object())
    replica.shows(ONE)
    replica.object.data.clear()
    replica.tell(None, 7)
    replica.clock.wait(APART)
    replica.write()
    assert read(replica.object.data["r1"]).shows_the_same(ONE)


def test_writes_that_fail_are_repeated_ever_less_often_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    replica, tried = Replica(Object()), 0
    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            replica.object.error = Unreachable("down")
            replica.shows(ONE)
            tried += replica.object.error is None
            replica.clock.wait(1.0)
    assert 10 <= tried <= 20
    assert replica.failed == tried
    assert len(caplog.records) == 1
    replica.object.error = None
    replica.clock.wait(60.0)
    replica.write()
    assert "r1" in replica.object.data


def test_all_replicas_show_what_any_of_them_shows() -> None:
    store, clock = Object(), Clock()
    one, other = Replica(store, "r1", clock), Replica(store, "r2", clock)
    one.shows(ONE)
    other.shows(TWO)
    one.watches()
    other.watches()
    assert set(one.views) == set(other.views) == {"r1", "r2"}
    for name in ("r1", "r2"):
        assert one.views[name].shows_the_same(other.views[name])


def test_a_text_that_cannot_be_read_is_left_out_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    replica = Replica(Object())
    for number in range(3):
        replica.object.data = {"r2": f"rubbish {number}", "r3": written(ONE)}
        replica.watches()
    assert set(replica.views) == {"r1", "r3"}
    assert len(caplog.records) == 1


def test_the_key_of_a_replica_that_is_silent_for_long_is_taken_over_with_what_it_shows() -> None:
    replica = Replica(Object())
    replica.object.data = {"dead": written(TWO)}
    replica.watches()
    replica.show(ONE)
    replica.clock.wait(SILENT - 1)
    assert replica.take_over(lambda _: TWO) is None
    replica.clock.wait(1)
    ended = replica.take_over(lambda shown: Publication(denials=shown.denials, blocked=shown.blocked))
    assert ended is not None
    assert ended.shows_the_same(TWO)
    assert set(replica.object.data) == set(replica.views) == {"r1"}
    assert replica.views["r1"].shows_the_same(TWO)
    replica.watches()
    assert replica.take_over(lambda _: TWO) is None


def test_a_replica_that_writes_again_has_not_ended() -> None:
    replica = Replica(Object())
    for number in range(10):
        replica.object.data = {"r2": written(Publication(renewal=number, denials=(row(),)))}
        replica.watches()
        replica.clock.wait(RENEW)
    assert replica.take_over(lambda _: TWO) is None


def test_a_replica_that_is_silent_has_ended_whatever_the_others_write() -> None:
    replica, dead = Replica(Object()), written(ONE)
    for number in range(4):
        alive = written(Publication(renewal=number, denials=(row(),)))
        replica.object.data = {"dead": dead, "r2": alive}
        replica.watches()
        replica.clock.wait(RENEW)
    assert replica.take_over(lambda shown: shown) is not None
    assert set(replica.object.data) == {"r1", "r2"}


def test_of_two_replicas_one_takes_over() -> None:
    store, clock = Object(), Clock()
    store.data = {"dead": written(TWO)}
    one, other = Replica(store, "r1", clock), Replica(store, "r2", clock)
    for each in (one, other):
        each.watches()
    clock.wait(SILENT)
    assert one.take_over(lambda shown: shown) is not None
    assert other.take_over(lambda shown: shown) is None
    assert set(store.data) == {"r1"}


def test_rubbish_is_removed_when_nobody_renews_it() -> None:
    replica = Replica(Object())
    replica.object.data = {"dead": "rubbish"}
    replica.watches()
    replica.clock.wait(SILENT)
    ended = replica.take_over(lambda shown: shown)
    assert ended is not None
    assert ended.is_empty
    assert replica.object.data == {}

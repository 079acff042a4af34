"""Who stands badly, for how long, and what clears it."""

import pytest

from webhook.core.ledger.history import GOOD, MOST_LEVEL, OWNERS, REPORTED, History, digest
from webhook.core.values.amounts import Amounts

LAPSE = 45.0
SIZE = Amounts(memory_requests=5)


def lapsed(history: History, subject: str = "ns/web", now: float = 100.0, size: Amounts = SIZE) -> bool:
    """Let a pod lapse that was granted a lapse ago."""
    return history.lapsed(subject, size, now - LAPSE, now, LAPSE)


def test_the_pause_doubles_with_each_lapse_up_to_a_most() -> None:
    history, now = History(), 100.0
    pauses = []
    for _ in range(6):
        assert lapsed(history, now=now)
        pauses.append(history.standing("ns/web").until - now)
        now = history.standing("ns/web").until + LAPSE
    assert pauses == [LAPSE * times for times in (4, 8, 16, 32, 32, 32)]
    assert history.standing("ns/web").level == MOST_LEVEL


def test_what_was_granted_before_the_level_rose_raises_it_no_further() -> None:
    history = History()
    assert lapsed(history, now=100.0)
    assert not lapsed(history, now=103.0)
    assert history.standing("ns/web").level == 1
    assert not history.lapsed("ns/web", SIZE, 99.0, 144.0, LAPSE)
    assert history.lapsed("ns/web", SIZE, 100.0, 145.0, LAPSE)


@pytest.mark.parametrize(("size", "clears"), [(4, False), (5, True), (6, True)])
def test_only_a_pod_as_large_as_what_lapsed_clears_it(size: int, clears: bool) -> None:
    history = History()
    lapsed(history)
    lapsed(history, "ns")
    history.saw("ns/web-1", "web", Amounts(memory_requests=size))
    assert (history.standing("ns/web") == GOOD) == clears
    assert (history.standing("ns") == GOOD) == clears


def test_the_most_that_lapsed_has_to_come_though_less_lapsed_since() -> None:
    history = History()
    lapsed(history, now=100.0)
    lapsed(history, now=400.0, size=Amounts(memory_requests=2))
    history.saw("ns/web-1", "web", Amounts(memory_requests=2))
    assert history.standing("ns/web").level == 2


def test_another_owner_or_namespace_clears_nothing_of_an_owner() -> None:
    history = History()
    lapsed(history)
    history.saw("ns/x", "other", SIZE)
    history.saw("else/x", "web", SIZE)
    assert history.standing("ns/web").level == 1


def test_a_pod_without_owner_clears_the_users_of_its_namespace() -> None:
    history = History()
    lapsed(history, "ns/~ann")
    lapsed(history, "else/~ann")
    lapsed(history, "ns/web")
    history.saw("ns/x", "", SIZE)
    assert [history.standing(each).level for each in ("ns/~ann", "else/~ann", "ns/web")] == [0, 1, 1]


def test_what_was_open_during_an_outage_is_held_against_nobody() -> None:
    history = History()
    history.excuse(60.0)
    assert not history.lapsed("ns/web", SIZE, 60.0, 110.0, LAPSE)
    assert not history
    assert history.lapsed("ns/web", SIZE, 60.1, 110.0, LAPSE)


def test_it_is_forgotten_after_a_long_quiet_time() -> None:
    history = History()
    lapsed(history)
    until = history.standing("ns/web").until
    history.forget(until + 32 * LAPSE - 1, LAPSE)
    assert len(history) == 1
    history.forget(until + 32 * LAPSE, LAPSE)
    assert len(history) == 0


def test_others_begin_a_pause_of_their_own_when_a_level_rises_and_not_before_or_again() -> None:
    history, table = History(), {digest("ns/web"): 1}
    history.hear([table, {}], 1_000.0, LAPSE)
    assert history.standing("ns/web") == (1, 1_000.0 + 4 * LAPSE)
    history.hear([table], 1_100.0, LAPSE)
    assert history.standing("ns/web").until == 1_000.0 + 4 * LAPSE
    history.hear([table, {digest("ns/web"): 2}], 1_300.0, LAPSE)
    assert history.standing("ns/web") == (2, 1_300.0 + 8 * LAPSE)
    history.hear([{}], 1_400.0, LAPSE)
    assert history.standing("ns/web") == GOOD


def test_a_lapse_here_builds_on_what_others_saw() -> None:
    history = History()
    history.hear([{digest("ns/web"): 2}], 100.0, LAPSE)
    assert not history.lapsed("ns/web", SIZE, 99.0, 144.0, LAPSE)  # it belongs to the same time
    assert history.lapsed("ns/web", SIZE, 101.0, 146.0, LAPSE)
    assert history.levels_to_report() == {digest("ns/web"): 3}


def test_one_namespace_cannot_push_out_what_is_known_of_others() -> None:
    history = History()
    lapsed(history, "victim/web")
    lapsed(history, "ns")
    for number in range(5 * OWNERS):
        lapsed(history, f"ns/{number}", now=200.0 + number)
    assert len(history) == OWNERS + 2
    levels = history.levels_to_report()
    assert {digest("victim/web"), digest("ns")} <= levels.keys()
    assert len(levels) == 6  # four owners of the namespace


def test_of_the_owners_of_a_namespace_the_worst_are_kept() -> None:
    history = History()
    lapsed(history, "ns/bad", now=100.0)
    assert lapsed(history, "ns/bad", now=200.0)
    for number in range(2 * OWNERS):
        lapsed(history, f"ns/{number}", now=300.0 + number)
    assert history.standing("ns/bad").level == 2
    assert history.standing("ns/0").level == 0, "of those that stand alike the oldest goes first"
    assert history.standing(f"ns/{2 * OWNERS - 1}").level == 1


def test_where_all_is_full_the_least_owner_goes_before_any_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.core.ledger.history.MOST", 4)
    history = History()
    for subject in ("first", "a/owner", "b/owner", "second"):
        lapsed(history, subject)
    lapsed(history, "a/owner", now=300.0)
    lapsed(history, "third", now=400.0)
    assert [history.standing(each).level for each in ("first", "a/owner", "b/owner", "third")] == [1, 2, 0, 1]
    lapsed(history, "fourth", now=500.0)
    lapsed(history, "fifth", now=600.0)
    assert [history.standing(each).level for each in ("a/owner", "first", "fifth")] == [0, 0, 1]


def test_what_is_told_is_bounded_and_the_worst_is_told_first() -> None:
    history = History()
    for number in range(2 * REPORTED):
        lapsed(history, f"ns-{number}")
    lapsed(history, "ns-77", now=500.0)
    assert len(history.levels_to_report()) == REPORTED
    assert history.levels_to_report()[digest("ns-77")] == 2

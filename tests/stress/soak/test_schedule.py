"""A seed decides what comes when; everything comes, and no replica is always the one that is hit."""

from collections import Counter
from itertools import islice

import pytest

from tests.stress.soak.schedule import Change, Event, Fault, Scale, schedule

SCALE = Scale((1.0, 2.0), (3.0, 8.0))
REPLICAS = 2


def dealt(seed: int, count: int) -> list[Event]:
    return list(islice(schedule(list(Fault), seed, SCALE, REPLICAS), count))


def test_the_same_seed_gives_the_same_schedule_and_another_one_does_not() -> None:
    assert dealt(1, 100) == dealt(1, 100)
    assert dealt(1, 100) != dealt(2, 100)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_comes_twice_before_all_else_has_come(seed: int) -> None:
    events = dealt(seed, 3 * len(Fault))
    for deck in range(3):
        hand = events[deck * len(Fault) : (deck + 1) * len(Fault)]
        assert {event.what for event in hand} == set(Fault)


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_is_about_each_replica_in_turn(seed: int) -> None:
    events = dealt(seed, REPLICAS * len(Fault))
    assert Counter((event.what, event.replica) for event in events) == {
        (fault, replica): 1 for fault in Fault for replica in range(REPLICAS)
    }


def test_pauses_and_lengths_are_within_the_scale() -> None:
    for event in dealt(3, 200):
        assert SCALE.pause[0] <= event.pause <= SCALE.pause[1]
        assert SCALE.lasting[0] <= event.seconds <= SCALE.lasting[1]


def test_changes_have_a_schedule_of_their_own() -> None:
    events = islice(schedule(list(Change), 1, SCALE, REPLICAS), len(Change))
    assert {event.what for event in events} == set(Change)

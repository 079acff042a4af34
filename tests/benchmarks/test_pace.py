"""Pace: the mean of what each processor does in its time, seen on all of them."""

import os
import threading
import time

import pytest

from benchmarks.pace import OTHERS, PACE, STEPS, Load, Look, measured, speed, taken


def test_the_pace_is_steps_per_microsecond() -> None:
    assert speed([Look(0, STEPS * 1000)]) == pytest.approx(1.0)
    assert speed([Look(0, STEPS * 500)]) == pytest.approx(2.0)


def test_half_the_time_at_double_the_pace_is_half_as_fast_again() -> None:
    assert speed([Look(0, STEPS * 1000), Look(0, STEPS * 500)]) == pytest.approx(1.5)


def test_processors_count_alike_however_often_each_was_looked_at() -> None:
    assert speed([Look(0, STEPS * 1000)] * 3 + [Look(1, STEPS * 250)]) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("busy", "own", "share"),
    [(1.5, 0.5, 0.25), (2.0, 2.0, 0.0), (0.5, 0.51, 0.0), (4.1, 0.0, 1.0)],
)
def test_what_is_busy_and_not_our_doing_is_taken_by_others(busy: float, own: float, share: float) -> None:
    before, after = Load(5.0, 7.0, 3.0), Load(7.0, 7.0 + busy, 3.0 + own)
    assert taken(before, after, 2) == pytest.approx(share)


def test_every_processor_is_looked_at_and_the_caller_keeps_its_own() -> None:
    allowed, threads = os.sched_getaffinity(0), threading.active_count()
    with measured() as pace:
        time.sleep(0.1)
    assert {look.processor for look in pace.looks} == allowed
    assert len(pace.looks) > len(allowed)
    assert 0 <= pace.others <= 1
    assert pace.figures == {PACE: pace.value, OTHERS: pace.others}
    assert os.sched_getaffinity(0) == allowed
    assert threading.active_count() == threads


def test_what_is_over_at_once_has_a_pace_too() -> None:
    with measured() as pace:
        pass
    assert speed(pace.looks) > 0

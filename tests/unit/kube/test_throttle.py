"""Pauses: short where somebody needs the news or much comes, long where nobody does, and none after a silence."""

import threading
import time

import pytest

from webhook.kube.throttle import ReadThrottle

LONG = 30.0
MUCH = 1 << 20


class Waited:
    """A pause whose short waits are noted and not made; of its long waits the time is bounded from outside."""

    def __init__(self, *, at_ease: bool = True) -> None:
        self.slept: list[float] = []
        self.pause = ReadThrottle(0.02, LONG, self.slept.append)
        self.pause.ease(at_ease)

    def wait(self, since: float, came: int = 1) -> float:
        """Wait, and return the seconds that it took in truth."""
        began = time.monotonic()
        self.pause.wait(since, came)
        return time.monotonic() - began


@pytest.mark.parametrize(("since", "slept"), [(0.0, [0.02]), (0.005, [0.015]), (0.02, []), (5.0, [])])
def test_somebody_who_is_not_at_ease_waits_for_the_rest_of_the_short_time(since: float, slept: list[float]) -> None:
    waited = Waited(at_ease=False)
    assert waited.wait(since) < LONG / 3
    assert waited.slept == pytest.approx(slept)


def test_after_a_silence_nothing_is_waited_for() -> None:
    waited = Waited()
    assert waited.wait(LONG) < LONG / 3
    assert waited.slept == []


def test_after_much_has_come_the_next_look_is_soon() -> None:
    waited = Waited()
    assert waited.wait(0.0, MUCH) < LONG / 3
    assert waited.slept == [0.02]


def test_a_long_pause_is_as_long_as_it_says() -> None:
    pause = ReadThrottle(0.0, 0.1)
    began = time.monotonic()
    pause.wait(0.0, 1)
    assert time.monotonic() - began >= 0.1


def test_who_hurries_before_or_during_a_long_pause_ends_it() -> None:
    waited = Waited()
    waited.pause.hurry()
    assert waited.wait(0.0) < LONG / 3
    hurried: list[bool] = []

    def hurry() -> None:
        hurried.append(True)
        waited.pause.hurry()

    hurrying = threading.Timer(0.05, hurry)
    hurrying.start()
    assert waited.wait(0.0) < LONG / 3
    assert hurried, "the pause was over before anybody hurried"
    hurrying.join()


def test_a_look_answers_all_who_hurried_before_it() -> None:
    waited = Waited()
    waited.pause.hurry()
    waited.wait(0.0)
    assert not waited.pause._hurried.is_set()

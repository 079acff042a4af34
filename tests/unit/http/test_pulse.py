"""The pulse: how long ago a loop came round."""

from tests.support.replica import Clock
from webhook.http.pulse import Pulse


def test_a_loop_that_does_not_serve_has_none() -> None:
    assert Pulse().age() is None


def test_its_age_grows_from_the_last_beat_on() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat()
    clock.wait(3)
    assert pulse.age() == 3
    pulse.beat()
    assert pulse.age() == 0
    pulse.end()
    assert pulse.age() is None

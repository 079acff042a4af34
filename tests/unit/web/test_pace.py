"""The pace of readers: a tenth of a processor, and a hundredth while the process has other work."""

import pytest

from webhook.web.pace import Pace


class Process:
    """A process of which a test says what it spends."""

    def __init__(self) -> None:
        self.now, self.used = 50.0, 7.0
        self.pace = Pace(lambda: self.used, lambda: self.now)

    def goes_on(self, seconds: float, used: float) -> None:
        """Let time pass, in which the process uses so much of the processor."""
        self.now += seconds
        self.used += used


def test_a_process_with_nothing_else_to_do_makes_reports_for_a_tenth_of_the_time() -> None:
    process = Process()
    assert process.pace.rest_after(0.01) == pytest.approx(0.09)
    process.goes_on(1.0, 0.01 + 0.19)
    assert process.pace.rest_after(0.0) == 0.0
    assert process.pace.rest_after(0.02) == pytest.approx(0.18)


def test_beside_other_work_reports_take_a_hundredth() -> None:
    process = Process()
    process.goes_on(1.0, 0.25)
    assert process.pace.rest_after(0.004) == pytest.approx(0.396)
    process.goes_on(1.0, 0.01)
    assert process.pace.rest_after(0.004) == pytest.approx(0.036), "the other work is done"


def test_what_readers_use_themselves_is_no_other_work() -> None:
    process = Process()
    process.goes_on(1.0, 0.9)
    assert process.pace.rest_after(0.8) == 0.5
    process.goes_on(1.0, 0.3)
    assert process.pace.rest_after(0.2) == 0.5
    assert process.pace.rest_after(0.01) == pytest.approx(0.09)


def test_it_is_measured_over_a_while() -> None:
    process = Process()
    process.goes_on(0.15, 0.15)
    assert process.pace.rest_after(0.01) == pytest.approx(0.09)
    process.goes_on(0.1, 0.1)
    assert process.pace.rest_after(0.004) == pytest.approx(0.396)


def test_no_rest_is_long() -> None:
    process = Process()
    assert process.pace.rest_after(9.0) == 0.5

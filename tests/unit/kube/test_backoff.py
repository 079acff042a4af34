"""Pauses between attempts."""

import pytest

from webhook.kube.backoff import Backoff
from webhook.kube.stream import ApiError, Unreachable


def test_the_first_retry_comes_at_once_and_then_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 1.0, jitter=lambda: 0.0)
    assert [backoff.next() for _ in range(7)] == [0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_up_to_half_of_a_pause_is_left_to_chance() -> None:
    backoff = Backoff(0.1, 1.0, jitter=lambda: 1.0)
    assert [backoff.next() for _ in range(4)] == [0, 0.05, 0.1, 0.2]


def test_after_success_it_begins_anew() -> None:
    backoff = Backoff(0.1, 1.0, jitter=lambda: 0.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert [backoff.next() for _ in range(2)] == [0, 0.1]


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0.0), (1.0, 1.0), (5.0, 5.0), (60.0, 5.0)])
def test_a_server_that_asks_for_a_pause_gets_it_up_to_a_limit(asked: float, expected: float) -> None:
    backoff = Backoff(0.1, 1.0, jitter=lambda: 0.0)
    assert backoff.after(ApiError(429, "TooManyRequests", "busy", asked), 5.0) == expected


def test_a_pause_that_has_become_longer_than_what_is_asked_for_stays() -> None:
    backoff = Backoff(2.0, 4.0, jitter=lambda: 0.0)
    error = ApiError(429, "TooManyRequests", "busy", 1.0)
    assert [backoff.after(error, 5.0) for _ in range(3)] == [1.0, 2.0, 4.0]


def test_other_errors_ask_for_nothing() -> None:
    backoff = Backoff(0.1, 1.0, jitter=lambda: 0.0)
    assert [backoff.after(Unreachable("away"), 5.0) for _ in range(3)] == [0, 0.1, 0.2]

"""Pauses between attempts."""

from webhook.kube.backoff import Backoff


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

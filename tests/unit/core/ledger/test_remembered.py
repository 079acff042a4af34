"""A cache of answers by confinement takes a bounded amount of memory, whatever clients ask for."""

import pytest

from webhook.core.ledger import remembered
from webhook.core.ledger.remembered import Remembered
from webhook.core.pods.confinement import Way, Ways, weight


def ways(number: int, size: int = 1) -> Ways:
    return (Way(tuple((f"key-{number}-{each}", "value") for each in range(size))),)


def test_an_answer_is_kept_and_returned_as_it_is() -> None:
    of = Remembered[str | None]()
    assert of.keep(ways(1), "gpu") == "gpu"
    assert of.keep(ways(2), None) is None
    assert (of[ways(1)], of[ways(2)], len(of)) == ("gpu", None, 2)


def test_what_was_never_asked_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Remembered[str]()[ways(1)]


def test_all_is_forgotten_on_request() -> None:
    of = Remembered[str]()
    of.keep(ways(1), "gpu")
    of.clear()
    assert len(of) == 0
    with pytest.raises(KeyError):
        of[ways(1)]


def test_when_the_answers_take_too_much_all_are_forgotten_and_the_new_one_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembered, "MOST", 10_000)
    of = Remembered[int]()
    most = 0
    for number in range(100):
        of.keep(ways(number), number)
        assert of[ways(number)] == number
        most = max(most, len(of))
    assert 2 <= most <= 10_000 // remembered._EACH + 1


def test_a_large_confinement_takes_the_place_of_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    large = ways(0, size=200)
    monkeypatch.setattr(remembered, "MOST", weight(large))
    of = Remembered[int]()
    of.keep(large, 1)
    of.keep(ways(1), 2)
    assert len(of) == 1
    with pytest.raises(KeyError):
        of[large]

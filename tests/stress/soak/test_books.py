"""Ordinary answers are counted, failures are kept."""

from tests.stress.clients import CREATED, NO_ANSWER, REFUSED, Told
from tests.stress.soak.books import Books


def test_answers_are_counted_and_failures_are_kept() -> None:
    books = Books()
    told = [
        Told(CREATED, "", 1.0),
        Told(REFUSED, "no", 3.0),
        Told(NO_ANSWER, "gone", 4.0),
        Told("failed 500", "x", 5.0),
    ]
    for each in told:
        books.add(each)
    assert books.counts == {CREATED: 1, REFUSED: 1, NO_ANSWER: 1, "failed 500": 1}
    assert list(books) == told[2:]
    assert books.answered == 3.0
    assert str(books) == "1 created, 1 failed 500, 1 no answer, 1 refused"

"""What is kept of encoded answers, and for how long."""

import pytest

from webhook.web.shelf import Shelf


class Made:
    """Counts what is made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"made {self.count}"


ONE, TWO = object(), object()


def test_what_is_there_is_not_made_again() -> None:
    shelf, make = Shelf[str](100, len), Made()
    assert [shelf.get(ONE, "a", make) for _ in range(3)] == ["made 1"] * 3
    assert shelf.get(ONE, "b", make) == "made 2"


def test_another_version_ends_all_of_the_one_before() -> None:
    shelf, make = Shelf[str](100, len), Made()
    shelf.get(ONE, "a", make)
    assert shelf.get(TWO, "a", make) == "made 2"
    assert shelf.get(ONE, "a", make) == "made 3"


def test_it_holds_only_so_much() -> None:
    shelf, make = Shelf[str](14, len), Made()
    for key in "aba":
        shelf.get(ONE, key, make)
    shelf.get(ONE, "c", make)
    assert make.count == 3
    shelf.get(ONE, "a", make)
    assert make.count == 3, "the one that was wanted last stays"
    shelf.get(ONE, "b", make)
    assert make.count == 4


def test_what_is_too_large_is_given_and_not_kept() -> None:
    shelf, make = Shelf[str](5, len), Made()
    assert shelf.get(ONE, "a", make) == "made 1"
    assert shelf.get(ONE, "a", make) == "made 2"


def test_what_was_made_for_an_older_version_is_not_kept() -> None:
    shelf = Shelf[str](100, len)

    def overtaken() -> str:
        shelf.get(TWO, "b", lambda: "new")
        return "old"

    assert shelf.get(ONE, "a", overtaken) == "old"
    assert shelf.get(TWO, "a", lambda: "new") == "new"


def test_a_fault_keeps_nothing() -> None:
    shelf = Shelf[str](100, len)
    with pytest.raises(ZeroDivisionError):
        shelf.get(ONE, "a", lambda: str(1 // 0))
    assert shelf.get(ONE, "a", lambda: "made") == "made"

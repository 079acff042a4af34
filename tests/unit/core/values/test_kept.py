"""Values that are kept for a time, and no more than so many of them."""

from webhook.core.values.kept import Kept


def test_a_value_is_there_until_its_time_is_over() -> None:
    kept = Kept[str, int | None](10)
    kept.put("a", None, 5.0)
    assert kept.get("a", 4.9) == (None,), "None is a value like any other"
    assert kept.get("a", 5.0) is None
    assert kept.get("b", 0.0) is None


def test_a_value_takes_the_place_of_the_one_before() -> None:
    kept = Kept[str, int](10)
    kept.put("a", 1, 5.0)
    kept.put("a", 2, 3.0)
    assert (len(kept), kept.get("a", 2.9), kept.get("a", 3.0)) == (1, (2,), None)


def test_of_more_than_the_most_the_one_that_was_put_first_goes() -> None:
    kept = Kept[int, int](3)
    for key in (1, 2, 3, 1, 4):
        kept.put(key, key, 9.0)
    assert len(kept) == 3
    assert [key for key in range(1, 5) if kept.get(key, 0.0)] == [1, 3, 4]

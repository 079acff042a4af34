"""Which entries leave a full table."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from webhook.core.reporting.fairness import leaving


def test_the_oldest_of_the_namespace_with_the_most_entries_leave() -> None:
    entries = {"a": ("quiet", 1.0), "b": ("loud", 3.0), "c": ("loud", 2.0), "d": ("loud", 4.0)}
    assert leaving(entries, 3) == ["c"]
    assert leaving(entries, 2) == ["c", "b"]
    assert leaving(entries, 4) == []
    assert leaving({}, 0) == []


def test_namespaces_get_equal_shares_and_what_one_does_not_need_goes_to_the_others() -> None:
    entries = {n: (space, float(n)) for n, space in enumerate(["a"] * 3 + ["b"] * 3 + ["c"])}
    assert sorted(leaving(entries, 5)) == [0, 3]
    assert Counter(entries[n][0] for n in entries if n not in leaving(entries, 3)) == {"a": 1, "b": 1, "c": 1}


@given(st.lists(st.sampled_from("aaaabbc"), max_size=60), st.integers(0, 60))
def test_so_many_are_left_and_no_namespace_loses_any_below_an_equal_share(spaces: list[str], most: int) -> None:
    entries = {number: (space, float(number)) for number, space in enumerate(spaces)}
    gone = leaving(entries, most)
    left = [number for number in entries if number not in gone]
    assert len(left) == min(most, len(entries))
    before, after = Counter(spaces), Counter(entries[number][0] for number in left)
    for space in before:
        assert after[space] >= min(before[space], most // len(before))
        own = [number for number in entries if entries[number][0] == space]
        assert [number for number in own if number in left] == own[len(own) - after[space] :]

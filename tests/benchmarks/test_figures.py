"""Figures: medians and ratios are of rounds, and a claim says whether it holds."""

from collections import Counter
from itertools import pairwise

import pytest

from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.report import aligned, conclude, installed
from benchmarks.spreads import Ratio, Spread, difference, furthest, short, smallest


def chapter(**figures: list[float]) -> Chapter:
    """Make a chapter of one case, in which each rival has these figures in rounds 1, 2 and so on."""
    made = Chapter("a chapter", ("ms",))
    for rival, values in figures.items():
        for number, value in enumerate(values, 1):
            made.add("case", rival, number, {"ms": value})
    return made


def test_a_spread_is_the_median_and_the_middle_half_of_the_rounds() -> None:
    assert Spread.of([5.0, 1.0, 3.0, 2.0, 4.0]) == (3.0, 2.0, 4.0)
    assert Spread.of([7.0]) == (7.0, 7.0, 7.0)


def test_a_ratio_compares_what_was_measured_in_the_same_round() -> None:
    made = chapter(ours=[2.0, 20.0, 200.0], theirs=[1.0, 10.0, 100.0])
    assert made.ratio("case", "ours", "theirs", "ms").seen == (2.0, 2.0, 2.0)


def test_a_round_in_which_only_one_took_part_has_no_ratio() -> None:
    made = chapter(ours=[2.0, 4.0, 9.0], theirs=[1.0])
    assert made.ratio("case", "ours", "theirs", "ms").seen == (2.0, 2.0, 2.0)


def test_a_total_leaves_one_out() -> None:
    made = chapter(ours=[1.0, 2.0], theirs=[4.0])
    assert (made.total("ms"), made.total("ms", without="theirs")) == (7.0, 3.0)


def test_what_was_never_measured_has_no_spread() -> None:
    assert chapter(ours=[1.0]).spread("case", "ours", "creates") is None


@pytest.mark.parametrize(
    ("value", "limit", "least", "holds"),
    [(1.0, 1.0, False, True), (1.01, 1.0, False, False), (8.0, 8.0, True, True), (7.9, 8.0, True, False)],
)
def test_a_claim_holds_up_to_its_limit(value: float, limit: float, least: bool, holds: bool) -> None:
    claim = Claim("a figure", Spread.of([value]), limit, least)
    assert claim.holds is holds
    assert str(claim).startswith("holds " if holds else "DOES NOT HOLD ")


def test_of_a_ratio_the_adjusted_one_is_judged_and_both_are_told() -> None:
    good, bad = Spread.of([8.1]), Spread.of([7.4])
    claim = Claim("a ratio", Ratio(good, bad), 8.0, least=True)
    assert claim.holds
    assert str(claim).endswith("a ratio: 8.1 (8.1-8.1), unadjusted 7.4 (7.4-7.4), to be >= 8")
    assert not Claim("a ratio", Ratio(bad, good), 8.0, least=True).holds
    assert "unadjusted" not in str(Claim("a ratio", Ratio(good, good), 8.0))


def test_a_difference_does_not_hang_on_the_order() -> None:
    a, b = Spread(1.0, 0.9, 1.1), Spread(1.2, 1.1, 1.3)
    assert difference(a, b).median == pytest.approx(0.2)
    assert difference(b, a).median == pytest.approx(0.2)
    assert difference(a, a).low == 0.0


def test_the_smallest_has_the_lowest_median() -> None:
    wide, low = Spread(3, 0, 9), Spread(2, 2, 2)
    assert smallest([Ratio(wide, low), Ratio(low, wide)]) == Ratio(low, wide)


def test_the_furthest_apart_are_compared_both_ways() -> None:
    one, two, three = (Spread(value, value, value) for value in (1.0, 2.0, 3.0))
    assert furthest([Ratio(two, one), Ratio(three, one), Ratio(two, two)]).adjusted.median == pytest.approx(0.5)
    assert furthest([Ratio(one, three), Ratio(two, one)]).seen.median == pytest.approx(2.0)


@pytest.mark.parametrize("items", ["abcde", "abcdef", "abcdefgh"])
def test_each_follows_each_other_one_equally_often(items: str) -> None:
    rounds = [in_turn(items, number) for number in range(1, 2 * len(items) + 1)]
    assert all(sorted(order) == sorted(items) for order in rounds)
    followed = Counter(pair for order in rounds for pair in pairwise(order))
    assert len(followed) == len(items) * (len(items) - 1)
    assert set(followed.values()) == {2}


def test_what_does_not_hold_is_named_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    made = chapter(ours=[1.0])
    made.claims = [Claim("good", Spread.of([1.0]), 2.0), Claim("bad", Spread.of([3.0]), 2.0)]
    conclude([made])
    said = capsys.readouterr().out
    assert "1 of 2 promises hold, but not:\n  a chapter: bad\n" in said
    assert f"httptools {installed('httptools')}" in said


def test_a_package_that_is_not_there_has_no_version() -> None:
    assert installed("no-such-package") == "not installed"
    assert installed("pytest") == pytest.__version__


def test_figures_are_short_and_columns_stand_below_each_other() -> None:
    assert [short(value) for value in (0.12345, 12.3456, 1234.5)] == ["0.123", "12.3", "1,234"]
    assert list(aligned([("case", "ms"), ("headroom", "1.5")])) == ["  case       ms", "  headroom  1.5"]

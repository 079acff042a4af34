"""Covariance: the slope is that within groups, wherever the groups lie; what follows the pace is freed of it."""

from math import log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.covariance import Point, common_slope
from benchmarks.figures import Chapter
from benchmarks.pace import OTHERS, PACE

finite = st.floats(-3, 3)
paces = st.lists(st.floats(0.5, 2), min_size=3, max_size=12, unique=True).filter(
    lambda each: max(each) / min(each) > 1.01
)


def chapter(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> Chapter:
    """Two rivals with these figures in rounds 1, 2 and so on."""
    made = Chapter("a chapter", ("ms",))
    for rival, figures in (("ours", ours), ("theirs", theirs)):
        for number, each in enumerate(figures, 1):
            made.add("case", rival, number, each)
    return made


def following(factor: float, slope: float, seen: list[float]) -> list[dict[str, float]]:
    """Figures that hang on the pace alone."""
    return [{"ms": factor * pace**slope, PACE: pace} for pace in seen]


@given(paces, finite, finite, finite)
def test_groups_on_parallel_lines_have_the_slope_of_these_lines(
    xs: list[float], slope: float, apart: float, up: float
) -> None:
    points = [Point("a", x, slope * x) for x in xs] + [Point("b", x + apart, slope * x + up) for x in xs]
    assert common_slope(points) == pytest.approx(slope, abs=1e-6)


def test_noise_that_does_not_follow_x_has_no_slope() -> None:
    points = [Point("a", x, y) for x, y in ((1.0, 5.0), (2.0, 7.0), (3.0, 5.0))]
    assert common_slope(points) == pytest.approx(0.0)


@pytest.mark.parametrize("points", [[], [Point("a", 1.0, 2.0)], [Point("a", 0.1, 2.0), Point("a", 0.1, 9.0)]])
def test_where_x_does_not_vary_there_is_no_slope(points: list[Point]) -> None:
    assert common_slope(points) == 0.0


@given(paces, st.floats(0.1, 10), st.floats(-2, 2), st.randoms(use_true_random=False))
def test_a_rival_that_is_always_so_many_times_another_is_found_to_be_whatever_the_pace(
    seen: list[float], times: float, slope: float, random: Random
) -> None:
    made = chapter(following(times, slope, seen), following(1.0, slope, random.sample(seen, len(seen))))
    assert tuple(made.ratio("case", "ours", "theirs", "ms").adjusted) == pytest.approx((times,) * 3)


def test_a_rival_that_is_slower_in_all_rounds_and_had_the_faster_machine_does_not_bend_the_line() -> None:
    made = chapter(following(0.1, 1.0, [2.0, 2.5, 3.0]), following(1.0, 1.0, [1.0, 1.1, 1.2]))
    assert made.slope("case", "ms") == pytest.approx(1.0)
    everybody = [Point("all", log(s.figures[PACE]), log(s.figures["ms"])) for s in made.samples]
    assert common_slope(everybody) < 0  # which is what a line without regard to the rivals would say
    assert made.ratio("case", "ours", "theirs", "ms").adjusted.median == pytest.approx(0.1)


def test_the_slope_is_that_of_a_case_and_a_figure() -> None:
    made = chapter(following(1.0, 1.0, [1.0, 2.0, 3.0]), [])
    for number, pace in enumerate((1.0, 2.0, 3.0), 1):
        made.add("another", "ours", number, {"ms": 1 / pace, "other": 5.0, PACE: pace})
    slopes = [made.slope(case, figure) for case, figure in (("case", "ms"), ("another", "ms"), ("another", "other"))]
    assert slopes == pytest.approx([1.0, -1.0, 0.0])


@pytest.mark.parametrize(
    "unknown",
    [
        [{"ms": 3.0}, {"ms": 5.0}, {"ms": 8.0}],  # no pace
        [{"ms": 3.0, PACE: 0.0}, {"ms": 5.0, PACE: 0.0}, {"ms": 8.0, PACE: 0.0}],
        [{"ms": 3.0, PACE: 1.7}, {"ms": 5.0, PACE: 1.7}, {"ms": 8.0, PACE: 1.7}],  # always the same
        [{"ms": 3.0, PACE: 1.0}, {"ms": 5.0, PACE: 2.0}],  # too few rounds
    ],
)
def test_where_nothing_is_known_of_the_pace_nothing_is_adjusted(unknown: list[dict[str, float]]) -> None:
    made = chapter(unknown, unknown)
    ratio = made.ratio("case", "ours", "theirs", "ms")
    assert ratio.adjusted == ratio.seen == (1.0, 1.0, 1.0)
    assert made.adjusted("case", "ours", "ms") == made.values("case", "ours", "ms")
    assert made.explained() == []


def test_figures_of_zero_and_rounds_without_a_pace_stay_as_they_were() -> None:
    seen = following(1.0, 1.0, [1.0, 2.0, 4.0, 1.0])
    made = chapter(
        [*seen, {"ms": 0.0, PACE: 2.0}, {"ms": 7.0}], [*seen, {"ms": 1.0, PACE: 2.0}, {"ms": 7.0, PACE: 0.0}]
    )
    assert made.slope("case", "ms") < 1.0  # of the one that did not follow the pace; the 0 has no logarithm
    adjusted = made.adjusted("case", "ours", "ms")
    assert (adjusted[5], adjusted[6]) == (0.0, 7.0)
    assert made.adjusted("case", "theirs", "ms")[6] == 7.0


def test_it_is_told_how_the_figures_of_ratios_follow_the_pace() -> None:
    made = chapter(following(2.0, -1.0, [1.0, 2.0, 3.0]), following(1.0, -1.0, [1.0, 2.0, 3.0]))
    assert made.explained() == []
    made.ratio("case", "ours", "theirs", "ms")
    _, slopes = made.explained()
    assert slopes == "slope of ms: -1.00 (case)"


def with_others(values: list[float], shares: list[float]) -> list[dict[str, float]]:
    """Figures of rounds in which other programs took such shares of the processors."""
    return [{"ms": value, OTHERS: share} for value, share in zip(values, shares, strict=True)]


def test_rounds_in_which_other_programs_took_much_from_either_are_left_out_and_counted() -> None:
    ours = with_others([2.0, 2.0, 9.0, 2.0, 9.0], [0.0, 0.1, 0.5, 0.0, 0.0])
    theirs = with_others([1.0] * 5, [0.0, 0.1, 0.0, 0.0, 0.5])
    made = chapter(ours, theirs)
    ratio = made.ratio("case", "ours", "theirs", "ms")
    assert made.calm("case", "ours", "theirs") == made.counted("case", "ours", "theirs") == {1, 2, 4}
    assert str(ratio) == "2 (2-2) of 3 undisturbed rounds, unadjusted 2 (2-9)"
    assert ratio.adjusted == (2.0, 2.0, 2.0)
    assert ratio.seen == (2.0, 2.0, 9.0)
    (told,) = made.explained()
    assert told.startswith("in 2 of 10 turns other programs took more than 15% ")


def test_nothing_is_left_out_where_too_little_would_be_left() -> None:
    made = chapter(with_others([2.0, 4.0, 6.0], [0.0, 0.0, 0.5]), with_others([1.0] * 3, [0.0] * 3))
    ratio = made.ratio("case", "ours", "theirs", "ms")
    assert ratio.adjusted == (4.0, 3.0, 5.0)
    assert ratio.rounds == " of disturbed rounds"


def test_a_round_that_was_disturbed_does_not_bend_the_line() -> None:
    seen = [*following(1.0, 1.0, [1.0, 2.0, 3.0]), {"ms": 0.1, PACE: 4.0, OTHERS: 0.4}]
    assert chapter(seen, []).slope("case", "ms") == pytest.approx(1.0)

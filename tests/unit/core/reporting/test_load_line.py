"""The load line: what is filled, where the marks are, and that it never shows room where there is none."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.rows import line
from webhook.core.reporting.load_line import (
    FREE,
    ON_ITS_WAY,
    PLACED,
    THRESHOLD,
    WHOLE,
    WITHOUT_LARGEST,
    draw,
    load_line,
)

amounts = st.integers(0, 1 << 40)


def test_placed_then_on_its_way_then_free_with_the_marks() -> None:
    drawn = draw(load_line(line(12, 18, pending=2, granted=1, bound_without_largest=12), 24), 24)
    assert drawn == "██████████▓▓┆░░░░░│░░░░░"
    assert (drawn.count(PLACED), drawn.count(ON_ITS_WAY)) == (10, 2)


def test_past_everything_allocatable_the_track_goes_on_beyond_a_mark() -> None:
    drawn = draw(load_line(line(30, 18), 24), 30)
    assert drawn[24] == WHOLE
    assert drawn[18] == THRESHOLD
    assert FREE not in drawn


def test_a_threshold_past_allocatable_lengthens_the_track() -> None:
    assert draw(load_line(line(12, 36), 24), 36).index(THRESHOLD) == 35
    assert load_line(line(12, 36), 24).length == 1.5


def test_a_sum_without_a_threshold_has_no_mark() -> None:
    assert draw(load_line(line(6), 24), 24) == PLACED * 6 + FREE * 18


def test_without_anything_allocatable_what_is_committed_fills_the_line() -> None:
    assert draw(load_line(line(6, 0), 0), 8).count(PLACED) == 7
    assert draw(load_line(line(0), 0), 8) == FREE * 8


@given(amounts, amounts, amounts, st.integers(1, 1 << 40), st.integers(4, 200))
def test_it_has_its_width_and_fills_as_much_as_is_committed(
    committed: int, granted: int, bound: int, allocatable: int, width: int
) -> None:
    shown = load_line(line(committed, bound, granted=granted), allocatable)
    drawn = draw(shown, width)
    assert len(drawn) == width
    assert set(drawn) <= {PLACED, ON_ITS_WAY, FREE, THRESHOLD, WHOLE, WITHOUT_LARGEST}
    filled = sum(cell in (PLACED, ON_ITS_WAY) for cell in drawn)
    wanted = min(1.0, (shown.placed + shown.on_its_way) / shown.length) * width
    assert abs(filled - wanted) <= 3.5  # the marks may replace three cells, and a half is rounded

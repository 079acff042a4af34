"""Courses: how many old pods are gone by the time so many new ones live, and where a straight line is first crossed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.forecast.rollout import Rollout, growth, in_place, on_nodes, recreation, rolling

courses = st.builds(
    Rollout,
    come=st.integers(1, 30),
    going=st.integers(0, 30),
    lead=st.integers(-20, 40),
    wait=st.integers(0, 12),
    batch=st.integers(0, 9),
    kept=st.integers(0, 3),
)


def gone(course: Rollout) -> list[int]:
    return [course.gone(new) for new in range(course.come + 1)]


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        (growth(5, 2), [0, 0, 0, 0]),
        (growth(2, 5), [0]),
        (recreation(2, 3), [3, 3, 3]),
        (rolling(4, 4, 1, 0), [0, 1, 2, 3, 4]),
        (rolling(4, 4, 1, 1), [1, 2, 3, 4, 4]),
        (rolling(4, 2, 1, 1), [0, 0, 1, 2, 2]),
        (rolling(2, 5, 1, 0), [3, 4, 5]),
        (in_place(3, 3, 0), [1, 2, 3, 3]),
        (in_place(5, 3, 0), [0, 0, 1, 2, 3, 3]),
        (in_place(2, 4, 0), [3, 4, 4]),
        (in_place(5, 5, 3), [1, 2, 2]),
        (in_place(5, 5, 0, 2), [2, 2, 3, 4, 5, 5]),
        (in_place(5, 5, 0, 2).hastened(), [2, 3, 4, 5, 5, 5]),
        (in_place(5, 3, 0, 3), [0, 0, 3, 3, 3, 3]),
        (in_place(5, 3, 1, 9), [0, 0, 2, 2, 2]),
        (on_nodes(3, 3, 0, 1), [1, 2, 3, 3]),
        (on_nodes(3, 3, 1, 0), [0, 1, 2, 3]),
        (on_nodes(3, 2, 0, 1), [0, 1, 2, 2]),
        (on_nodes(3, 1, 0, 1), [0, 0, 1, 1]),
    ],
)
def test_how_many_are_gone(course: Rollout, expected: list[int]) -> None:
    assert gone(course) == expected


def test_what_stays_counts_among_what_is_wanted() -> None:
    assert [each.wanted for each in (growth(5, 2), rolling(4, 2, 1, 1), in_place(5, 5, 3), in_place(6, 4, 3))] == [
        5,
        4,
        5,
        6,
    ]


def test_eased_it_is_the_course_of_those_settings() -> None:
    assert rolling(3, 3, 1, 0).eased(1) == rolling(3, 3, 0, 1)
    assert rolling(3, 3, 1, 1).eased(1) == rolling(3, 3, 0, 1)
    assert rolling(30, 23, 8, 7).eased(9) == rolling(30, 23, 0, 9)


def test_what_goes_and_is_not_made_up_for_is_lost_unless_nobody_wants_it() -> None:
    assert [rolling(33, 33, 9, 8).lost(new) for new in (0, 7, 8, 33)] == [8, 8, 8, 0]
    assert [rolling(6, 9, 0, 1).lost(new) for new in (0, 6)] == [1, 0]
    assert recreation(33, 33).lost(24) == 9
    assert [growth(9, 3).lost(new) for new in (0, 6)] == [0, 0]
    assert rolling(6, 4, 2, 1).filled(2).lost(0) == rolling(6, 4, 2, 1).lost(0) == 0


def test_filled_up_a_rolling_update_is_one_of_more_pods() -> None:
    assert rolling(6, 4, 2, 1).fill == 2
    assert rolling(6, 4, 2, 1).filled(2)._replace(came=0) == rolling(6, 6, 2, 1)
    assert rolling(6, 4, 2, 1).filled(1)._replace(came=0, fill=1) == rolling(6, 5, 2, 1)


@given(courses, st.integers(0, 9), st.integers(0, 9), st.integers(-30, 90))
def test_the_first_crossing_and_the_highest_point_are_those_of_counting_one_by_one(
    course: Rollout, each: int, back: int, left: int
) -> None:
    def need(new: int) -> int:
        return (new + 1) * each - course.gone(new) * back

    crossed = [new for new in range(course.come) if need(new) > left]
    assert course.first(lambda new: need(new) > left) == (crossed[0] if crossed else course.come)
    assert max(map(need, course.corners())) == max(map(need, range(course.come)))

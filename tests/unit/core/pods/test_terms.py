"""Terms: what containers, init containers, claims, statuses and overhead come to, and which of them decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.pods.terms import NONE, Commitment, Terms, commitment, on_top, summed

needs = st.integers(0, 9)


@pytest.mark.parametrize(
    ("terms", "decisive", "counts"),
    [
        (Terms(5, 2, 4, None, 1), "containers", 7),
        (Terms(5, 2, 7, None, 1), "containers", 7),
        (Terms(5, 2, 8, None, 1), "init", 8),
        (Terms(5, 2, 8, None, 1, claims=3), "init", 11),
        (Terms(5, 2, 4, None, 1, claims=3), "containers", 10),
        (Terms(5, 2, 8, None, 1, claims=3, pod_status=4), "status", 4),
        (Terms(5, 2, 8, None, 1, claims=3, pod_status=0), "status", 0),
        (Terms(5, 2, 8, 6, 1, claims=3, pod_status=9), "pod", 6),
        (Terms(5, 2, 8, 0, 1), "pod", 0),
        (NONE, "containers", 0),
    ],
)
def test_the_pod_itself_counts_before_its_status_and_that_before_its_containers(
    terms: Terms, decisive: str, counts: int
) -> None:
    assert (terms.decisive, terms.before_overhead, terms.total) == (decisive, counts, counts + terms.overhead)


@pytest.mark.parametrize(("overhead", "twice"), [(0, False), (3, True)])
def test_an_overhead_counts_twice_only_where_there_is_one(overhead: int, twice: bool) -> None:
    reported = Terms(5, 0, 0, None, 0, pod_status=8, overhead_twice=True)
    assert reported.with_overhead(overhead) == reported._replace(overhead=overhead, overhead_twice=twice)
    assert not NONE.with_overhead(overhead).overhead_twice


@pytest.mark.parametrize(
    ("app", "init", "sums"),
    [
        ([], [], (0, 0, 0)),
        ([1, 2], [], (3, 0, 0)),
        ([1], [(False, 5), (False, 7)], (1, 0, 7)),
        ([1], [(True, 5), (False, 7)], (1, 5, 12)),
        ([1], [(False, 7), (True, 5)], (1, 5, 7)),
        ([1], [(True, 5), (True, 4)], (1, 9, 9)),
        ([1], [(True, 5), (False, 1), (True, 4), (False, 2)], (1, 9, 11)),
    ],
)
def test_an_init_container_runs_beside_the_sidecars_before_it(
    app: list[int], init: list[tuple[bool, int]], sums: tuple[int, int, int]
) -> None:
    assert summed(app, init, claims=6) == Terms(*sums, None, 0, claims=6)


@given(st.lists(needs, max_size=4), st.lists(st.tuples(st.booleans(), needs), max_size=5))
def test_the_sum_is_the_largest_of_all_moments_of_a_start(app: list[int], init: list[tuple[bool, int]]) -> None:
    moments = [sum(app) + sum(need for sidecar, need in init if sidecar)]
    for place, (_, need) in enumerate(init):
        moments.append(need + sum(each for sidecar, each in init[:place] if sidecar))
    assert summed(app, init).before_overhead == max(moments)


def test_overhead_is_added_to_limits_only_where_there_are_any() -> None:
    assert on_top(3, NONE) == NONE
    assert on_top(3, Terms(5, 0, 0, None, 0)).total == 8
    assert on_top(3, Terms(5, 0, 0, 0, 0)).total == 0, "a limit of zero of the pod itself is none"


@pytest.mark.parametrize(
    ("requests", "filled", "unbounded", "counts"), [(5, 3, True, 5), (5, 7, True, 7), (5, 3, False, 3)]
)
def test_the_filled_limits_of_a_pod_without_a_limit_are_its_requests_at_the_least(
    requests: int, filled: int, unbounded: bool, counts: int
) -> None:
    asked, full = Terms(requests, 0, 0, None, 0), Terms(filled, 0, 0, None, 0)
    found = commitment(asked, NONE, full, unbounded=unbounded)
    assert found == Commitment(asked, NONE, max(full, asked) if unbounded else full, unbounded)
    assert found.filled.total == counts


def test_the_overhead_decides_too_whether_requests_or_filled_limits_are_more() -> None:
    asked, full = Terms(5, 0, 0, None, 4), Terms(7, 0, 0, None, 0)
    assert commitment(asked, NONE, full, unbounded=True).filled == asked

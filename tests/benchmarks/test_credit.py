"""Credit: what it adds to a pod is the difference of paired turns, and the rate is that of all processor time."""

import pytest

from benchmarks import credit
from benchmarks.creates import TWO, case
from benchmarks.figures import Chapter


def measured(rounds: int, review: float, seen: float) -> Chapter:
    """Make a chapter in which credit adds so many µs to a review and to a pod that is seen, at two speeds in turn."""
    chapter = Chapter("credit", credit.COLUMNS)
    for each in credit.CASES:
        for number in range(rounds):
            slow = 1 + number % 2
            for rival in credit.RIVALS:
                more = rival == credit.LIMITED
                chapter.add(credit.REVIEW + each, rival, number, {"us": slow * (50 + review * more)})
                chapter.add(credit.SEEN + each, rival, number, {"us": slow * (25 + seen * more)})
    return chapter


def test_what_credit_adds_is_found_at_two_speeds() -> None:
    added = credit.added(measured(9, review=6, seen=2), "")
    assert added.median == pytest.approx(10.0)
    assert (added.low, added.high) == pytest.approx((10.0, 10.0))


def test_the_rate_is_judged_by_what_a_create_costs_in_all() -> None:
    creates = Chapter("creates", ())
    creates.add(case(16, 0), TWO, 1, {"plane_cpu_ms": 9.0, "webhook_cpu_ms": 0.99})
    fine, too_much = (credit.claims(measured(8, review=more, seen=0), creates) for more in (10, 400))
    assert [claim.holds for claim in fine] == [True, True]
    assert fine[0].judged.median == pytest.approx(9990 / 10_005)
    assert [claim.holds for claim in too_much] == [False, False]

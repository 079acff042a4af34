"""Shown figures: those of one sentence share a unit, add up to the last digit, and hide no overrun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from webhook.core.config.percentage import Share
from webhook.core.ledger.nodes import Allocatable
from webhook.core.reviews.shown import Millis, shown
from webhook.core.reviews.verdict import Sum
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

MI = 1 << 20
GI = 1 << 30


def of(field: str, asked: int, committed: int, bound: int, granted: int = 0, stuck: int = 0, kept: int = 0) -> Sum:
    room = Allocatable(64 * GI, 64_000)
    index = Amounts._fields.index(field)
    return Sum(CLUSTER, index, asked, committed, granted, bound, room, kept, Share.parse("75%"), unplaceable=stuck)


def memory(asked: int, committed: int, bound: int, **more: int) -> Sum:
    return of("memory_requests", asked, committed, bound, **more)


def cpu(asked: int, committed: int, bound: int) -> Sum:
    return of("cpu_requests", asked, committed, bound)


def test_each_figure_is_written_with_its_unit() -> None:
    (found,) = shown([memory(2 * GI, 11 * GI, 18 * GI, granted=6 * GI, stuck=GI, kept=8 * GI)])
    assert found._asdict() == {
        "asked": "2Gi",
        "free": "1Gi",
        "committed": "17Gi",
        "bound": "18Gi",
        "reached": "19Gi",
        "over": "1Gi",
        "coming": "6Gi",
        "stuck": "1Gi",
        "kept": "8Gi",
    }


def test_parts_that_come_to_nothing_are_not_shown() -> None:
    (found,) = shown([memory(2 * GI, 17 * GI, 18 * GI)])
    assert (found.coming, found.stuck, found.kept) == ("", "", "")


def test_nothing_is_free_past_the_bound_and_nothing_is_over_within_it() -> None:
    past, within = shown([memory(GI, 20 * GI, 18 * GI), memory(GI, 2 * GI, 18 * GI)])
    assert (past.free, past.committed, past.reached, past.over) == ("0", "20Gi", "21Gi", "3Gi")
    assert (within.free, within.over) == ("16Gi", "0")


def test_sums_of_one_resource_share_a_unit_and_those_of_another_have_their_own() -> None:
    asked = [memory(2 * GI, 17 * GI, 18 * GI), cpu(750, 2500, 3000), memory(512 * MI, 17 * GI, 17 * GI)]
    first, second, third = shown(asked)
    assert (first.asked, third.asked, third.bound) == ("2Gi", "0.5Gi", "17Gi")
    assert (second.asked, second.free, second.bound) == ("750m", "500m", "3000m")


def test_what_differs_by_less_than_is_shown_still_looks_short() -> None:
    (found,) = shown([memory(GI, 17 * GI + 1, 18 * GI)])
    assert found.asked != found.free
    assert found.free != "1Gi"
    assert found.over != "0"


@pytest.mark.parametrize(
    ("amounts", "texts"),
    [
        ([2000, 0, 11_000], ["2 CPU", "0", "11 CPU"]),
        ([2000, 250], ["2000m", "250m"]),
        ([], []),
    ],
)
def test_cpu_is_written_in_whole_cpus_only_if_every_figure_is(amounts: list[int], texts: list[str]) -> None:
    unit = Millis(amounts)
    assert [unit.text(each) for each in amounts] == texts
    assert [(unit.up(each), unit.down(each)) for each in amounts] == [(each, each) for each in amounts]


figures = st.integers(0, 2**45) | st.integers(0, 4096).map(lambda number: number * MI)
sums = st.builds(memory, figures, figures, figures, granted=figures)


def steps(text: str) -> int:
    """Read a figure in bytes times 1000, or as a plain zero."""
    number = text.rstrip("KMGTPEi bytes")
    unit = text[len(number) :].strip().removesuffix("s").removesuffix("byte").removesuffix("i")
    whole, _, fraction = number.partition(".")
    thousandths = int(whole) * 1000 + int(fraction.ljust(3, "0"))
    return thousandths << 10 * ("KMGTPE".index(unit) + 1 if unit else 0)


@given(sums)
def test_committed_and_free_come_to_the_bound_and_what_is_short_looks_short(each: Sum) -> None:
    (found,) = shown([each])
    asked, free, committed, bound, reached, over = map(steps, found[:6])
    assert free == max(0, bound - committed)
    assert reached == committed + asked
    assert over == max(0, reached - bound)
    assert (over > 0) == (each.short_by > 0) or not each.asked
    if each.short_by > 0 and each.asked:
        assert asked > free


def test_the_same_figures_are_written_the_same_whatever_the_scope_is() -> None:
    one = memory(2 * GI, 17 * GI, 18 * GI)
    assert shown([one]) == shown([structs.replace(one, scope="high-mem")])

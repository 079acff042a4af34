"""Scales: figures in steps of one unit, exact where they fall on a step, else rounded to the side that is wanted."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.values.scale import Scale, scale, scales

GI, MI = 1 << 30, 1 << 20
SCALES = [Scale(0, 0), Scale(1, 2), *(Scale(unit, decimals) for unit in range(2, 7) for decimals in (2, 3))]
amounts = st.integers(0, 2**62) | st.builds(lambda tenths: tenths * GI // 10, st.integers(0, 10**6))


@given(st.sampled_from(SCALES), amounts)
def test_a_figure_is_rounded_to_its_side_by_less_than_a_step(of: Scale, amount: int) -> None:
    up, down = of.up(amount), of.down(amount)
    step, size = 1 << 10 * of.unit, 10**of.decimals
    assert up * step > (amount - 1) * size >= (up - 1) * step - size
    assert down * step < (amount + 1) * size <= (down + 1) * step + size
    assert of.holds(amount) == (up <= down)
    assert up - down <= 1


@given(st.lists(amounts, min_size=1, max_size=4), st.lists(amounts, max_size=3))
def test_there_is_always_a_finer_scale_down_to_the_byte(exact: list[int], others: list[int]) -> None:
    found = list(scales(exact, others))
    assert found[-1] == Scale(0, 0)
    assert len(set(found)) == len(found)
    assert all(a.unit >= b.unit for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("exact", "others", "best", "shown"),
    [
        ([2 * GI, 23 * GI], [24 * GI], 3, ["2Gi", "23Gi", "24Gi"]),
        ([128 * MI, 2 * GI], [9 * GI // 4], 3, ["0.125Gi", "2Gi", "2.25Gi"]),
        ([MI, 300 * GI], [], 2, ["1Mi", "307200Mi"]),
        ([2 * GI, 14 * GI], [24 * GI * 60 // 100], 3, ["2Gi", "14Gi", "14.4Gi"]),
        ([512 * MI, 7000 * MI], [7902516 << 10], 2, ["512Mi", "7000Mi", "7717.3Mi"]),
        ([3, 700], [1000], 0, ["3 bytes", "700 bytes", "1000 bytes"]),
        ([0, 0], [0], 0, ["0", "0", "0"]),
    ],
)
def test_the_best_shows_what_people_chose_exactly(
    exact: list[int], others: list[int], best: int, shown: list[str]
) -> None:
    found = next(scales(exact, others))
    assert found.unit == best
    assert [found.text(found.down(each)) for each in (*exact, *others)] == shown


def test_one_figure_alone_is_exact_or_in_hundredths() -> None:
    assert scale(300 * GI + MI) == Scale(2, 3)
    assert scale(8147484 << 10) == Scale(3, 2)

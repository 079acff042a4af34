from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.configs import shares
from webhook.core.config.percentage import Part, Share


@given(share=shares, amount=st.integers(0, 2**70))
def test_a_share_of_an_amount_is_the_exact_product_rounded_down(share: Share, amount: int) -> None:
    exact = Fraction(str(share).removesuffix("%")) / 100 * amount
    assert share.of(amount) == exact.numerator // exact.denominator


@given(share=shares)
def test_what_is_written_is_read_back(share: Share) -> None:
    assert Share.parse(str(share)) == share


def test_a_floating_point_product_would_be_a_byte_off() -> None:
    amount = 2**60 + 3
    assert int(amount * 0.29) != Share.parse("29%").of(amount) == amount * 29 // 100


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [("75%", 75_000), ("75.5%", 75_500), ("75.50%", 75_500), ("0.1%", 100), ("1000%", 1_000_000), ("33.333%", 33_333)],
)
def test_percentages_are_read_exactly(text: str, thousandths: int) -> None:
    assert Share.parse(text).thousandths == thousandths


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("75", '"75" has no percent sign; write 75%'),
        ("0.75", '"0.75" has no percent sign; write 75% or 0.75%'),
        ("1", '"1" has no percent sign; write 100% or 1%'),
        ("5000", '"5000" is not a percentage; write a percentage such as 75%'),
        ("75 percent", '"75 percent" is not a percentage; write a percentage such as 75%'),
        ("75 %", '"75 %" is not a percentage; write a percentage such as 75%'),
        ("-5%", '"-5%" is not a percentage; write a percentage such as 75%'),
        ("", '"" is not a percentage; write a percentage such as 75%'),
        ("75%\n", '"75%\\n" is not a percentage; write a percentage such as 75%'),
        ("\u0667\u0665%", '"\\u0667\\u0665%" is not a percentage; write a percentage such as 75%'),
        ("75.1234%", '"75.1234%" is finer than 0.001%; write three decimals at most'),
        ("0.099%", '"0.099%" is out of range; write 0.1% to 1000%'),
        ("1000.001%", '"1000.001%" is out of range; write 0.1% to 1000%'),
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(text: str, error: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        Share.parse(text)
    assert str(refused.value) == error


def test_a_part_ends_at_all_of_it() -> None:
    assert Part.parse("100%").of(7) == 7
    with pytest.raises(ValueError, match=r"write 0\.1% to 100%$"):
        Part.parse("100.001%")


def test_the_ratio_is_the_share_as_a_number() -> None:
    assert Share.parse("75%").ratio == 0.75

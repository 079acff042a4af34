"""Amounts are written as Go writes quantities, in the notation of what they began with."""

import pytest

from webhook.core.quotas.amount import ONE, ZERO, Amount, Notation, amount
from webhook.core.values.quantity import QuantityError, RawQuantity


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "0"),
        ("0Gi", "0"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1023", "1023"),
        ("0.5Ki", "512"),
        ("1.5", "1500m"),
        (2, "2"),
        (0.25, "250m"),
        ("1000", "1k"),
        ("1000m", "1"),
        ("15000M", "15G"),
        ("12e4", "120e3"),
        ("1e3", "1e3"),
        ("7e0", "7"),
        ("1E", "1E"),
        ("2E3", "2e3"),
        ("0.1n", "1n"),
        ("1.0000001Ki", "1024000102400n"),
    ],
)
def test_a_quantity_is_written_without_a_fraction_by_the_largest_suffix_that_can(raw: RawQuantity, text: str) -> None:
    assert str(amount(raw)) == text


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("1Gi", "1G", "2073741824"),
        ("1G", "1Gi", "2073741824"),
        ("0", "1Gi", "1Gi"),
        ("1Gi", "0", "1Gi"),
        ("512Mi", "512Mi", "1Gi"),
        ("250m", "1", "1250m"),
        ("1e3", "1", "1001"),
    ],
)
def test_a_sum_is_written_as_its_first_part_that_is_not_zero(first: str, second: str, text: str) -> None:
    assert str(amount(first).plus(amount(second))) == text


def test_what_goes_past_another_is_never_less_than_nothing() -> None:
    assert str(amount("3Gi").beyond(amount("1Gi"))) == "2Gi"
    assert amount("1Gi").beyond(amount("1Gi")) == amount("1Gi").beyond(amount("2Gi")) == ZERO
    assert amount("1").or_more(amount("2")) == amount("2").or_more(amount("1")) == amount("2")
    assert Amount(10**9, Notation.DECIMAL) == ONE


@pytest.mark.parametrize("raw", ["", "much", "-1"])
def test_what_is_no_quantity_is_refused(raw: str) -> None:
    with pytest.raises(QuantityError):
        amount(raw)

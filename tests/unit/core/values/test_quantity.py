"""Quantities are read exactly, refused clearly, and written for people so that nothing is hidden."""

import json
import random
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.kubernetes_footprint import kubernetes_says
from webhook.core.values import quantity
from webhook.core.values.quantity import (
    NANO,
    QuantityError,
    RawQuantity,
    bytes_text,
    millis,
    millis_text,
    nanos,
    whole,
)

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("raw", "units"),
    [
        ("0", 0),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("128974848000m", 128974848),
        ("123Mi", 123 << 20),
        ("0.5Gi", 512 << 20),
        (".5Gi", 512 << 20),
        ("5.", 5),
        ("+1Ki", 1024),
        ("007", 7),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("1e+2", 100),
        ("1000e-3", 1),
        ("2k", 2000),
        (134217728, 134217728),
        (1.5e3, 1500),
        (None, 0),
        ("-0", 0),
        (" 1Gi ", 1 << 30),
    ],
)
def test_every_notation_is_read(raw: RawQuantity, units: int) -> None:
    assert nanos(raw) == units * NANO


def test_fractions_are_exact_down_to_a_nano_and_rounded_up_there() -> None:
    assert nanos("0.1") == 10**8
    assert nanos("1n") == 1
    assert nanos("1.5n") == 2
    assert nanos("0.0001n") == 1
    assert nanos("1e-400") == 1
    assert nanos("0.1Ki") == 102_400_000_000


def test_sums_are_exact_and_rounded_up_once() -> None:
    assert whole(nanos("0.4") + nanos("0.4")) == 1
    assert whole(nanos("0.5") + nanos("0.6")) == 2
    assert millis(nanos("0.2m") + nanos("0.8m")) == 1
    assert millis(nanos("100u") * 11) == 2


@pytest.mark.parametrize("raw", ["8Ei", "9223372036854775807", "1e19", "1e400", "10E", "9" * 1_000_000, 10**30])
def test_nothing_is_larger_than_what_kubernetes_can_hold(raw: RawQuantity) -> None:
    assert nanos(raw) == LARGEST * NANO


@pytest.mark.parametrize(
    "raw",
    ["", " ", "12Q", "1.2.3", "1 Gi", "Gi", ".", "+", "-", "e3", "1e", "1e3.5", "1kk", "1mi", "0x10", "1_000", "٣"],
)
def test_what_is_no_quantity_is_refused_with_an_example(raw: str) -> None:
    with pytest.raises(QuantityError, match="write for example 512Mi"):
        nanos(raw)


@pytest.mark.parametrize("raw", ["-1", "-1n", "-0.5Gi", -3, -0.5])
def test_less_than_nothing_is_refused(raw: RawQuantity) -> None:
    with pytest.raises(QuantityError, match="is negative"):
        nanos(raw)


def test_an_error_shows_one_short_printable_line() -> None:
    with pytest.raises(QuantityError) as caught:
        nanos("12\n\x1b[31m\u202e" + "Q" * 100_000)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("12Q", "is not a quantity"),
        ("Mi", "has no digits"),
        ("-1", "is negative"),
        (f"1e{2**63}", "has an exponent past all bounds"),
        (f"0.{'1' * 1001}", "has more digits than any amount needs"),
    ],
)
def test_an_error_begins_with_what_stood_there(raw: str, fault: str) -> None:
    shown = raw if len(raw) <= 40 else f"{raw[:40]}\u2026"
    with pytest.raises(QuantityError) as caught:
        nanos(raw)
    assert str(caught.value).startswith(f"{json.dumps(shown)} {fault}; ")


def test_strings_made_to_be_costly_are_not() -> None:
    zeros = "0" * 1_000_000
    assert nanos(zeros + "5") == 5 * NANO
    assert nanos("1e" + zeros + "3") == 1000 * NANO
    assert nanos("1e2000000000") == LARGEST * NANO
    assert nanos("1e-2000000000") == 1
    with pytest.raises(QuantityError, match="more digits than any amount needs"):
        nanos("0." + "1" * 1_000_000)


def test_an_exponent_is_cut_to_32_bits_as_go_does() -> None:
    assert nanos(f"1e{2**32 + 3}") == 1000 * NANO
    with pytest.raises(QuantityError, match="exponent past all bounds"):
        nanos(f"1e{2**63}")


def test_what_is_remembered_is_bounded() -> None:
    for number in range(6000):
        nanos(f"{number}Mi")
    remembered = quantity._remembered.cache_info()
    assert remembered.currsize == remembered.maxsize == 4096
    nanos("0" * 33)
    assert quantity._remembered.cache_info() == remembered


def test_no_difference_from_go_but_the_documented_ones() -> None:
    rng = Random(random.getrandbits(64))  # noqa: S311 - test data, no secret
    texts = [_any_text(rng) for _ in range(10_000)]
    asked = ({"spec": {"containers": [{"resources": {"requests": {"memory": text}}}]}} for text in texts)
    for text, go in zip(texts, kubernetes_says(asked), strict=True):
        try:
            ours = nanos(text)
        except QuantityError as error:
            expected_of_us = "is negative" in str(error) or "has no digits" in str(error)
            assert go.error or expected_of_us, text
        else:
            assert not go.error, text
            assert whole(ours) == go.requests.memory or ours == LARGEST * NANO, text


def _any_text(rng: Random) -> str:
    def digits(*lengths: int) -> str:
        return "".join(rng.choice("0123456789") for _ in range(rng.choice(lengths)))

    suffixes = (
        *"numkMGTPE",
        *"numkMGTPE",
        "Ki",
        "Mi",
        "Gi",
        "Ti",
        "Pi",
        "Ei",
        "e3",
        "E3",
        "e-3",
        "e+12",
        "E-15",
        "e40",
    )
    wrong = ("i", "K", "mi", "kk", "e", "Q", "e3.5", "1e", "ee", "Ein", "e-", "m3")
    fraction = rng.choice(("", "", f".{digits(0, 1, 3, 9, 10, 12, 20)}"))
    suffix: str = rng.choice(rng.choice((("",), suffixes, suffixes, wrong)))
    return rng.choice(("", "", "", "+", "-", "0", "--")) + digits(0, 1, 2, 3, 5, 9, 18, 19, 25) + fraction + suffix


@pytest.mark.parametrize(
    ("amount", "up", "down"),
    [
        (0, "0", "0"),
        (512, "512 bytes", "512 bytes"),
        (128 << 20, "128Mi", "128Mi"),
        (1000 << 20, "1000Mi", "1000Mi"),
        (1536 << 20, "1.5Gi", "1.5Gi"),
        (6 << 30, "6Gi", "6Gi"),
        ((18 << 30) + (256 << 20), "18.25Gi", "18.25Gi"),
        (19132 << 20, "19132Mi", "19132Mi"),
        ((300 << 30) + (1 << 20), "307201Mi", "307201Mi"),
        (24 * 60 * (1 << 30) // 100, "14.4Gi", "14.4Gi"),
        (19 << 27, "2.375Gi", "2.375Gi"),
        ((6 << 30) - 1, "6Gi", "5.99Gi"),
        ((6 << 30) + 1, "6.01Gi", "6Gi"),
        (8147484 << 10, "7.78Gi", "7.77Gi"),
        ((1 << 30) - 1, "1Gi", "1023.99Mi"),
        (100_000, "100000 bytes", "100000 bytes"),
        (10_000_000, "9.54Mi", "9.53Mi"),
        (1025, "1025 bytes", "1025 bytes"),
        (1023, "1023 bytes", "1023 bytes"),
        (1, "1 byte", "1 byte"),
        (-(6 << 30) - 1, "-6Gi", "-6.01Gi"),
        (2**70 + 1, "1024.01Ei", "1024Ei"),
    ],
)
def test_bytes_are_written_exactly_or_rounded_to_the_safe_side(amount: int, up: str, down: str) -> None:
    assert (bytes_text(amount), bytes_text(amount, down=True)) == (up, down)


@given(st.integers(min_value=0, max_value=2**59))
def test_what_is_written_for_people_encloses_the_amount_within_a_hundredth(amount: int) -> None:
    low, high = (nanos(bytes_text(amount, down=down).partition(" byte")[0]) for down in (True, False))
    assert low < (amount + 1) * NANO, "a figure stands for what is less than a byte away as well (scale.py)"
    assert high > (amount - 1) * NANO
    assert high - low <= amount * NANO // 98


@given(st.integers(min_value=1, max_value=2**63), st.booleans())
def test_bytes_are_written_exactly_in_few_digits_or_in_the_largest_unit(amount: int, down: bool) -> None:
    text = bytes_text(amount, down=down).partition(" byte")[0]
    number, decimals = float(text.rstrip("KMGTPEi")), len(text.partition(".")[2].rstrip("KMGTPEi"))
    assert 1 <= number < 10**6
    assert decimals <= 3
    is_exact = abs(nanos(text) - amount * NANO) < NANO
    assert is_exact or (number < 1024 and decimals <= 2)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1, "1m"),
        (250, "250m"),
        (1000, "1"),
        (1500, "1.5"),
        (20_010, "20.01"),
        (-250, "-250m"),
        (-1500, "-1.5"),
        (2**63, "9223372036854775.808"),
    ],
)
def test_millicores_are_written_exactly(amount: int, text: str) -> None:
    assert millis_text(amount) == text

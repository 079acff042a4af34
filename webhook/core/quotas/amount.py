"""Amounts of one resource as Go's `resource.Quantity` keeps them: a value, and the notation to write it in.

A quota's message contains sums, and Go writes a sum in the notation of its first part that is not zero (`Quantity.Add`
in k8s.io/apimachinery/pkg/api/resource/quantity.go).
"""

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from webhook.core.values.quantity import NANO, RawQuantity, nanos


class Notation(Enum):
    """The kind of suffix that a quantity is written with: `12M`, `12Mi` or `12e6`."""

    DECIMAL = "DecimalSI"
    BINARY = "BinarySI"
    EXPONENT = "DecimalExponent"


_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")  # each is 1000 times the one before
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")  # each is 1024 times the one before


class Amount(NamedTuple):
    """An amount in nanos. Combine values only by the methods below: a raw `+` would join two tuples."""

    nanos: int = 0
    notation: Notation = Notation.DECIMAL

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum."""
        return Amount(self.nanos + other.nanos, self.notation if self.nanos else other.notation)

    def beyond(self, other: "Amount") -> "Amount":
        """Return what exceeds another amount, at least zero."""
        return Amount(self.nanos - other.nanos, self.notation) if self.nanos > other.nanos else ZERO

    def or_more(self, other: "Amount") -> "Amount":
        """Return the larger of both."""
        return other if other.nanos > self.nanos else self

    def __str__(self) -> str:
        """Write it as Go does (`Quantity.CanonicalizeBytes`): with the largest suffix that needs no fraction."""
        units, part = divmod(self.nanos, NANO)
        if self.notation is Notation.BINARY and units >= 1024 and not part:
            mantissa, step = _without(units, 1024, len(_BINARY) - 1)
            return f"{mantissa}{_BINARY[step]}"
        mantissa, step = _without(self.nanos, 1000, len(_DECIMAL) - 1)
        if self.notation is Notation.EXPONENT and self.nanos:
            return f"{mantissa}e{exponent}" if (exponent := 3 * step - 9) else str(mantissa)
        return f"{mantissa}{_DECIMAL[step]}" if self.nanos else "0"


ZERO = Amount()
ONE = Amount(NANO)


def _without(number: int, factor: int, most: int) -> tuple[int, int]:
    """Divide by a factor as often as there is no remainder, at most `most` times; return the quotient and how often."""
    times = 0
    while number and times < most and not number % factor:
        number //= factor
        times += 1
    return number, times


def amount(raw: RawQuantity) -> Amount:
    """Read a quantity as it is in JSON; raises `QuantityError`."""
    text = raw if isinstance(raw, str) else repr(raw)
    return ZERO if raw is None else _remembered(text) if len(text) <= 32 else _read(text)


def _read(text: str) -> Amount:
    value = nanos(text)
    return Amount(value, _notation(text.strip(), value))


def _notation(text: str, value: int) -> Notation:
    if text.endswith("i"):
        return Notation.BINARY if value >= NANO else Notation.DECIMAL
    exponent = "e" in text or ("E" in text and not text.endswith("E"))
    return Notation.EXPONENT if exponent else Notation.DECIMAL


# Few different strings occur, as in `values.quantity`. The cache is bounded in number and in length, because clients
# choose the strings.
_remembered = lru_cache(maxsize=4096)(_read)

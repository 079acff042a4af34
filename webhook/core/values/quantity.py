"""Kubernetes quantities, exactly: `128Mi`, `0.5Gi`, `1e3`, `250m`, `128974848000m`.

A quantity is kept as a whole number of nanos, the finest step that Kubernetes keeps: sums are exact, and are rounded up
once, at their end. Grammar and corner cases are those of Go's `pkg/api/resource/quantity.go` (k8s.io/apimachinery),
with three exceptions. In each of them this module never counts less than Go does:

- Every notation is capped at 2^63-1, as Kubernetes documents. Go caps only `Ki` to `Ei`; past the cap its `Value()`
  wraps or is 0 (to the scheduler, `1e30` bytes are 0).
- A number without a digit (`Mi`, `.`, `-`) is refused. Go reads it as 0, and the API server rewrites it as 0.
- A negative number is refused, as the API server does in pods: a pod must not be able to lower a sum.
"""

import json
import re
from functools import lru_cache

from webhook.core.values.scale import UNITS, Scale, decimal, scale

RawQuantity = str | int | float | None  # as in JSON: Go accepts numbers too, and reads null as zero

NANO = 10**9
_MILLI = 10**6
_LARGEST = (2**63 - 1) * NANO

_FORM = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<minus>[+-]?)0*(?P<exponent>[0-9]{1,19}))?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


class QuantityError(ValueError):
    """A value is not a quantity, or not one that can be counted; the message says what would be right."""

    def __init__(self, text: str, fault: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        super().__init__(f"{json.dumps(shown)} {fault}; write for example 512Mi or 1.5Gi (memory), 250m or 1.5 (cpu)")


def nanos(raw: RawQuantity) -> int:
    """Return the value in nanos, rounded up to a whole nano; null is zero. Raises `QuantityError`."""
    if raw is None:
        return 0
    text = raw if isinstance(raw, str) else repr(raw)
    return _remembered(text) if len(text) <= 32 else _parse(text)


def whole(amount: int) -> int:
    """Round nanos up to whole units (bytes)."""
    return -(-amount // NANO)


def millis(amount: int) -> int:
    """Round nanos up to thousandths (millicores)."""
    return -(-amount // _MILLI)


def _parse(text: str) -> int:
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise QuantityError(text, "is not a quantity")
    fraction = form["fraction"] or ""
    digits = form["whole"] + fraction
    if not digits:
        raise QuantityError(text, "has no digits")
    digits = digits.lstrip("0")
    if not digits:
        return 0
    if form["sign"] == "-":
        raise QuantityError(text, "is negative")
    suffix = form["suffix"]
    exponent = 9 + _DECIMAL.get(suffix, 0) + _written_exponent(text, form) - len(fraction)
    return _scaled(text, digits, exponent, _BINARY.get(suffix, 0))


def _written_exponent(text: str, form: re.Match[str]) -> int:
    """Return the number after `e` as Go reads it: into 64 bits, of which it keeps the lower 32."""
    value = int((form["minus"] or "") + (form["exponent"] or "0"))
    if not -(2**63) <= value < 2**63:
        raise QuantityError(text, "has an exponent past all bounds")
    return (value + 2**31) % 2**32 - 2**31


def _scaled(text: str, digits: str, exponent: int, shift: int) -> int:
    """Return digits * 10^exponent * 2^shift, rounded up and capped, without a very large number on the way."""
    magnitude = len(digits) + exponent
    if magnitude > 28:  # at least 10^28, and the cap is 9.2 * 10^27
        return _LARGEST
    if magnitude < -20:  # even 2^60 times that is below 1
        return 1
    if len(digits) > 1000:  # only a fraction can be that long, and the API server would have rounded it
        raise QuantityError(text, "has more digits than any amount needs")
    mantissa = int(digits) << shift
    value: int = mantissa * 10**exponent if exponent >= 0 else -(-mantissa // 10**-exponent)
    return min(value, _LARGEST)


# Few different strings occur. Clients choose them, so the cache is bounded: in number here, in length by `nanos`.
_remembered = lru_cache(maxsize=4096)(_parse)


@lru_cache(maxsize=1024)  # successive messages contain the same bound, and often the same commitment
def bytes_text(amount: int, *, down: bool = False) -> str:
    """Return bytes as text for people: `128Mi`, `14.4Gi`, `307201Mi`, `3 bytes`.

    This is for a single figure; several figures of one sentence share a scale (scale.py). A figure that cannot be shown
    exactly is rounded to hundredths: up if it is asked for, committed or missing; `down` if it is a bound or free. So
    rounding never hides an overrun.
    """
    unit = scale(amount)
    steps = unit.down(amount) if down else unit.up(amount)
    if abs(steps) == 1024 * 10**unit.decimals and 0 < unit.unit < len(UNITS) - 1:  # rounded to one of the next unit
        return Scale(unit.unit + 1, 0).text(1 if steps > 0 else -1)
    return unit.text(steps)


def millis_text(amount: int) -> str:
    """Return millicores as text for people, always exact: `250m`, `1.5`, `2`."""
    return f"{amount}m" if 0 < abs(amount) < 1000 else decimal(amount, 3)

"""Quantities: exact, rounded up, within bounds; and text for people says the same amount or more."""

import math
import re
from collections.abc import Iterable
from fractions import Fraction

import msgspec

from webhook.core.api.types import ObjectError, ResourceList, reader
from webhook.core.values.quantity import NANO, QuantityError, bytes_text, millis, millis_text, nanos, whole

WORDS = (b"Ki", b"Mi", b"Ei", b"n", b"u", b"m", b"k", b"E", b"e", b"e-", b"1e999999999", b"9223372036854775807", b".")
_LARGEST = (2**63 - 1) * NANO
_TENS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_TWOS = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_PLAIN = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?([numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,2})")
_read = reader(ResourceList)


def seeds() -> Iterable[bytes]:
    """Yield each notation, and what is none."""
    for text in ("128Mi", "0.5Gi", "1e3", "250m", "128974848000m", "+1.5E-2", "9223372036854775807", "1.0000000001n"):
        yield text.encode()
    yield from (b"", b".", b"-1", b"0", b"Mi", b"1e-99999999999999999999", b" 1 ", b'"1Gi"', b"1.5", b"null", b"1e400")


def check(data: bytes) -> None:
    """Read the input as text and as JSON."""
    text = data.decode(errors="surrogateescape")
    try:
        amount = nanos(text)
    except QuantityError as error:
        assert str(error).isascii()
        assert len(str(error)) < 500
        assert _exactly(text) is None, "a plain quantity is refused"
    else:
        _check_amount(text, amount)
    _check_json(data)


def _check_amount(text: str, amount: int) -> None:
    assert 0 <= amount <= _LARGEST
    assert nanos(text + " ") == amount
    exact = _exactly(text)
    if exact is not None:
        assert amount == min(math.ceil(exact * NANO), _LARGEST)
    cores = millis(amount)
    assert nanos(millis_text(cores)) == min(cores * NANO // 1000, _LARGEST)
    size = whole(amount)
    for shown, down in ((bytes_text(size), False), (bytes_text(size, down=True), True)):
        number = shown.removesuffix(" bytes").removesuffix(" byte")
        said = Fraction(nanos(number), NANO)
        assert said < size + 1 if down else said > size - 1, "scale.py: less than a byte past a step is on that step"


def _exactly(text: str) -> Fraction | None:
    """Work out the value of a plain notation in another way; None if it is none."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    before, after, unit = found[1], found[2] or "", found[3]
    value = Fraction(int(before + after), 10 ** len(after))
    if unit in _TWOS:
        return value * Fraction(2 ** _TWOS[unit])
    tens = _TENS[unit] if unit in _TENS else int(unit[1:])
    return value * Fraction(10 ** max(tens, 0), 10 ** max(-tens, 0))


def _check_json(data: bytes) -> None:
    try:
        read = _read(b'{"memory":' + data + b"}")
    except ObjectError:
        return
    if read.memory is not msgspec.UNSET:
        try:
            assert 0 <= nanos(read.memory) <= _LARGEST
        except QuantityError:
            return

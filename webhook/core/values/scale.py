"""Scales: one unit for all the figures of a sentence, and as many decimals as they need.

What a figure stands for is exact in a byte. A scale writes it in steps, such as hundredths of a Gi. Figures are whole
numbers of steps, so what is added or subtracted in steps adds up in what is shown, to the last digit. A figure that
falls on a step is shown exactly; another one is rounded to the side that its meaning wants.

A step itself need not be a whole number of bytes: 14.4Gi is 15461882265.6 bytes. A bound of 60 % of 24Gi is that number
rounded down, and a request of 14.4Gi is that number rounded up. Both are meant by 14.4Gi, so a figure falls on a step
from which it is less than one byte away.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

UNITS: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_LARGEST = len(UNITS) - 1
_TENS = (1, 10, 100, 1000)
_ROUNDED = 2  # decimals of a figure that is rounded
_READABLE = (10**6, 10**5, *[10**6] * 5)  # of a unit: from there on a larger one is easier to read than exact figures


class Scale(NamedTuple):
    """A unit of bytes, as an index into `UNITS`, and so many decimals; its step is the last of them."""

    unit: int
    decimals: int

    def up(self, amount: int) -> int:
        """Return the least number of steps that is no less than the amount, but for less than a byte."""
        return -self.down(-amount)

    def down(self, amount: int) -> int:
        """Return the largest number of steps that is no more than the amount, but for less than a byte."""
        return -(-(amount + 1) * _TENS[self.decimals] >> 10 * self.unit) - 1

    def holds(self, amount: int) -> bool:
        """Say whether the amount falls on a step."""
        return self.up(amount) <= self.down(amount)

    def text(self, steps: int) -> str:
        """Write so many steps, without needless zeros: `14.4Gi`, `3 bytes`, `0`."""
        if not steps:
            return "0"
        number = decimal(steps, self.decimals)
        if self.unit:
            return number + UNITS[self.unit]
        return f"{number} byte" if steps == 1 else f"{number} bytes"


def scales(exact: Iterable[int], others: Iterable[int] = ()) -> Iterator[Scale]:
    """Yield scales for amounts of bytes that stand in one sentence, the best first, then finer ones down to the byte.

    The best is the largest unit in which all of them can be shown exactly; or else those that people have chosen
    (`exact`), while the others are rounded; or else one in which the smallest of them is not rounded much.
    """
    chosen = [abs(each) for each in exact if each] or [0]
    every = [*chosen, *(abs(each) for each in others if each)]
    first = _shared(every, every) or _shared(chosen, every, _ROUNDED) or _shared(chosen, every)
    first = first or _rounding(chosen, every)
    yield first
    yield from (finer for finer in map(_finest, range(first.unit, -1, -1)) if finer != first)


def scale(amount: int) -> Scale:
    """Return the scale for one amount by itself: exact if that is readable, else in hundredths of its largest unit."""
    found = _shared([abs(amount)], [abs(amount)])
    return found or Scale(_top(abs(amount)), _ROUNDED)


def decimal(amount: int, places: int) -> str:
    """Write a whole number of the last of so many decimal places, without needless zeros."""
    whole_units, rest = divmod(abs(amount), 10**places)
    decimals = f".{rest:0{places}d}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole_units}{decimals}"


def _finest(unit: int) -> Scale:
    """Return a unit with the decimals that show 128Mi as 0.125Gi, and steps of more than two bytes."""
    return Scale(unit, (0, 2, 3)[min(unit, 2)])


def _shared(exact: list[int], every: list[int], decimals: int = 3) -> Scale | None:
    """Return the largest unit in which these are exact, while all stay readable."""
    for unit in range(_top(max(every)), -1, -1):
        if max(every) >> 10 * unit >= _READABLE[unit]:
            return None
        found = min(_finest(unit), Scale(unit, decimals))
        if all(map(found.holds, exact)):
            return found
    return None


def _rounding(exact: list[int], every: list[int]) -> Scale:
    """Return the unit of the smallest of these, as far as all stay readable in it."""
    unit, largest = _top(min(exact)), max(every)
    while unit < _LARGEST and largest >> 10 * unit >= _READABLE[unit]:
        unit += 1
    return Scale(unit, _ROUNDED if unit else 0)


def _top(amount: int) -> int:
    """Return the largest unit of which there is at least one."""
    return min(max(0, amount.bit_length() - 1) // 10, _LARGEST)

"""Scales: one unit for all the figures of a sentence, and as many decimals as they need.

A figure is an exact number of bytes. A scale shows it as a whole number of steps, such as hundredths of a Gi, so
figures that are added or subtracted in steps add up in the text, to the last digit. A figure that falls on a step is
shown exactly; any other is rounded up or down, as its meaning requires.

A step itself need not be a whole number of bytes: 14.4Gi is 15461882265.6 bytes. A bound of 60 % of 24Gi is that number
rounded down, and a request of 14.4Gi is that number rounded up. Both mean 14.4Gi, so a figure falls on a step if it is
less than one byte away from it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

UNITS: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_LARGEST = len(UNITS) - 1
_TENS = (1, 10, 100, 1000)
_ROUNDED = 2  # decimals of a rounded figure
_READABLE = (10**6, 10**5, *[10**6] * 5)  # by unit: from this number on, a larger unit reads better than exact figures


class Scale(NamedTuple):
    """A unit of bytes, as an index into `UNITS`, and a number of decimals; a step is one in the last decimal."""

    unit: int
    decimals: int

    def up(self, amount: int) -> int:
        """Return the amount in steps, rounded up; an amount less than a byte past a step counts as on that step."""
        return -self.down(-amount)

    def down(self, amount: int) -> int:
        """Return the amount in steps, rounded down; an amount less than a byte below a step counts as on that step."""
        return -(-(amount + 1) * _TENS[self.decimals] >> 10 * self.unit) - 1

    def holds(self, amount: int) -> bool:
        """Say whether the amount falls on a step, and so is shown exactly."""
        return self.up(amount) <= self.down(amount)

    def text(self, steps: int) -> str:
        """Return a number of steps as text, without trailing zeros: `14.4Gi`, `3 bytes`, `0`."""
        if not steps:
            return "0"
        number = decimal(steps, self.decimals)
        if self.unit:
            return number + UNITS[self.unit]
        return f"{number} byte" if steps == 1 else f"{number} bytes"


def scales(exact: Iterable[int], others: Iterable[int] = ()) -> Iterator[Scale]:
    """Yield scales for amounts of bytes in one sentence, the best first, then finer ones down to the byte.

    The best scale has the largest unit in which all amounts are exact. If there is none, it has the largest unit in
    which the amounts that people have chosen (`exact`) are exact, while `others` are rounded. If there is none either,
    it has a unit in which the smallest chosen amount is not rounded much.
    """
    chosen = [abs(each) for each in exact if each] or [0]
    every = [*chosen, *(abs(each) for each in others if each)]
    first = _shared(every, every) or _shared(chosen, every, _ROUNDED) or _shared(chosen, every)
    first = first or _rounding(chosen, every)
    yield first
    yield from (finer for finer in map(_finest, range(first.unit, -1, -1)) if finer != first)


def scale(amount: int) -> Scale:
    """Return the scale for a single amount: exact if that is readable, else in hundredths of its largest unit."""
    found = _shared([abs(amount)], [abs(amount)])
    return found or Scale(_top(abs(amount)), _ROUNDED)


def decimal(amount: int, places: int) -> str:
    """Return amount / 10^places as text, without trailing zeros; `amount` is a whole number."""
    whole_units, rest = divmod(abs(amount), 10**places)
    decimals = f".{rest:0{places}d}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole_units}{decimals}"


def _finest(unit: int) -> Scale:
    """Return the finest scale of a unit: three decimals show 128Mi as 0.125Gi, two keep a step of Ki above 2 bytes."""
    return Scale(unit, (0, 2, 3)[min(unit, 2)])


def _shared(exact: list[int], every: list[int], decimals: int = 3) -> Scale | None:
    """Return the scale with the largest unit in which `exact` are exact and `every` readable; None if there is none."""
    for unit in range(_top(max(every)), -1, -1):
        if max(every) >> 10 * unit >= _READABLE[unit]:
            return None
        found = min(_finest(unit), Scale(unit, decimals))
        if all(map(found.holds, exact)):
            return found
    return None


def _rounding(exact: list[int], every: list[int]) -> Scale:
    """Return a rounding scale in the unit of the smallest `exact`, or a larger unit in which all are readable."""
    unit, largest = _top(min(exact)), max(every)
    while unit < _LARGEST and largest >> 10 * unit >= _READABLE[unit]:
        unit += 1
    return Scale(unit, _ROUNDED if unit else 0)


def _top(amount: int) -> int:
    """Return the largest unit of which the amount has at least one."""
    return min(max(0, amount.bit_length() - 1) // 10, _LARGEST)

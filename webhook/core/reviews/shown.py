"""Shown figures: the figures of a sentence about short sums, in one unit for each resource, so that they add up.

Of each sum: what is committed plus what is free is the bound, and what is asked is more than what is free. That holds
for the figures as they are, so it must hold for what is shown of them, to the last digit. The bound is rounded down,
what is asked and committed is rounded up, and what is free is the difference: less than it is, never more.
"""

from collections.abc import Sequence
from typing import NamedTuple

from webhook.core.reviews.verdict import Sum
from webhook.core.values.scale import Scale, scales


class Millis:
    """The scale of cpu: exact, in whole CPUs where all figures are, else in millicores."""

    def __init__(self, amounts: Sequence[int]) -> None:
        self._whole = all(amount % 1000 == 0 for amount in amounts)

    def up(self, amount: int) -> int:
        """Return the amount."""
        return amount

    down = up

    def text(self, amount: int) -> str:
        """Write it: `250m`, `2 CPU`."""
        if not amount:
            return "0"
        return f"{amount // 1000} CPU" if self._whole else f"{amount}m"


class Shown(NamedTuple):
    """The figures of one sum, as they are to be written; `reached` is what would be committed, `over` what is too much.

    `coming` and `stuck` are parts of `committed`: for pods being created, and for pods that no node can hold.
    """

    asked: str
    free: str
    committed: str
    bound: str
    reached: str
    over: str
    coming: str = ""
    stuck: str = ""
    kept: str = ""


def shown(sums: Sequence[Sum]) -> list[Shown]:
    """Write the figures of sums that stand in one sentence, in their order."""
    units = {resource: _unit(resource, [s for s in sums if s.resource == resource]) for resource in ("memory", "cpu")}
    return [_written(s, units[s.resource]) for s in sums]


def _unit(resource: str, sums: Sequence[Sum]) -> Scale | Millis:
    chosen = [each for s in sums for each in (s.asked, s.committed + s.granted)]
    others = [each for s in sums for each in (s.bound, s.granted, s.unplaceable, s.kept)]
    if resource == "cpu":
        return Millis([*chosen, *others])
    found = Scale(0, 0)
    for found in scales(chosen, others):
        if all(_agrees(s, found) for s in sums):
            break
    return found


def _agrees(s: Sum, unit: Scale) -> bool:
    """Say whether a sum looks short in a unit if and only if it is."""
    asked, committed, bound = _steps(s, unit)
    return (committed + asked > bound) == (s.short_by > 0) and (s.short_by <= 0 or asked > max(0, bound - committed))


def _steps(s: Sum, unit: Scale | Millis) -> tuple[int, int, int]:
    """Return what is asked, what is committed, and the bound, in steps of a unit."""
    charged = s.committed + s.granted
    committed, bound = unit.up(charged), unit.down(s.bound)
    return unit.up(s.asked), min(committed, bound) if charged <= s.bound else committed, bound


def _written(s: Sum, unit: Scale | Millis) -> Shown:
    asked, committed, bound = _steps(s, unit)
    coming, stuck = (min(committed, unit.up(part)) for part in (s.granted, s.unplaceable))
    return Shown(
        unit.text(asked),
        unit.text(max(0, bound - committed)),
        unit.text(committed),
        unit.text(bound),
        unit.text(committed + asked),
        unit.text(max(0, committed + asked - bound)),
        unit.text(coming) if s.granted else "",
        unit.text(stuck) if s.unplaceable else "",
        unit.text(unit.up(s.kept)) if s.kept else "",
    )

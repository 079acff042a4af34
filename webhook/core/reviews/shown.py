"""Shown figures: the figures of a sentence about sums that are short, in one unit for each resource, so they add up.

For each sum, committed plus free is the bound, and asked is more than free. That holds for the exact figures, so it
must hold for the rounded ones that are shown, to the last digit. The bound is rounded down, asked and committed are
rounded up, and free is shown as the difference: never more than it is.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from webhook.core.reviews.verdict import Sum
from webhook.core.values.scale import Scale, scales


class Millis:
    """The scale of cpu: exact, in whole CPUs if all figures are whole, otherwise in millicores."""

    def __init__(self, amounts: Sequence[int]) -> None:
        self._whole = all(amount % 1000 == 0 for amount in amounts)

    def up(self, amount: int) -> int:
        """Return the amount."""
        return amount

    down = up

    def text(self, amount: int) -> str:
        """Write an amount of millicores: `250m`, `2 CPU`."""
        if not amount:
            return "0"
        return f"{amount // 1000} CPU" if self._whole else f"{amount}m"


class Shown(NamedTuple):
    """The figures of one sum, as text; `reached` is what would be committed, `over` is how far past the bound that is.

    `coming` and `stuck` are parts of `committed`: for pods being created, and for pods that no node can hold. `kept` is
    what is kept in reserve. These three are empty if they are 0.
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


class _Sum(NamedTuple):
    """What is shown of a sum, in bytes or millicores."""

    of_memory: bool
    asked: int
    charged: int
    bound: int
    coming: int
    stuck: int
    kept: int


def shown(sums: Sequence[Sum]) -> tuple[Shown, ...]:
    """Write the figures of the sums of one sentence, in their order."""
    return _shown(
        tuple(
            _Sum(s.resource == "memory", s.asked, s.committed + s.granted, s.bound, s.granted, s.unplaceable, s.kept)
            for s in sums
        )
    )


@lru_cache(maxsize=1024)  # in a storm of refusals, most are alike
def _shown(sums: tuple[_Sum, ...]) -> tuple[Shown, ...]:
    memory, cpu = [s for s in sums if s.of_memory], [s for s in sums if not s.of_memory]
    units = {True: _scale(memory) if memory else None, False: Millis([each for s in cpu for each in s[1:]])}
    return tuple(_written(s, units[s.of_memory] or Scale(0, 0)) for s in sums)


def _scale(sums: Sequence[_Sum]) -> Scale:
    """Return the first scale in which each sum looks short if and only if it is short."""
    chosen = [each for s in sums for each in (s.asked, s.charged)]
    others = [each for s in sums for each in (s.bound, s.coming, s.stuck, s.kept)]
    return next((unit for unit in scales(chosen, others) if all(_agrees(s, unit) for s in sums)), Scale(0, 0))


def _agrees(s: _Sum, unit: Scale) -> bool:
    asked, committed, bound = _steps(s, unit)
    is_short = s.charged + s.asked > s.bound
    return (committed + asked > bound) == is_short and (not is_short or asked > max(0, bound - committed))


def _steps(s: _Sum, unit: Scale | Millis) -> tuple[int, int, int]:
    """Return asked, committed and bound in steps of a unit."""
    committed, bound = unit.up(s.charged), unit.down(s.bound)
    return unit.up(s.asked), min(committed, bound) if s.charged <= s.bound else committed, bound


def _written(s: _Sum, unit: Scale | Millis) -> Shown:
    asked, committed, bound = _steps(s, unit)
    coming, stuck = (min(committed, unit.up(part)) for part in (s.coming, s.stuck))
    return Shown(
        unit.text(asked),
        unit.text(max(0, bound - committed)),
        unit.text(committed),
        unit.text(bound),
        unit.text(committed + asked),
        unit.text(max(0, committed + asked - bound)),
        unit.text(coming) if s.coming else "",
        unit.text(stuck) if s.stuck else "",
        unit.text(unit.up(s.kept)) if s.kept else "",
    )

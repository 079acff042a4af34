"""Figures: what each round measured, and what follows from all rounds together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from statistics import fmean
from typing import NamedTuple, TypeVar

from benchmarks.covariance import Point, common_slope
from benchmarks.pace import OTHERS, PACE
from benchmarks.spreads import Ratio, Spread, short

T = TypeVar("T")
# The share of all processors that other programs may take. Without any, interrupts and the kernel take up to 0.1.
DISTURBED = 0.15
FEWEST_ROUNDS = 3  # with fewer rounds, none is left out, and figures are not adjusted to the pace
ADJUSTED = (
    "a ratio is adjusted to the case's mean pace, by one straight line of log(figure) over log(pace) for all its "
    "rivals; the pace is the steps of a loop per µs of processor time beside a turn"
)


class Sample(NamedTuple):
    """One rival in one round of one case, such as `16 clients, 0 pods`."""

    case: str
    rival: str
    round: int
    figures: dict[str, float]


class Claim(NamedTuple):
    """A figure that must be at most a limit (with `least`: at least); of a ratio, the adjusted value counts."""

    text: str
    value: Spread | Ratio
    limit: float
    least: bool = False

    @property
    def judged(self) -> Spread:
        """The value that is compared with the limit."""
        return self.value.adjusted if isinstance(self.value, Ratio) else self.value

    @property
    def holds(self) -> bool:
        """Whether the median is on the right side."""
        return self.judged.median >= self.limit if self.least else self.judged.median <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.least else "<="
        word = "holds" if self.holds else "DOES NOT HOLD"
        return f"{word:13}  {self.text}: {self.value}, to be {sign} {short(self.limit)}"


@dataclass(slots=True)
class Chapter:
    """The samples of one part of a run, and the figures that follow from them.

    `notes` are facts that are not figures of a round. `slopes` are those by which ratios were adjusted, by case and
    figure.
    """

    title: str
    columns: Sequence[str]
    samples: list[Sample] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    slopes: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, case: str, rival: str, number: int, figures: dict[str, float]) -> None:
        """Add the figures of one rival in one round."""
        self.samples.append(Sample(case, rival, number, figures))

    def cases(self) -> list[str]:
        """Return the cases in the order in which they were first measured."""
        return list(dict.fromkeys(sample.case for sample in self.samples))

    def rivals(self, case: str) -> list[str]:
        """Return the rivals of a case, in the order of the first round."""
        return list(dict.fromkeys(sample.rival for sample in self.samples if sample.case == case))

    def values(self, case: str, rival: str, figure: str) -> dict[int, float]:
        """Return one figure by round."""
        chosen = self._samples(case, rival)
        return {sample.round: sample.figures[figure] for sample in chosen if figure in sample.figures}

    def spread(self, case: str, rival: str, figure: str) -> Spread | None:
        """Return the spread of one figure over all rounds; None if it was never measured."""
        values = self.values(case, rival, figure)
        return Spread.of(list(values.values())) if values else None

    def total(self, figure: str, without: str = "") -> float:
        """Return the sum of one figure over all cases, rounds and rivals, except for the rival `without`."""
        return sum(sample.figures[figure] for sample in self.samples if sample.rival != without)

    def rounds(self, case: str, *rivals: str) -> set[int]:
        """Return the rounds in which all of these rivals took part."""
        return set.intersection(*({sample.round for sample in self._samples(case, rival)} for rival in rivals))

    def calm(self, case: str, *rivals: str) -> set[int]:
        """Return those of the `rounds` in which other programs disturbed none of these rivals."""
        shares = [self.values(case, rival, OTHERS) for rival in rivals]
        every = self.rounds(case, *rivals)
        return {number for number in every if all(took.get(number, 0.0) <= DISTURBED for took in shares)}

    def counted(self, case: str, *rivals: str) -> set[int]:
        """Return the calm rounds, or all rounds if too few are calm."""
        calm = self.calm(case, *rivals)
        return calm if len(calm) >= FEWEST_ROUNDS else self.rounds(case, *rivals)

    def slope(self, case: str, figure: str) -> float:
        """Return the power of the pace that a figure follows within each rival's rounds; 0 without enough data."""
        points, rounds = [], set()
        for rival in self.rivals(case):
            paces, values = self._paces(case, rival), self.values(case, rival, figure)
            for number in self.counted(case, rival) & paces.keys() & values.keys():
                if values[number] > 0:
                    points.append(Point(rival, log(paces[number]), log(values[number])))
                    rounds.add(number)
        return common_slope(points) if len(rounds) >= FEWEST_ROUNDS else 0.0

    def adjusted(self, case: str, rival: str, figure: str) -> dict[int, float]:
        """Return one figure by round, as it would have been at the mean pace of the case."""
        slope, paces = self.slope(case, figure), self._paces(case, rival)
        values = self.values(case, rival, figure)
        if not slope or not paces:
            return values
        mean = fmean(pace for each in self.rivals(case) for pace in self._paces(case, each).values())
        return {number: value / (paces.get(number, mean) / mean) ** slope for number, value in values.items()}

    def ratio(self, case: str, rival: str, over: str, figure: str) -> Ratio:
        """Return the ratio of two rivals' figures, round by round, so that a slow machine affects both alike."""
        self.slopes.setdefault(figure, {})[case] = self.slope(case, figure)
        counted = self.counted(case, rival, over)
        adjusted = quotients(self.adjusted(case, rival, figure), self.adjusted(case, over, figure))
        seen = quotients(self.values(case, rival, figure), self.values(case, over, figure))
        return Ratio(
            Spread.of([value for number, value in adjusted.items() if number in counted]),
            Spread.of(list(seen.values())),
            f" of {len(counted)} undisturbed rounds"
            if counted == self.calm(case, rival, over)
            else " of disturbed rounds",
        )

    def explained(self) -> list[str]:
        """Say how the ratios returned so far were adjusted, and which rounds they leave out."""
        told = []
        if any(slope for cases in self.slopes.values() for slope in cases.values()):
            told.append(ADJUSTED)
            for figure, cases in self.slopes.items():
                told.append(
                    f"slope of {figure}: " + "; ".join(f"{slope:.2f} ({case})" for case, slope in cases.items())
                )
        disturbed = sum(sample.figures.get(OTHERS, 0.0) > DISTURBED for sample in self.samples)
        if self.slopes and disturbed:
            told.append(
                f"in {disturbed} of {len(self.samples)} turns other programs took more than {DISTURBED:.0%} of the "
                f"processors: adjusted ratios leave out their rounds, unless fewer than {FEWEST_ROUNDS} are left"
            )
        return told

    def _samples(self, case: str, rival: str) -> list[Sample]:
        return [sample for sample in self.samples if (sample.case, sample.rival) == (case, rival)]

    def _paces(self, case: str, rival: str) -> dict[int, float]:
        return {number: pace for number, pace in self.values(case, rival, PACE).items() if pace > 0}


def quotients(mine: dict[int, float], theirs: dict[int, float]) -> dict[int, float]:
    """Return the quotients of the figures that are of the same round."""
    return {number: mine[number] / theirs[number] for number in mine if number in theirs}


def in_turn(items: Sequence[T], number: int) -> list[T]:
    """Return the items in the order of a round: in 2n rounds of n items, each follows each other one equally often.

    E. J. Williams, "Experimental designs balanced for the estimation of residual effects of treatments" (1949).
    """
    count = len(items)
    zigzag = ((place + 1) // 2 if place % 2 else -(place // 2) for place in range(count))
    order = [items[(step + number) % count] for step in zigzag]
    return order[::-1] if number // count % 2 else order

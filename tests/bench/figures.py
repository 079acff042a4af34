"""Figures: what was measured in which round, and what follows from all rounds together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Spread(NamedTuple):
    """A median, and between what the middle half of the rounds lies."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """From one value per round."""
        if len(values) < 2:
            return cls(*(values[0],) * 3)
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}-{short(self.high)})"


class Sample(NamedTuple):
    """One rival in one round of one case, such as `16 clients, 0 pods`."""

    case: str
    rival: str
    round: int
    figures: dict[str, float]


class Claim(NamedTuple):
    """A figure that must be at most (or, `least`, at least) a limit."""

    text: str
    value: Spread
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the median is on the right side."""
        return self.value.median >= self.limit if self.least else self.value.median <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.least else "<="
        word = "holds" if self.holds else "DOES NOT HOLD"
        return f"{word:13}  {self.text}: {self.value}, to be {sign} {short(self.limit)}"


@dataclass(slots=True)
class Chapter:
    """The samples of one part of a run, and what they come to. `notes` are facts that are no figure of a round."""

    title: str
    columns: Sequence[str]
    samples: list[Sample] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, case: str, rival: str, number: int, figures: dict[str, float]) -> None:
        """Take in what one round gave."""
        self.samples.append(Sample(case, rival, number, figures))

    def cases(self) -> list[str]:
        """In the order in which they were first measured."""
        return list(dict.fromkeys(sample.case for sample in self.samples))

    def rivals(self, case: str) -> list[str]:
        """Those measured in a case, in the order of the first round."""
        return list(dict.fromkeys(sample.rival for sample in self.samples if sample.case == case))

    def values(self, case: str, rival: str, figure: str) -> dict[int, float]:
        """One figure by round."""
        chosen = (sample for sample in self.samples if (sample.case, sample.rival) == (case, rival))
        return {sample.round: sample.figures[figure] for sample in chosen if figure in sample.figures}

    def spread(self, case: str, rival: str, figure: str) -> Spread | None:
        """One figure over all rounds; None if it was never measured."""
        values = self.values(case, rival, figure)
        return Spread.of(list(values.values())) if values else None

    def total(self, figure: str, without: str = "") -> float:
        """One figure of all rivals but one in all cases and rounds."""
        return sum(sample.figures[figure] for sample in self.samples if sample.rival != without)

    def ratios(self, case: str, rival: str, over: str, figure: str) -> dict[int, float]:
        """One rival's figure over another's of the same round: what slows the machine slows both."""
        mine, theirs = self.values(case, rival, figure), self.values(case, over, figure)
        return {number: mine[number] / theirs[number] for number in mine.keys() & theirs.keys()}

    def ratio(self, case: str, rival: str, over: str, figure: str) -> Spread:
        """The same over all rounds."""
        return Spread.of(list(self.ratios(case, rival, over, figure).values()))


def in_turn(items: Sequence[T], number: int) -> list[T]:
    """Put them into the order of a round: in 2n rounds of n items each follows each other one equally often.

    E. J. Williams, "Experimental designs balanced for the estimation of residual effects of treatments" (1949).
    """
    count = len(items)
    zigzag = ((place + 1) // 2 if place % 2 else -(place // 2) for place in range(count))
    order = [items[(step + number) % count] for step in zigzag]
    return order[::-1] if number // count % 2 else order


def smallest(values: Iterable[Spread]) -> Spread:
    """The one with the lowest median."""
    return min(values, key=lambda spread: spread.median)


def difference(a: Spread, b: Spread) -> Spread:
    """By how much the larger of two ratios passes the smaller, as a share of that; the spread is that of both."""
    share: Callable[[float, float], float] = lambda x, y: max(x, y) / min(x, y) - 1  # noqa: E731 - used thrice, here only
    edges = (share(a.low, b.high), share(a.high, b.low))
    return Spread(share(a.median, b.median), min(*edges, share(a.median, b.median)), max(edges))


def short(value: float) -> str:
    """Three digits, or all of a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

"""Evidence: what pods held at each revision, and what can be said of that."""

from typing import NamedTuple, Self


class Moment(NamedTuple):
    """What was held from one revision on, and when the witness learned of it (seconds of a monotonic clock)."""

    revision: int
    held: int
    at: float


class Evidence(NamedTuple):
    """What was seen up to one moment; `caught_up` counts the revisions that no watch could tell any more."""

    moments: tuple[Moment, ...]
    ended: float
    caught_up: int

    @property
    def maximum(self) -> Moment:
        """The first moment at which the most was held."""
        return max(self.moments, key=lambda moment: (moment.held, -moment.revision))

    @property
    def median(self) -> int:
        """At least so much was held for half of the time."""
        ends = [*(moment.at for moment in self.moments[1:]), self.ended]
        spans = [(moment.held, end - moment.at) for moment, end in zip(self.moments, ends, strict=True)]
        half = sum(seconds for _, seconds in spans) / 2
        for held, seconds in sorted(spans, reverse=True):
            half -= seconds
            if half <= 0:
                return held
        return 0

    def until(self, ended: float) -> Self:
        """The same up to an earlier moment."""
        return self._replace(moments=tuple(moment for moment in self.moments if moment.at <= ended), ended=ended)

    def over(self, bound: int) -> list[Moment]:
        """Every moment at which more than the bound was held."""
        return [moment for moment in self.moments if moment.held > bound]

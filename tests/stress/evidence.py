"""Evidence of the witness: how much pods held at each revision, and figures about that."""

from typing import NamedTuple, Self


class Moment(NamedTuple):
    """The bytes held from one revision on, and when the witness saw it (seconds of a monotonic clock)."""

    revision: int
    held: int
    at: float


class Evidence(NamedTuple):
    """What the witness saw up to `ended`; `caught_up` counts the revisions that it had to list, for lack of a watch."""

    moments: tuple[Moment, ...]
    ended: float
    caught_up: int

    @property
    def maximum(self) -> Moment:
        """The first moment at which pods held the most."""
        return max(self.moments, key=lambda moment: (moment.held, -moment.revision))

    @property
    def median(self) -> int:
        """The bytes that pods held, or exceeded, for half of the time."""
        ends = [*(moment.at for moment in self.moments[1:]), self.ended]
        spans = [(moment.held, end - moment.at) for moment, end in zip(self.moments, ends, strict=True)]
        half = sum(seconds for _, seconds in spans) / 2
        for held, seconds in sorted(spans, reverse=True):
            half -= seconds
            if half <= 0:
                return held
        return 0

    def until(self, ended: float) -> Self:
        """Return the evidence up to an earlier moment."""
        return self._replace(moments=tuple(moment for moment in self.moments if moment.at <= ended), ended=ended)

    def over(self, bound: int) -> list[Moment]:
        """Return every moment at which pods held more than `bound`."""
        return [moment for moment in self.moments if moment.held > bound]

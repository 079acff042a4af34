"""The answers of a whole soak: ordinary ones are counted, and calls that failed are kept, to find out why."""

from collections import Counter

from tests.stress.clients import Tally, Told
from tests.stress.soak.outages import ANSWERED


class Books(Tally):
    """A tally that does not grow with ordinary answers; iterating it yields the calls that failed."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.answered = float("-inf")
        """When the last answer came, by the monotonic clock."""

    def add(self, told: Told) -> None:
        """Count an answer, or keep a failure."""
        with self._lock:
            self.counts[told.outcome] += 1
            if told.outcome in ANSWERED:
                self.answered = max(self.answered, told.at)
            else:
                self._told.append(told)

    def __str__(self) -> str:
        with self._lock:
            return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.counts.items()))

"""Remembered: what was found out for a way of confining pods, bounded by what it takes to keep.

Whoever creates pods chooses how they are confined, so a bound on their number alone would be none on their size.
"""

from typing import Generic, TypeVar

from webhook.core.pods.confinement import Ways, weight

T = TypeVar("T")

MOST = 4 << 20  # bytes


class Remembered(Generic[T]):
    """Answers by confinement; all are forgotten when they become too large together."""

    def __init__(self) -> None:
        self._found: dict[Ways, T] = {}
        self._taken = 0

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, confined_to: Ways) -> T:
        return self._found[confined_to]

    def keep(self, confined_to: Ways, answer: T) -> T:
        """Keep an answer, and return it."""
        if self._taken >= MOST:
            self.clear()
        self._taken += _EACH + weight(confined_to)
        self._found[confined_to] = answer
        return answer

    def clear(self) -> None:
        """Forget all answers."""
        self._found.clear()
        self._taken = 0


_EACH = 800  # bytes for an answer, which may be a set of all nodes

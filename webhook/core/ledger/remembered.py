"""Remembered: a cache of answers by confinement, bounded by the memory that it takes.

Clients that create pods choose the confinements, so a bound on their number alone would not bound their size.
"""

from typing import Generic, TypeVar

from webhook.core.pods.confinement import Ways, weight

T = TypeVar("T")

MOST = 4 << 20  # bytes


class Remembered(Generic[T]):
    """A cache of answers by confinement. When the answers take too much memory together, all are forgotten."""

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

"""The monster's state: what it holds, until when, and the cap that it never passes.

    eat (until T) ──▶ held ──▶ digest (now ≥ T), or release ──▶ given back

It knows neither the clock nor the operating system: time is an argument, memory comes from the function it is given.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol


class Block(Protocol):
    """A piece of memory that can be given back."""

    def close(self) -> None: ...


class Portion(NamedTuple):
    """One eaten step and the moment (seconds) from which it is given back."""

    block: Block
    until: float


class Holding(NamedTuple):
    """What the monster holds, in bytes, and the moment (seconds) at which the next of it is due."""

    held_bytes: int
    next_due: float | None


class Monster:
    """Eats whole steps up to a cap; safe to use from several threads."""

    def __init__(self, step_bytes: int, cap_bytes: int, take: Callable[[int], Block]) -> None:
        """Hold at most `cap_bytes`, in steps of `step_bytes`, each obtained from `take(size)`."""
        self.step_bytes = step_bytes
        self.most_steps = cap_bytes // step_bytes
        self._take = take
        self._portions: list[Portion] = []
        self._lock = threading.Lock()

    def eat(self, steps: int, until: float) -> int:
        """Eat as many of `steps` as fit below the cap, to be held until `until`; return the bytes eaten."""
        with self._lock:
            bites = min(steps, self.most_steps - len(self._portions))
            for _ in range(bites):
                self._portions.append(Portion(self._take(self.step_bytes), until))
            return bites * self.step_bytes

    def digest(self, now: float) -> int:
        """Give back what is due at `now`; return the bytes given back."""
        with self._lock:
            due = [portion for portion in self._portions if portion.until <= now]
            self._portions = [portion for portion in self._portions if portion.until > now]
            return self._give_back(due)

    def release(self) -> int:
        """Give everything back at once; return the bytes given back."""
        with self._lock:
            held, self._portions = self._portions, []
            return self._give_back(held)

    def holding(self) -> Holding:
        """Tell what is held now."""
        with self._lock:
            moments = [portion.until for portion in self._portions]
            return Holding(len(moments) * self.step_bytes, min(moments, default=None))

    def _give_back(self, portions: list[Portion]) -> int:
        for portion in portions:
            portion.block.close()
        return len(portions) * self.step_bytes

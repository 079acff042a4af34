"""One replica put together: its settings, the monster with real memory to eat, and the clock that they go by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from demo.digestion import Digestion
from demo.memory import take
from demo.monster import Monster
from demo.settings import Settings
from demo.status import Status, status


@dataclass(frozen=True, slots=True)
class Replica:
    """What the routes act on; sizes in bytes, times in seconds."""

    settings: Settings
    monster: Monster
    digestion: Digestion
    clock: Callable[[], float]

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], float]) -> Self:
        """Put a replica together; it holds nothing yet."""
        monster = Monster(settings.step_bytes, settings.cap_bytes, take)
        return cls(settings, monster, Digestion(monster, clock), clock)

    def eat(self, steps: int, seconds: float) -> int:
        """Eat what fits once the due has been given back, and hold it for `seconds`; return the bytes eaten."""
        self.monster.digest(self.clock())
        eaten = self.monster.eat(steps, self.clock() + seconds)
        self.digestion.attend()
        return eaten

    def release(self) -> int:
        """Give everything back at once; return the bytes given back."""
        released = self.monster.release()
        self.digestion.attend()
        return released

    def status(self) -> Status:
        """Look at it as of now."""
        self.monster.digest(self.clock())
        return status(self.settings, self.monster, self.clock())

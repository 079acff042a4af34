"""Notations: the values that the configuration writes as one word of text (75%, 10s, staging-*)."""

import json
from abc import ABC, abstractmethod
from typing import ClassVar, Self

_SHOWN = 60  # characters of a foreign text that an error repeats: enough to find it, too few to flood a log


class Notation(ABC):
    """A value with a notation of its own. `str` writes equal values in the same way."""

    __slots__ = ()
    title: ClassVar[str]
    pattern: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """Read the notation; raises ValueError, which says what is wrong and what would be right."""

    @abstractmethod
    def __str__(self) -> str:
        """Write the shortest notation that `parse` reads back."""


def quoted(text: str) -> str:
    """Return text of unknown origin in quotes, as one harmless line of ASCII, shortened if it is long."""
    return json.dumps(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")

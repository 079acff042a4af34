"""Words: the values that the configuration writes as one word of text (75%, 10s, staging-*)."""

import json
from abc import ABC, abstractmethod
from typing import ClassVar, Self

_SHOWN = 60  # characters of somebody's text that an error repeats: enough to find it, too few to flood a log


class Notation(ABC):
    """A value with a notation of its own; equal values are written alike by `str`."""

    __slots__ = ()
    title: ClassVar[str]
    pattern: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """Read the notation; ValueError says what is wrong and what would be right."""

    @abstractmethod
    def __str__(self) -> str:
        """Write the shortest notation that `parse` reads back."""


def quoted(text: str) -> str:
    """Text of unknown origin as one harmless line of ASCII, shortened where it is long."""
    return json.dumps(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")

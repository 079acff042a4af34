"""Durations as Kubernetes and Go write them (10s, 1h30m), in whole milliseconds."""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from webhook.core.values.notation import Notation, quoted

_UNITS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}  # in milliseconds, largest first
_MOST = 24 * _UNITS["h"]


@dataclass(frozen=True, slots=True)
class Duration(Notation):
    """A time span of up to 24 hours."""

    title: ClassVar[str] = "a duration"
    pattern: ClassVar[str] = r"^(?=[0-9])([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
    example: ClassVar[str] = "10s"

    milliseconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read hours, minutes, seconds and milliseconds, in this order; raises ValueError for anything else."""
        match = re.fullmatch(cls.pattern, text)
        if match is None:
            hint = (
                f"has no unit; write {text}s"
                if re.fullmatch("[0-9]{1,9}", text)
                else "is not a duration; write 10s or 5m"
            )
            raise ValueError(f"{quoted(text)} {hint}")
        parts = zip(match.groups(), _UNITS.items(), strict=True)
        span = cls(sum(int(part.removesuffix(unit)) * size for part, (unit, size) in parts if part))
        if span.milliseconds > _MOST:
            raise ValueError(f"{quoted(text)} is too long; write {cls(_MOST)} at most")
        return span

    @property
    def seconds(self) -> float:
        """The span in seconds, the unit of all times in the core."""
        return self.milliseconds / 1000

    def __str__(self) -> str:
        """Return the span with only the units that it needs."""
        parts, rest = [], self.milliseconds
        for unit, size in _UNITS.items():
            count, rest = divmod(rest, size)
            parts.append(f"{count}{unit}" if count else "")
        return "".join(parts) or "0s"

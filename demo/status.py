"""What one replica says about itself, for the page and as JSON."""

import math
import platform
from dataclasses import dataclass
from pathlib import Path

from demo.memory import resident_bytes
from demo.monster import Monster
from demo.settings import MIB, Settings


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of one replica: sizes in bytes, time in seconds; None where it is not known."""

    greeting: str
    hostname: str
    secret_present: bool
    held_bytes: int
    step_bytes: int
    cap_bytes: int
    hold_seconds: float
    next_release_seconds: float | None
    resident_bytes: int | None
    limit_bytes: int | None

    @property
    def full(self) -> bool:
        """Whether another step would pass the cap."""
        return self.held_bytes + self.step_bytes > self.cap_bytes

    @property
    def filled(self) -> float:
        """The share of the cap that is held, 0 to 1."""
        return self.held_bytes / self.cap_bytes

    @property
    def refresh_seconds(self) -> int | None:
        """When the page is worth looking at again, in whole seconds; None while nothing is going to change."""
        return None if self.next_release_seconds is None else min(5, math.ceil(self.next_release_seconds) + 1)

    def as_json(self) -> dict[str, str | bool | int | float | None]:
        """Name the values as the project's other JSON does: camelCase, bytes as integers, null for unknown."""
        return {
            "greeting": self.greeting,
            "hostname": self.hostname,
            "secretPresent": self.secret_present,
            "heldBytes": self.held_bytes,
            "stepBytes": self.step_bytes,
            "capBytes": self.cap_bytes,
            "full": self.full,
            "nextReleaseSeconds": self.next_release_seconds,
            "residentBytes": self.resident_bytes,
            "limitBytes": self.limit_bytes,
        }


def status(settings: Settings, monster: Monster, now: float) -> Status:
    """Look at one replica at the moment `now` (seconds)."""
    holding = monster.holding()
    return Status(
        greeting=settings.greeting,
        hostname=platform.node(),
        secret_present=_has_content(settings.secret_file),
        held_bytes=holding.held_bytes,
        step_bytes=settings.step_bytes,
        cap_bytes=settings.cap_bytes,
        hold_seconds=settings.hold_seconds,
        next_release_seconds=None if holding.next_due is None else round(max(0.0, holding.next_due - now), 1),
        resident_bytes=resident_bytes(),
        limit_bytes=settings.limit_bytes,
    )


def mebibytes(size: int) -> str:
    """Write a size as people read it, rounded up so that it never looks smaller than it is."""
    return f"{math.ceil(size / MIB)} MiB"


def _has_content(file: Path | None) -> bool:
    # Its size is enough to know that it is there: the value itself is never read, so it can never be shown.
    return file is not None and file.is_file() and file.stat().st_size > 0

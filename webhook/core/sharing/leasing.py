"""Leasing: when one replica may take or must give up the Lease that says who does what only one of them should do.

    free or silent ──take──► held ──renewed in time──► held
                              └── not renewed for HOLD seconds, or seen with another holder ──► lost

These are the rules of client-go's leader election. No clock is compared with another replica's: a holder counts as
silent once this replica has seen the Lease unchanged for DURATION by its own clock. A holder stops believing in its own
Lease after HOLD, which is shorter, and is counted from the moment at which its last renewal was sent.
"""

from typing import Final

DURATION: Final = 15  # seconds
HOLD: Final = 10.0
EVERY: Final = 2.5


class Leasing:
    """What one replica knows of the Lease; times are in seconds of its own clock, which only rises."""

    def __init__(self, replica: str) -> None:
        self._replica = replica
        self._revision = ""
        self._changed_at = float("-inf")
        self._held_until = float("-inf")

    def held(self, now: float) -> bool:
        """Say whether this replica holds it, and no other can have taken it."""
        return now < self._held_until

    def may_take(self, holder: str, revision: str, now: float) -> bool:
        """Note the Lease as it is seen now, and say whether this replica may write itself into it."""
        if revision != self._revision:
            self._revision, self._changed_at = revision, now
        if holder == self._replica:
            return True
        self._held_until = float("-inf")
        return not holder or now >= self._changed_at + DURATION

    def wrote(self, revision: str, sent_at: float) -> None:
        """Note that this replica's own write succeeded; it was sent at that time."""
        self._revision, self._changed_at, self._held_until = revision, sent_at, sent_at + HOLD

    def lose(self) -> None:
        """Note that this replica does not hold it any longer."""
        self._held_until = float("-inf")

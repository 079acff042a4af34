"""Nudges: which blocked owner to touch next, so that its controller tries again at once, as far as the room reaches.

Owners are touched in the order in which they were first refused, each when a pod of it fits beside what the owners
touched just before it still want. An owner that does not fit is skipped, because no wait brings it nearer: room goes
to the pod that is created first, with nudges as without. Touching an owner in vain costs little, so it is repeated,
ever less often, until a look finds that no pod of it fits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from webhook.core.events.reference import Reference
from webhook.core.reporting.blocked import Blocked
from webhook.core.reporting.refusal import is_bare
from webhook.core.reporting.room import Balances, missing
from webhook.core.values.amounts import NOTHING, Amounts

CLAIM: Final = 3.0  # seconds for which the room that a touched owner wants is left to it
PAUSE: Final = 5.0  # seconds until the same owner is touched again; they double
LONGEST: Final = 300.0
_MOST_PODS: Final = 10_000  # that one owner is taken to want; a number that a user chose


@dataclass(slots=True)
class _Touched:
    at: float
    pause: float
    claims: bool = True  # the room that it wants


class Nudges:
    """Decides which owner to touch. Times are seconds of one clock. Not thread-safe."""

    def __init__(self) -> None:
        self._touched: dict[Reference, _Touched] = {}

    def next(self, blocked: Iterable[Blocked], balances: Balances, now: float) -> Blocked | None:
        """Return the owner to touch now, taken as touched; None if there is none. `blocked` are in their order."""
        known = list(blocked)
        self._forget({each.owner for each in known})
        taken = self._taken(known, now)
        for each in known:
            if not is_bare(each.owner) and self._may_touch(each, balances, taken, now):
                before = self._touched.get(each.owner)
                pause = PAUSE if before is None else min(LONGEST, 2 * before.pause)
                self._touched[each.owner] = _Touched(now, pause)
                return each
        return None

    def gone(self, owner: Reference) -> None:
        """Record that there was no such owner to touch: no room is left to it, while others still show it."""
        if owner in self._touched:
            self._touched[owner].claims = False

    def _may_touch(self, each: Blocked, balances: Balances, taken: dict[str, Amounts], now: float) -> bool:
        touched = self._touched.get(each.owner)
        if touched is not None and now < touched.at + PAUSE:
            return False  # what it was touched for is on its way
        alone = missing(each, balances)
        if alone is None or not alone.fits:
            self._touched.pop(each.owner, None)
            return False
        if touched is not None and now < touched.at + touched.pause:
            return False
        beside = missing(each, balances, taken)
        return beside is not None and beside.fits

    def _taken(self, blocked: list[Blocked], now: float) -> dict[str, Amounts]:
        """Return what the owners touched in the last seconds still want, by scope."""
        taken: dict[str, Amounts] = {}
        for each in blocked:
            touched = self._touched.get(each.owner)
            if touched is None or not touched.claims or now >= touched.at + CLAIM:
                continue
            wanted = each.asks.times(min(_MOST_PODS, each.missing or 1))
            for scope in each.scopes:
                taken[scope] = taken.get(scope, NOTHING).plus(wanted)
        return taken

    def _forget(self, blocked: set[Reference]) -> None:
        for owner in self._touched.keys() - blocked:
            del self._touched[owner]

"""Costs: the amounts that the reservations of one name, or of all names together, come to in each scope."""

from functools import lru_cache

from msgspec import Struct

from webhook.core.ledger.interval import NOWHERE, UNBORN, Charge, Extents, Interval, reach
from webhook.core.values.amounts import NOTHING, Amounts


class Costs(Struct, eq=False, gc=False):
    """What reservations come to in one scope: those of one name, or all of them.

    `unseen` is what open reservations add to what lives under their names, `paid` the rest of what they come to by
    themselves: the living pod covers it. `unretired` is what all reservations come to, open and settled.
    """

    unseen: Amounts = NOTHING
    paid: Amounts = NOTHING
    unretired: Amounts = NOTHING

    def move(self, old: "Costs", new: "Costs") -> None:
        """Replace one part of these sums by another."""
        self.unseen = self.unseen.moved(old.unseen, new.unseen)
        if old.paid is not new.paid:
            self.paid = self.paid.moved(old.paid, new.paid)
        self.unretired = self.unretired.moved(old.unretired, new.unretired)


NO_COSTS = Costs()


def cost_of(still_open: Interval | None, unretired: Interval, live: Charge, scope: str) -> Costs:
    """Return what the reservations of one name come to in a scope, given what lives under that name."""
    all_told = unretired.cost
    if still_open is None:
        return Costs(unretired=all_told)
    alone = all_told if still_open is unretired else still_open.cost
    if live is NOWHERE or (lives := live.in_scope(scope)) is NOTHING:
        return Costs(alone, NOTHING, all_told)
    unseen = still_open.cost_beyond(lives)
    return Costs(unseen, alone.minus(unseen), all_told)


@lru_cache(maxsize=1024)
def first_grant(spread: Charge) -> tuple[Extents, dict[str, Costs]]:
    """Return the extents of one new pod and its costs under a name where nothing lives; equal pods share them."""
    reaches = reach(spread, UNBORN)
    return reaches, {scope: cost_of(extent, extent, NOWHERE, scope) for scope, extent in reaches.items()}

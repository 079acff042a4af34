"""Costs: the amounts that the reservations of one name come to in each scope, and their total over all names."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct

from webhook.core.ledger.interval import NOWHERE, UNBORN, Charge, Interval, Intervals, reach
from webhook.core.values.amounts import NOTHING, Amounts


class Costs(Struct, frozen=True, gc=False):
    """What the reservations of one name come to in one scope. Names whose pods are equal share one value.

    `unseen` is what open reservations add to what lives under their names, `paid` the rest of what they come to by
    themselves: the living pod covers it. `unretired` is what all reservations come to, open and settled.
    """

    unseen: Amounts = NOTHING
    paid: Amounts = NOTHING
    unretired: Amounts = NOTHING


NO_COSTS = Costs()


class Total(Struct, eq=False, gc=False):
    """The sum of the costs of all names in one scope, kept up to date with each change of a name."""

    unseen: Amounts = NOTHING
    paid: Amounts = NOTHING
    unretired: Amounts = NOTHING

    def add(self, new: Costs) -> None:
        """Add the costs of a name that had none."""
        self.unseen = self.unseen.plus(new.unseen)
        if new.paid != NOTHING:
            self.paid = self.paid.plus(new.paid)
        self.unretired = self.unretired.plus(new.unretired)

    def move(self, old: Costs, new: Costs) -> None:
        """Replace the costs of one name by others."""
        self.unseen = self.unseen.moved(old.unseen, new.unseen)
        if old.paid != new.paid:
            self.paid = self.paid.moved(old.paid, new.paid)
        self.unretired = self.unretired.moved(old.unretired, new.unretired)


def cost_of(still_open: Interval | None, unretired: Interval, live: Charge, scope: str) -> Costs:
    """Return what the reservations of one name come to in a scope, given what lives under that name."""
    all_told = unretired.cost
    if still_open is None:
        return Costs(unretired=all_told)
    alone = all_told if still_open == unretired else still_open.cost
    if live == NOWHERE or (lives := live.in_scope(scope)) == NOTHING:
        return Costs(alone, NOTHING, all_told)
    unseen = still_open.cost_beyond(lives)
    return Costs(unseen, alone.minus(unseen), all_told)


@lru_cache(maxsize=1024)
def first_grant(charge: Charge) -> tuple[Intervals, Mapping[str, Costs]]:
    """Return the intervals of one new pod and its costs under a name where nothing lives; equal pods share them."""
    reaches = reach(charge, UNBORN)
    costs = {scope: cost_of(interval, interval, NOWHERE, scope) for scope, interval in reaches.items()}
    return MappingProxyType(reaches), MappingProxyType(costs)

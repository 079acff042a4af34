"""Extents: where a footprint is charged, and how far the grants of one name reach there."""

from typing import NamedTuple

from msgspec import Struct

from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

Sums = dict[str, Amounts]
"""Amounts by scope."""


class Charge(Struct, frozen=True, gc=False):
    """A footprint and the pool that it is confined to (None: only the cluster's sums know it)."""

    footprint: Amounts
    pool: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that this is charged to."""
        return (CLUSTER,) if self.pool is None else (CLUSTER, self.pool)

    def in_scope(self, scope: str) -> Amounts:
        """What this costs in one scope."""
        return self.footprint if scope in (CLUSTER, self.pool) else NOTHING


NOWHERE = Charge(NOTHING)


class Before(NamedTuple):
    """What a pod was before the change under review: its resourceVersion and footprint; nothing for a create.

    `move` tells apart the changes of where a pod may run, and is empty for a change of its size. `elsewhere`: what it
    was is not charged to the pool that it is charged to by this change, so in that pool it begins from nothing.
    `binds`: it is bound to a node, which may be written at any revision, and is settled only by a pod that is bound.
    `review` is the UID of the review itself: it tells a change that is asked for again from a review that is repeated.
    """

    revision: int = 0
    footprint: Amounts = NOTHING
    move: str = ""
    elsewhere: bool = False
    binds: bool = False
    review: str = ""

    def within(self, scope: str) -> Amounts:
        """What it was charged in a scope of those that it is charged to from now on."""
        return NOTHING if self.elsewhere and scope != CLUSTER else self.footprint


UNBORN = Before()


def key_of(uid: str, before: Before, footprint: Amounts) -> str:
    """Return what tells grants apart: the UID of a create; one pod may be changed often, and in two ways at once.

    A change that is asked for again is another grant, as a create of the same name is: else it would renew the first
    one, and whoever repeats what somebody else refuses would hold its room for ever.
    """
    if before is UNBORN:
        return uid
    return f"{uid}@{before.revision}{before.move}:{','.join(map(str, footprint))}/{before.review}"


class Interval(Struct, frozen=True, gc=False):
    """How far grants of one name reach in one scope, and from where (rules 1 and 5)."""

    low: Amounts
    high: Amounts

    @property
    def cost(self) -> Amounts:
        """What they come to by themselves."""
        return self.high if self.low is NOTHING else self.high.beyond(self.low)

    def cost_beyond(self, live: Amounts) -> Amounts:
        """What they come to on top of what lives there."""
        return self.high.beyond(live if self.low is NOTHING else self.low.or_more(live))

    @property
    def from_nothing(self) -> Amounts:
        """How far they reach in the sums where they begin at nothing; in the others nothing."""
        if self.low is NOTHING:
            return self.high
        return Amounts._make(0 if low else high for low, high in zip(self.low, self.high, strict=True))

    def leaves(self, high: Amounts, live: Amounts) -> Amounts:
        """How much of the way from nothing up to `high` neither lives there nor lies within this."""
        return high.beyond(live).minus(high.upto(self.high).beyond(self.low.or_more(live)))

    def and_also(self, other: "Interval") -> "Interval":
        """Take in other grants of the same name.

        A sum that one of them does not raise is as the other has it: nothing is asked for it, so nothing is booked.
        """
        if self.low is NOTHING and other.low is NOTHING:
            return Interval(NOTHING, self.high.or_more(other.high))
        ways = [_way(*each) for each in zip(self.low, self.high, other.low, other.high, strict=True)]
        return Interval(Amounts._make(low for low, _ in ways), Amounts._make(high for _, high in ways))


def _way(low: int, high: int, other_low: int, other_high: int) -> tuple[int, int]:
    if high <= low:
        return other_low, other_high
    return (low, high) if other_high <= other_low else (min(low, other_low), max(high, other_high))


Extents = dict[str, Interval]
"""Extents by scope."""


def reach(spread: Charge, before: Before) -> Extents:
    """Return how far one grant reaches in each scope that it is charged to."""
    if not before.elsewhere:
        return dict.fromkeys(spread.scopes, Interval(before.footprint, spread.footprint))
    return {scope: Interval(before.within(scope), spread.footprint) for scope in spread.scopes}


def joined(held: Extents, more: Extents) -> Extents:
    """Return how far two parts of one name's grants reach together."""
    if not held:
        return more
    both = {**held, **more}
    for scope in held.keys() & more.keys():
        both[scope] = held[scope].and_also(more[scope])
    return both

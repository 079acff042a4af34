"""Intervals: where a footprint is charged, and how far the grants of one name reach there."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

Sums = dict[str, Amounts]
"""Amounts by scope."""


class Charge(Struct, frozen=True, gc=False):
    """A footprint and the pool that it is charged to, besides the cluster (None: it is charged to the cluster only)."""

    footprint: Amounts
    pool: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the footprint is charged to."""
        return (CLUSTER,) if self.pool is None else (CLUSTER, self.pool)

    def in_scope(self, scope: str) -> Amounts:
        """Return what is charged in one scope."""
        return self.footprint if scope in (CLUSTER, self.pool) else NOTHING


NOWHERE = Charge(NOTHING)


class Before(NamedTuple):
    """What a pod was before the change under review: its resourceVersion and footprint; nothing for a create.

    - `move` distinguishes changes of where the pod may run; it is empty for a change of its size.
    - `elsewhere`: the change moves the pod's charge to another pool, so in that pool the pod begins at nothing.
    - `binds`: the change binds the pod to a node. The API server may write that at any revision, and only a pod that is
      seen bound settles it.
    - `review` is the UID of the review: it distinguishes a change that is requested again from a repeated review.
    """

    revision: int = 0
    footprint: Amounts = NOTHING
    move: str = ""
    elsewhere: bool = False
    binds: bool = False
    review: str = ""

    def within(self, scope: str) -> Amounts:
        """Return what the pod was charged before, in one of the scopes that it is charged to after the change."""
        return NOTHING if self.elsewhere and scope != CLUSTER else self.footprint


UNBORN = Before()
"""The state before a create: no object was reviewed. Compare with `==`."""


def key_of(uid: str, before: Before, footprint: Amounts) -> str:
    """Return the key that distinguishes grants of one name: for a create, the pod's UID.

    One pod may be changed often, and in two ways at once. A change that is requested again is another grant, as another
    create of the same name is. Otherwise it would renew the first grant, and a client that keeps repeating a change
    which another webhook refuses would hold its room for ever.
    """
    if before == UNBORN:
        return uid
    return f"{uid}@{before.revision}{before.move}:{','.join(map(str, footprint))}/{before.review}"


class Interval(Struct, frozen=True, gc=False):
    """From where to where grants of one name reach in one scope (rules 1 and 5 in reservations.py)."""

    low: Amounts
    high: Amounts

    @property
    def cost(self) -> Amounts:
        """What these grants come to by themselves."""
        return self.high if self.low == NOTHING else self.high.beyond(self.low)

    def cost_beyond(self, live: Amounts) -> Amounts:
        """Return what these grants add to what lives under the name."""
        return self.high.beyond(live if self.low == NOTHING else self.low.or_more(live))

    @property
    def from_nothing(self) -> Amounts:
        """`high` in the sums where these grants begin at 0, and 0 in the other sums."""
        if self.low == NOTHING:
            return self.high
        return Amounts._make(0 if low else high for low, high in zip(self.low, self.high, strict=True))

    def leaves(self, high: Amounts, live: Amounts) -> Amounts:
        """Return the part of [0, high] that neither `live` nor this interval covers."""
        return high.beyond(live).minus(high.upto(self.high).beyond(self.low.or_more(live)))

    def and_also(self, other: "Interval") -> "Interval":
        """Return the interval of these grants together with other grants of the same name.

        If one of the two intervals does not raise a sum, the other one's interval holds for that sum: nothing was asked
        for there, so nothing is booked.
        """
        if self.low == NOTHING and other.low == NOTHING:
            return Interval(NOTHING, self.high.or_more(other.high))
        ways = [_way(*each) for each in zip(self.low, self.high, other.low, other.high, strict=True)]
        return Interval(Amounts._make(low for low, _ in ways), Amounts._make(high for _, high in ways))


def _way(low: int, high: int, other_low: int, other_high: int) -> tuple[int, int]:
    if high <= low:
        return other_low, other_high
    return (low, high) if other_high <= other_low else (min(low, other_low), max(high, other_high))


Intervals = Mapping[str, Interval]
"""Intervals by scope."""


def reach(charge: Charge, before: Before) -> Intervals:
    """Return the interval of one grant in each scope that it is charged to."""
    if not before.elsewhere:
        return dict.fromkeys(charge.scopes, Interval(before.footprint, charge.footprint))
    return {scope: Interval(before.within(scope), charge.footprint) for scope in charge.scopes}


def joined(held: Intervals, more: Intervals) -> Intervals:
    """Return the intervals of two parts of one name's grants together."""
    if not held:
        return more
    both = {**held, **more}
    for scope in held.keys() & more.keys():
        both[scope] = held[scope].and_also(more[scope])
    return both

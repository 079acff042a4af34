"""The reserve: the part of a bound that is kept for the loss of nodes, and how much of it lost nodes have used up.

Everything here is about one sum of one scope, in grains of its bound. A loss is unplanned (the node is NotReady or
deleted) or planned (a cordon). The reserve pays for both; docs/adr/0005-reserve-for-losses-and-cordons.md has the
formula and why it is sound.
"""

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

Change = tuple[float, int]
"""When a node was lost or joined, and its size."""


class Kept(NamedTuple):
    """What is kept now that the cordoned nodes do not count, and what would be kept if they counted."""

    now: int
    uncordoned: int


def keep(sizes: Iterable[int], largest: int, lost: int, cordoned: int) -> Kept:
    """Return what to keep for the loss of the `largest` largest nodes, less what is out already.

    `sizes` has an entry for each node that can be lost or is lost. `lost` and `cordoned` say how much of these is out.
    """
    uncordoned = max(0, sum(nlargest(largest, sizes)) - lost)
    return Kept(max(0, uncordoned - cordoned), uncordoned)


def owed(losses: Iterable[Change], joined: Iterable[Change]) -> int:
    """Return what is lost and not replaced: a node that joins replaces what was lost before it joined."""
    debt = 0
    for _, is_join, size in sorted([(at, False, size) for at, size in losses] + [(at, True, s) for at, s in joined]):
        debt = max(0, debt - size) if is_join else debt + size
    return debt

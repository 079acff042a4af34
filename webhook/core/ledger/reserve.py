"""The reserve: what of a bound is kept for the loss of nodes, and what has used it up.

Everything here is about one sum of one scope, in grains of its bound. A loss comes unasked (NotReady, deleted) or is
planned (a cordon). The reserve pays for either; docs/adr/0005-reserve-for-losses-and-cordons.md has the formula and why
it is sound.
"""

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

Change = tuple[float, int]
"""When a node was lost or joined, and its size."""


class Kept(NamedTuple):
    """What is kept while the cordoned nodes are out, and what would be if they counted."""

    now: int
    uncordoned: int


def keep(sizes: Iterable[int], largest: int, lost: int, cordoned: int) -> Kept:
    """Return what to keep for losing that many of the largest nodes, less what is out already.

    `sizes` are of all that can be lost or is; `lost` and `cordoned` say how much of that is out.
    """
    uncordoned = max(0, sum(nlargest(largest, sizes)) - lost)
    return Kept(max(0, uncordoned - cordoned), uncordoned)


def owed(losses: Iterable[Change], joined: Iterable[Change]) -> int:
    """Return what is lost and not replaced: a node that joins takes the place of what was lost until then."""
    debt = 0
    for _, is_join, size in sorted([(at, False, size) for at, size in losses] + [(at, True, s) for at, s in joined]):
        debt = max(0, debt - size) if is_join else debt + size
    return debt

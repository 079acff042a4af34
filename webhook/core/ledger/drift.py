"""Drift: a figure of the ledger that differs from what its parts come to, which is a defect."""

from typing import NamedTuple

from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.values.amounts import Amounts


class Drift(NamedTuple):
    """A figure that differs from what its parts come to; the figure `scope_limits` is the limits of a scope.

    A tally has amounts and counts in one tuple.
    """

    figure: str
    where: str
    kept: Amounts | ScopeLimits | tuple[int, ...]
    recounted: Amounts | ScopeLimits | tuple[int, ...]

"""Which bound held at which revision, and what was admitted beyond it. Pure: values in, values out."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.stress.evidence import Moment


class Phase(NamedTuple):
    """From one revision to another, all replicas had seen and booked by a lower bound (bytes) than the usual one."""

    first: int
    last: int
    bound: int


def beyond(moments: Sequence[Moment], phases: Iterable[Phase]) -> list[Moment]:
    """Return the moments at which pods grew to more than the bound of their phase.

    What lives when a bound falls may stay: only what is added is held against it.
    """
    lowered = list(phases)
    grown = [after for before, after in pairwise(moments) if after.held > before.held]
    return [
        moment
        for moment in grown
        if any(phase.first < moment.revision <= phase.last and moment.held > phase.bound for phase in lowered)
    ]

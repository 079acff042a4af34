"""Amounts: the vector in which everything is summed, memory and cpu, requests and limits."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import add, sub
from typing import NamedTuple, cast


class Amounts(NamedTuple):
    """What a pod, a node's pods or a whole scope commits; memory in bytes, cpu in millicores.

    `*_limits` sums the limits that are declared, as Kubernetes does. `*_limits_filled` lets a container without a limit
    count its request instead. `*_unbounded` counts the pods that have such a container: "no limit" is never 0.

    Values are combined by the methods below only, so that a raw `+` (which would join two tuples) cannot slip in.
    """

    memory_requests: int = 0
    memory_limits: int = 0
    memory_limits_filled: int = 0
    memory_unbounded: int = 0
    cpu_requests: int = 0
    cpu_limits: int = 0
    cpu_limits_filled: int = 0
    cpu_unbounded: int = 0

    def plus(self, other: "Amounts") -> "Amounts":
        """Add, sum by sum."""
        return _amounts(map(add, self, other))

    def minus(self, other: "Amounts") -> "Amounts":
        """Subtract, sum by sum; may go below zero."""
        return _amounts(map(sub, self, other))

    def times(self, number: int) -> "Amounts":
        """Multiply every sum."""
        return _amounts([number * amount for amount in self])

    def upto(self, other: "Amounts") -> "Amounts":
        """The smaller of both, sum by sum."""
        return _amounts(map(min, self, other))

    def or_more(self, other: "Amounts") -> "Amounts":
        """The larger of both, sum by sum."""
        return _amounts(map(max, self, other))

    def beyond(self, other: "Amounts") -> "Amounts":
        """What goes past the other, sum by sum, at least zero."""
        return _amounts([a - b if a > b else 0 for a, b in zip(self, other, strict=True)])

    def moved(self, old: "Amounts", new: "Amounts") -> "Amounts":
        """Take one part of a sum out, and another in its place."""
        if old is new:
            return self
        less = self if old is NOTHING else map(sub, self, old)
        return _amounts(less if new is NOTHING else map(add, less, new))

    def within(self, other: "Amounts") -> bool:
        """Say whether no sum is larger than the other's."""
        return all(a <= b for a, b in zip(self, other, strict=True))


# `_make` without its check: what goes in here is as long as another `Amounts`.
_amounts = cast("Callable[[Iterable[int]], Amounts]", partial(tuple.__new__, Amounts))

NOTHING = Amounts()

"""Amounts: the vector of sums that Headroom keeps, for memory and cpu, requests and limits."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import add, sub
from typing import NamedTuple, cast


class Amounts(NamedTuple):
    """What a pod, a node's pods or a whole scope commits; memory in bytes, cpu in millicores.

    `*_limits` sums the limits that are declared, as Kubernetes does. In `*_limits_filled`, a container without a limit
    counts its request instead. `*_unbounded` counts the pods that have such a container: "no limit" is not the same
    as 0.

    Combine values only by the methods below: a raw `+` would join two tuples.
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
        """Return the sum of both, field by field."""
        return _amounts(map(add, self, other))

    def minus(self, other: "Amounts") -> "Amounts":
        """Return the difference, field by field; it may be negative."""
        return _amounts(map(sub, self, other))

    def times(self, number: int) -> "Amounts":
        """Return every field multiplied by a number."""
        return _amounts([number * amount for amount in self])

    def upto(self, other: "Amounts") -> "Amounts":
        """Return the smaller of both, field by field."""
        return _amounts(map(min, self, other))

    def or_more(self, other: "Amounts") -> "Amounts":
        """Return the larger of both, field by field."""
        return _amounts(map(max, self, other))

    def beyond(self, other: "Amounts") -> "Amounts":
        """Return what exceeds the other, field by field, at least zero."""
        return _amounts([a - b if a > b else 0 for a, b in zip(self, other, strict=True)])

    def moved(self, old: "Amounts", new: "Amounts") -> "Amounts":
        """Return this sum with one part replaced by another: without `old`, with `new`."""
        if old is new:
            return self
        less = self if old == NOTHING else map(sub, self, old)
        return _amounts(less if new == NOTHING else map(add, less, new))

    def within(self, other: "Amounts") -> bool:
        """Say whether no field is larger than the other's."""
        return all(a <= b for a, b in zip(self, other, strict=True))


# `Amounts._make` without its check of the length: everything that is passed in here has the length of an `Amounts`.
_amounts = cast("Callable[[Iterable[int]], Amounts]", partial(tuple.__new__, Amounts))

NOTHING = Amounts()

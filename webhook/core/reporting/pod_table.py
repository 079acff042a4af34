"""The table of live pods: rows are made only where somebody looks, because there may be 150,000 of them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from itertools import accumulate
from typing import Final, overload

from webhook.core.ledger.entry import Entry
from webhook.core.reporting.rows import PodRow

Named = tuple[str, Entry]
"""A pod as the ledger keeps it, with its "namespace/name"."""

Part = Sequence[Mapping[str, Entry]]
"""The pods of one namespace, or some of them; each pod is in one of the mappings."""

SORTS: Final[dict[str, Callable[[Named], object]]] = {
    "name": lambda named: named[0].partition("/")[::2],
    "memoryRequests": lambda named: named[1].footprint.memory_requests,
    "memoryLimits": lambda named: named[1].footprint.memory_limits,
    "cpuRequests": lambda named: named[1].footprint.cpu_requests,
    "cpuLimits": lambda named: named[1].footprint.cpu_limits,
    "node": lambda named: named[1].node,
    "created": lambda named: named[1].created,
}
"""By what a table can be sorted quickly."""


class PodTable(Sequence[PodRow]):
    """Pods by namespace and name; a slice or an item makes its rows, and `sorted_by` sorts without making any.

    A thread may use it without a lock. To look at a page of 150,000 pods sorts only the namespaces of that page.
    """

    def __init__(self, parts: Sequence[Part], row: Callable[[str, Entry], PodRow]) -> None:
        """Take the pods of each namespace, in the order of the namespaces' names."""
        self._parts = parts
        self._row = row
        self._ends = list(accumulate(sum(map(len, part)) for part in parts))
        self._sorted: dict[int, list[Named]] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> PodRow: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[PodRow, ...]: ...

    def __getitem__(self, index: int | slice) -> PodRow | tuple[PodRow, ...]:
        if isinstance(index, int):
            where = range(len(self))[index]
            return self._row(*next(self._between(where, where + 1)))
        first, last, step = index.indices(len(self))
        if step != 1:
            raise ValueError("a table of pods has no steps")
        return tuple(self._row(*named) for named in self._between(first, last))

    def __iter__(self) -> Iterator[PodRow]:
        return (self._row(*named) for named in self._between(0, len(self)))

    def named(self) -> Iterator[Named]:
        """Yield the pods as the ledger keeps them, namespace by namespace, and in no order within one."""
        for part in self._parts:
            for pods in part:
                yield from pods.items()

    def sorted_by(self, sort: str, first: int, last: int, *, descending: bool = False) -> tuple[PodRow, ...]:
        """Return the rows `first` to `last` (not included) by one of `SORTS`; those that are equal by name, too.

        Raises `KeyError` for another sort.
        """
        key = SORTS[sort]
        if sort == "name" and not descending:
            return self[first:last]

        def place(named: Named) -> tuple[object, str]:
            return key(named), named[0]

        if last > _FEW:
            found = sorted(self.named(), key=place, reverse=descending)[first:last]
        else:
            found = (nlargest if descending else nsmallest)(last, self.named(), key=place)[first:]
        return tuple(self._row(*named) for named in found)

    def _between(self, first: int, last: int) -> Iterator[Named]:
        part = bisect_right(self._ends, first)
        while first < last:
            start = self._ends[part - 1] if part else 0
            taken = self._part(part)[first - start : last - start]
            yield from taken
            first += len(taken)
            part += 1

    def _part(self, number: int) -> list[Named]:
        found = self._sorted.get(number)
        if found is None:
            named = [each for pods in self._parts[number] for each in pods.items()]
            named.sort(key=_name)
            found = self._sorted[number] = named
        return found


def _name(named: Named) -> str:
    return named[0]


_FEW: Final = 2_000  # rows up to which it is faster to pick the first ones than to sort all

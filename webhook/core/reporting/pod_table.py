"""The table of live pods: rows are made only where somebody looks, because there may be 150,000 of them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from itertools import accumulate
from typing import Any, Final, overload

from webhook.core.ledger.entry import Entry
from webhook.core.reporting.rows import PodRow

Named = tuple[str, Entry]
"""A pod as the ledger keeps it, with its "namespace/name"."""

Part = Sequence[Mapping[str, Entry]]
"""The pods of one namespace, or some of them; each pod is in one of the mappings."""

SORTS: Final[dict[str, Callable[[Entry], Any]]] = {
    "memoryRequests": lambda pod: pod.footprint.memory_requests,
    "memoryLimits": lambda pod: pod.footprint.memory_limits,
    "cpuRequests": lambda pod: pod.footprint.cpu_requests,
    "cpuLimits": lambda pod: pod.footprint.cpu_limits,
    "node": lambda pod: pod.node,
    "created": lambda pod: pod.created,
}
"""By what a table can be sorted, beside `name`."""


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
        """Return the rows `first` to `last` (not included) by `name` or one of `SORTS`; those that are equal by name.

        Raises `KeyError` for another sort.
        """
        last = min(last, len(self))
        if first >= last and (sort == "name" or sort in SORTS):
            return ()
        if sort == "name":
            found = self[len(self) - last : len(self) - first] if descending else self[first:last]
            return found[::-1] if descending else found
        best = self._best(SORTS[sort], last, descending=descending)
        return tuple(self._row(*named) for named in best[first:last])

    def _best(self, key: Callable[[Entry], Any], number: int, *, descending: bool) -> list[Named]:
        """Return the first pods in an order. Only those are sorted that are among them, however many are alike."""
        named = list(self.named())
        keys = [key(pod) for _, pod in named]
        last = (nlargest if descending else nsmallest)(number, keys)[-1]
        before = [each for each, at in zip(named, keys, strict=True) if (at > last if descending else at < last)]
        before.sort()
        before.sort(key=lambda named: key(named[1]), reverse=descending)
        alike = (each for each, at in zip(named, keys, strict=True) if at == last)
        return before + nsmallest(number - len(before), alike)

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

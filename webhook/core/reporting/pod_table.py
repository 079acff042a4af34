"""The table of live pods: rows are made only where somebody looks, because there may be 150,000 of them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, overload

from webhook.core.ledger.entry import Entry
from webhook.core.reporting.pod_order import Named, Part, first_by_amount, first_by_key, pods_of
from webhook.core.reporting.rows import PodRow
from webhook.core.values.amounts import Amounts

AMOUNTS: Final = {
    "memoryRequests": Amounts._fields.index("memory_requests"),
    "memoryLimits": Amounts._fields.index("memory_limits"),
    "cpuRequests": Amounts._fields.index("cpu_requests"),
    "cpuLimits": Amounts._fields.index("cpu_limits"),
}
"""What of a pod's footprint a table can be sorted by."""

OTHERS: Final[dict[str, Callable[[Entry], Any]]] = {"node": lambda pod: pod.node, "created": lambda pod: pod.created}
"""By what else a table can be sorted, beside `name`."""


class PodTable(Sequence[PodRow]):
    """Pods by namespace and name; a slice or an item makes its rows, and `sorted_by` sorts without making any.

    A thread may use it without a lock. To look at a page of 150,000 pods sorts only the namespaces of that page.
    """

    def __init__(self, parts: Sequence[Part], row: Callable[[str, Entry], PodRow]) -> None:
        """Take the namespaces with their pods, in the order of their names; none is empty."""
        self._parts = parts
        self._row = row
        self._ends = list(accumulate(namespace.pods() for _, namespace in parts))
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

    def sorted_by(self, sort: str, first: int, last: int, *, descending: bool = False) -> tuple[PodRow, ...]:
        """Return the rows `first` to `last` (not included) by `name`, one of `AMOUNTS` or of `OTHERS`.

        Those that are equal are in the order of their names. Raises `KeyError` for another sort.
        """
        last = min(last, len(self))
        if first >= last and (sort == "name" or sort in AMOUNTS or sort in OTHERS):
            return ()
        if sort == "name":
            found = self[len(self) - last : len(self) - first] if descending else self[first:last]
            return found[::-1] if descending else found
        if sort in AMOUNTS:
            best = first_by_amount(self._parts, AMOUNTS[sort], last, descending=descending)
        else:
            best = first_by_key(self._parts, OTHERS[sort], last, descending=descending)
        return tuple(self._row(*named) for named in best[first:last])

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
            found = self._sorted[number] = sorted(pods_of(self._parts[number][1]), key=_name)
        return found


def _name(named: Named) -> str:
    return named[0]

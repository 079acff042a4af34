"""Pages of pods: of 150,000 of them, only the rows of a page are made.

Few pods are listed like any other collection. Of many, a page is found in one of three ways:

- by namespace and name, as they are kept: the token's place is found by halving;
- by what they commit (`PodTable.sorted_by`, which makes no rows): the token is a position;
- through a filter that needs rows: a page looks at `_LOOKED_AT` pods at most, and may have fewer rows than asked for.
"""

from typing import Final, Protocol

from webhook.core.reporting.paging import Page, arrange, foreign, last_key, page, token
from webhook.core.reporting.query import Query, QueryError
from webhook.core.reporting.rows import PodRow

_FEW: Final = 5_000  # pods
_LOOKED_AT: Final = 10_000  # pods
_SORTS: Final = {
    "memory.requests": "memoryRequests",
    "memory.limits": "memoryLimits",
    "cpu.requests": "cpuRequests",
    "cpu.limits": "cpuLimits",
}
_ASKED_OF_THE_TABLE: Final = frozenset({"namespace", "node", "workload"})


class Table(Protocol):
    """Pods by namespace and name, as `Report.pods` returns them."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, index: slice) -> tuple[PodRow, ...]:
        """Return rows by namespace and name."""

    def sorted_by(self, sort: str, first: int, last: int, *, descending: bool = False) -> tuple[PodRow, ...]:
        """Return rows in another order."""


def pod_page(query: Query, table: Table) -> Page:
    """Return the page that the query asks for of a table that has been narrowed down already.

    Raises `QueryError`.
    """
    count = len(table)
    if count <= _FEW:
        return page(query, arrange(query, table[0:count]))
    filtered = any(name not in _ASKED_OF_THE_TABLE for name, _ in query.given)
    if query.sort:
        return _sorted(query, table, filtered=filtered)
    return _searched(query, table) if filtered else _kept(query, table, _place(query, table))


def _kept(query: Query, table: Table, begin: int) -> Page:
    rows = table[begin : begin + query.limit]
    left = len(table) - begin - len(rows)
    return Page(rows, token(query, _key(rows[-1])) if left else None, left)


def _searched(query: Query, table: Table) -> Page:
    begin, found = _place(query, table), list[PodRow]()
    end = min(begin + _LOOKED_AT, len(table))
    last: PodRow | None = None
    for start in range(begin, end, query.limit):
        for last in table[start : min(start + query.limit, end)]:
            if all(test(last) for test in query.tests):
                found.append(last)
                if len(found) == query.limit:
                    return Page(found, token(query, _key(last)), None)
    if last is None or end == len(table):
        return Page(found, None, 0)
    return Page(found, token(query, _key(last)), None)


def _sorted(query: Query, table: Table, *, filtered: bool) -> Page:
    sort = _SORTS.get(query.sort)
    if sort is None or filtered:
        raise QueryError(
            "sortBy",
            f"there are {len(table)} pods: name a namespace, node or workload to sort by {query.sort} here; all pods "
            f"can be sorted by {', '.join(_SORTS)}, without a filter",
        )
    begin = _position(query) if query.after else 0
    rows = table.sorted_by(sort, begin, begin + query.limit, descending=query.descending)
    end = begin + len(rows)
    return Page(rows, token(query, (end,)) if end < len(table) else None, max(0, len(table) - end))


def _place(query: Query, table: Table) -> int:
    """Return the position of the first pod after the token's."""
    if not query.after:
        return 0
    last = last_key(query)
    if not all(isinstance(each, str) for each in last):
        raise foreign()
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        (row,) = table[middle : middle + 1]
        if _key(row) <= last:
            low = middle + 1
        else:
            high = middle
    return low


def _position(query: Query) -> int:
    last = last_key(query)
    if len(last) != 1 or not isinstance(last[0], int) or not 0 <= last[0] < 1 << 31:
        raise foreign()
    return last[0]


def _key(row: PodRow) -> tuple[str, str, str]:
    return row.namespace, row.name, row.uid

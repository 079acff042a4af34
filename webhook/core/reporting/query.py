"""Queries of the REST API: which rows of a collection, in which order, and which page of them.

?namespace=shop&sortBy=-memory.requests&limit=100     a page; its `continue` token leads to the next one
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from webhook.core.reporting.collection import LIMIT, MOST, Collection, Filter, Test, sortable


class QueryError(ValueError):
    """A query cannot be answered: `parameter` is at fault, and the message says what to write instead."""

    def __init__(self, parameter: str, fault: str) -> None:
        super().__init__(fault)
        self.parameter = parameter


class Query(NamedTuple):
    """A query that was read: `given` are its filters by name; `sort` names a field in camelCase, or is empty."""

    collection: Collection
    given: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    descending: bool = False
    limit: int = LIMIT
    after: str = ""
    tests: tuple[Test, ...] = ()

    def value(self, name: str) -> str | None:
        """Return the value of a filter; None if it was not given."""
        return dict(self.given).get(name)

    @property
    def selection(self) -> tuple[object, ...]:
        """Say which rows in which order: what all pages of one listing have in common."""
        return (self.collection.name, self.given, self.sort, self.descending)


def parse(collection: Collection, pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the parameters of a request; raises `QueryError`."""
    known = {each.name: each for each in collection.parameters()}
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise QueryError(name, f"there is no parameter {name!r} here{_meant(name, known)}")
        if name in values:
            raise QueryError(name, f"{name} is given twice: give it once")
        if not value:
            raise QueryError(name, f"{name} is empty: give it a value, or leave it out")
        values[name] = value
    for each in collection.required:
        if each.name not in values:
            raise QueryError(each.name, f"{each.name} is missing. {each.description}")
    sort = values.pop("sortBy", collection.order)
    limit, after = _limit(values.pop("limit", None)), values.pop("continue", "")
    tests = [_test(each, values[each.parameter.name]) for each in collection.filters if each.parameter.name in values]
    given = tuple(sorted(values.items()))
    return Query(collection, given, _sort(collection, sort), sort.startswith("-"), limit, after, tuple(tests))


def _meant(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MOST):
        raise QueryError("limit", f"{text!r} is not a limit: write a whole number from 1 to {MOST}")
    return int(text)


def _sort(collection: Collection, text: str) -> str:
    name, fields = text.removeprefix("-"), sortable(collection.row)
    if text and name not in fields:
        raise QueryError("sortBy", f"there is no field {name!r} to sort by{_meant(name, fields)}")
    return name


def _test(each: Filter, value: str) -> Test:
    try:
        return each.test(value)
    except ValueError as error:
        raise QueryError(each.parameter.name, str(error)) from error

"""Queries of the REST API: which rows of a collection, in which order, and which page of them.

    ?namespace=shop&sortBy=-memory.requests&limit=100     a page; its `continue` token leads to the next one

A token says after which row the next page begins, not at which position. So a page that is read after the account has
changed neither repeats a row nor leaves one out that stays where it was.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from webhook.core.reporting import selector
from webhook.core.reporting.rows import BlockedRow, DenialRow, GroupRow, NodeRow, PodRow, Row, ScopeRow

LIMIT: Final = 500
MOST: Final = 5000

Test = Callable[[Any], bool]


class QueryError(ValueError):
    """A query cannot be answered: `parameter` is at fault, and the message says what to write instead."""

    def __init__(self, parameter: str, fault: str) -> None:
        super().__init__(fault)
        self.parameter = parameter


class Parameter(NamedTuple):
    """One query parameter, as the documentation shows it."""

    name: str
    kind: Literal["string", "boolean", "integer"]
    description: str


class Filter(NamedTuple):
    """A parameter that selects rows: `test` returns the test of a row for a value; it raises ValueError."""

    parameter: Parameter
    test: Callable[[str], Test]


class Collection(NamedTuple):
    """What can be listed: the type of its rows, its filters, and the fields that make a row unique."""

    name: str
    summary: str
    row: type[Row]
    identity: tuple[str, ...]
    filters: tuple[Filter, ...]
    order: str = ""  # the field that it is sorted by unless asked otherwise; empty: by its identity
    required: tuple[Parameter, ...] = ()  # what it is made by

    def parameters(self) -> tuple[Parameter, ...]:
        """Return all parameters that it takes."""
        return (*self.required, *(each.parameter for each in self.filters), *_PAGING)


_PAGING = (
    Parameter("sortBy", "string", "Field to sort by, with - before it for descending order. Unknown values come last."),
    Parameter("limit", "integer", f"Most rows of a page, from 1 to {MOST}; {LIMIT} by default."),
    Parameter("continue", "string", "The token `metadata.continue` of the page before."),
)


def _equal(name: str, description: str, path: str | None = None) -> Filter:
    get = attrgetter(path or name)
    return Filter(Parameter(name, "string", description), lambda value: lambda row: get(row) == value)


def _flag(name: str, description: str, holds: Test) -> Filter:
    def test(text: str) -> Test:
        if text not in {"true", "false"}:
            raise ValueError(f"{text!r} is neither true nor false")
        return lambda row: holds(row) is (text == "true")

    return Filter(Parameter(name, "boolean", description), test)


def _labels(text: str) -> Test:
    fits = selector.parse(text)
    return lambda row: fits(row.labels)


def workload(text: str) -> tuple[str, str]:
    """Read KIND/NAME; raises ValueError."""
    kind, slash, name = text.partition("/")
    if not (kind and slash and name) or "/" in name:
        raise ValueError(f"{text!r} is not KIND/NAME: write for example Deployment/web")
    return kind, name


def _of_workload(text: str) -> Test:
    wanted = workload(text)
    return lambda row: (row.workload_kind, row.workload_name) == wanted


def _past(row: NodeRow) -> bool:
    return any(use.requests > use.allocatable or use.limits > use.allocatable for use in (row.memory, row.cpu))


def _over(row: ScopeRow) -> bool:
    lines = (row.memory.requests, row.memory.limits, row.cpu.requests, row.cpu.limits)
    return any(line.free is not None and line.free < 0 for line in lines)


_UNBOUNDED = _flag(
    "unbounded", "Only rows with containers without a memory limit (true) or without such (false).",
    lambda row: row.unbounded_containers > 0,
)  # fmt: skip
_NAMESPACE = _equal("namespace", "Only this namespace.")
_SCOPE = _equal("scope", "Only this scope: `cluster`, or the name of a pool.")
_POOL = _equal("pool", "Only this pool of nodes.")
_LABELS = Parameter("labelSelector", "string", f"Only nodes whose labels fit: {selector.EXAMPLES}.")
_WORKLOAD = Parameter("workload", "string", "Only pods of this workload, as KIND/NAME.")

COLLECTIONS: Final = {
    each.name: each
    for each in (
        Collection(
            "nodes", "Nodes: what they have, what their pods commit, and whether they count", NodeRow, ("name",),
            (
                _POOL, Filter(_LABELS, _labels),
                _flag("counted", "Only nodes that count (true) or do not (false).", lambda row: row.counted),
                _flag("over", "Only nodes with more requests or limits than is allocatable (true).", _past), _UNBOUNDED,
            ),
        ),
        Collection(
            "pools", "Pools of nodes, in the order of their names", ScopeRow, ("scope",),
            (_SCOPE, _flag("over", "Only scopes past a threshold (true) or within all (false).", _over)),
        ),
        Collection(
            "namespaces", "Namespaces and what their pods commit", GroupRow, ("name",),
            (_equal("name", "Only the namespace of this name."), _UNBOUNDED),
        ),
        Collection(
            "workloads", "Workloads (top owners) and what their pods commit", GroupRow, ("namespace", "kind", "name"),
            (
                _NAMESPACE, _equal("kind", "Only workloads of this kind, such as Deployment."),
                _equal("name", "Only workloads of this name."), _UNBOUNDED,
            ),
        ),
        Collection(
            "pods", "Live pods and what each commits", PodRow, ("namespace", "name", "uid"),
            (
                _NAMESPACE, _equal("node", "Only pods on this node."), _POOL, Filter(_WORKLOAD, _of_workload),
                _flag("counted", "Only pods that count (true) or do not (false).", lambda row: row.counted), _UNBOUNDED,
                _flag(
                    "unreviewed", "Only pods that nobody reviewed (true) or that were reviewed (false).",
                    lambda row: row.unreviewed is not None,
                ),
            ),
        ),
        Collection(
            "groups",
            "What the pods on the nodes with each value of a label commit, for example by zone",
            GroupRow,
            ("name",),
            (_UNBOUNDED,),
            required=(Parameter("label", "string", "The label of nodes, such as topology.kubernetes.io/zone."),),
        ),
        Collection(
            "denials", "Recent refusals, and in trial modes what would have been refused; the newest first", DenialRow,
            ("namespace", "name", "kind", "replica"),
            (_NAMESPACE, _SCOPE, _equal("reason", "Only refusals for this reason.")), "-ts",
        ),
        Collection(
            "blocked", "Owners whose pods were refused and who are still short of them", BlockedRow,
            ("namespace", "kind", "name"), (_NAMESPACE, _SCOPE),
        ),
    )
}  # fmt: skip


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


@cache
def sortable(row: type[Row]) -> dict[str, str]:
    """Return the fields that rows can be sorted by: from the names in JSON to the paths of attributes."""
    found = dict[str, str]()
    for field in msgspec.structs.fields(row):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            for name, path in sortable(field.type).items():
                found[f"{field.encode_name}.{name}"] = f"{field.name}.{path}"
        elif not str(field.type).startswith(("dict", "tuple")):
            found[field.encode_name] = field.name
    return found


class Arranged(NamedTuple):
    """The rows of a listing in ascending order of `keys`; a descending listing is read from the end."""

    rows: Sequence[Any]
    keys: Sequence[tuple[Any, ...]]


def arrange(query: Query, rows: Iterable[Any]) -> Arranged:
    """Select and sort rows."""
    chosen = [row for row in rows if all(test(row) for test in query.tests)]
    key = _key(query)
    pairs = sorted(((key(row), index) for index, row in enumerate(chosen)))
    return Arranged([chosen[index] for _, index in pairs], [found for found, _ in pairs])


def _test(each: Filter, value: str) -> Test:
    try:
        return each.test(value)
    except ValueError as error:
        raise QueryError(each.parameter.name, str(error)) from error


def _key(query: Query) -> Callable[[Any], tuple[Any, ...]]:
    """Return what rows are sorted by; unknown values come last in either direction."""
    identity = [attrgetter(name) for name in query.collection.identity]
    path = sortable(query.collection.row)[query.sort] if query.sort else ""
    get = attrgetter(path) if path else None

    def key(row: Any) -> tuple[Any, ...]:
        named = tuple(each(row) or "" for each in identity)
        if get is None:
            return named
        value = get(row)
        unknown = value is None
        return (unknown is not query.descending, "" if unknown else value, *named)

    return key


class Page(NamedTuple):
    """Some rows of a listing; `after` leads to those that follow, None if there are none.

    `remaining` is how many follow, None if that is not known.
    """

    rows: Sequence[Any]
    after: str | None
    remaining: int | None


def page(query: Query, arranged: Arranged) -> Page:
    """Return the page that the query asks for; raises `QueryError`."""
    rows, keys = arranged
    if query.descending:
        end = _position(query, keys) if query.after else len(rows)
        begin = max(0, end - query.limit)
        return Page(rows[begin:end][::-1], token(query, keys[begin]) if begin else None, begin)
    begin = _position(query, keys) if query.after else 0
    end = min(len(rows), begin + query.limit)
    after = token(query, keys[end - 1]) if end < len(rows) else None
    return Page(rows[begin:end], after, len(rows) - end)


def _position(query: Query, keys: Sequence[tuple[Any, ...]]) -> int:
    """Return how many keys lie before the one of the token; with an ascending order, including that one."""
    last = last_key(query)
    low, high = 0, len(keys)
    try:
        while low < high:
            middle = (low + high) // 2
            if keys[middle] < last or (keys[middle] == last and not query.descending):
                low = middle + 1
            else:
                high = middle
    except TypeError as error:
        raise foreign() from error
    return low


def token(query: Query, key: tuple[Any, ...]) -> str:
    """Return the token of the page that begins after this key."""
    return base64.urlsafe_b64encode(msgspec.json.encode((_mark(query), key))).decode().rstrip("=")


def last_key(query: Query) -> tuple[Any, ...]:
    """Return the key after which the page begins; raises `QueryError`."""
    try:
        mark, key = msgspec.json.decode(
            base64.b64decode(query.after + "=" * (-len(query.after) % 4), b"-_", validate=True),
            type=tuple[str, list[Any]],
        )
    except (msgspec.DecodeError, UnicodeError, binascii.Error, ValueError, RecursionError) as error:
        raise foreign() from error
    if mark != _mark(query):
        raise foreign()
    return tuple(key)


def _mark(query: Query) -> str:
    return hashlib.blake2b(repr(query.selection).encode(errors="replace"), digest_size=6).hexdigest()


def foreign() -> QueryError:
    """Return the error for a token that leads nowhere."""
    return QueryError(
        "continue",
        "this token belongs to no listing with these parameters: repeat those of the page before, or begin again",
    )


def field_names(collection: Collection) -> Mapping[str, str]:
    """Return the fields that `sortBy` takes."""
    return sortable(collection.row)

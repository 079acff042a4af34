"""Pages of a listing: its rows in order, and the token that leads from one page to the next.

A token says after which row the next page begins, not at which position. So a page that is read after the account has
changed neither repeats a row nor leaves one out that stays where it was.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from webhook.core.reporting.collection import sortable
from webhook.core.reporting.query import Query, QueryError


class Arranged(NamedTuple):
    """The rows of a listing in ascending order of `keys`; a descending listing is read from the end."""

    rows: Sequence[Any]
    keys: Sequence[tuple[Any, ...]]


def arrange(query: Query, rows: Iterable[Any]) -> Arranged:
    """Select and sort rows."""
    chosen = [row for row in rows if all(test(row) for test in query.tests)] if query.tests else [*rows]
    keys = _keys(query, chosen)
    order = sorted(range(len(chosen)), key=keys.__getitem__)
    return Arranged([chosen[index] for index in order], [keys[index] for index in order])


def _keys(query: Query, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return what rows are sorted by; unknown values come last in either direction."""
    named = [[each or "" for each in map(attrgetter(name), rows)] for name in query.collection.identity]
    path = sortable(query.collection.row)[query.sort] if query.sort else ""
    if not path:
        return [*zip(*named, strict=True)]
    values, last = [*map(attrgetter(path), rows)], query.descending
    unknown = [(value is None) is not last for value in values]
    return [*zip(unknown, ["" if value is None else value for value in values], *named, strict=True)]


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

"""The parts of the page as text and geometry: what a template lays out. Its other modules make them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

PAGE: Final = 50  # rows of a list that are shown at once
TRACK: Final = 1000  # units of a load line's track
Tone = Literal["calm", "near", "over", "unknown"]


class Bar(NamedTuple):
    """A load line in thousandths of its track; `whole` is where 100 % of allocatable is, if the track goes beyond."""

    placed: int
    on_its_way: int
    threshold: int | None
    without_largest: int | None
    whole: int | None


class LineView(NamedTuple):
    """One sum: its load line and figures. `exact` has the bytes, for a tooltip; `said` is for a screen reader.

    `then` is the load line as it would be with what is tried, and `then_said` what is free and committed then.
    """

    what: str
    bar: Bar
    tone: Tone
    free: str
    committed: str
    bound: str
    threshold: str
    exact: str
    said: str
    then: Bar | None = None
    then_said: str = ""


class Slider(NamedTuple):
    """A threshold to try, in whole percent: its path in the configuration, what it is now, and what is tried."""

    path: str
    label: str
    now: int
    value: int


class WhatIfView(NamedTuple):
    """What may be tried, and what would come of it: sentences, and the settings to apply as text."""

    sliders: tuple[Slider, ...]
    lost: tuple[str, ...]
    answers: tuple[str, ...]
    settings: str


class ScopeView(NamedTuple):
    """One scope, and what is to be said of its nodes."""

    name: str
    note: str
    lines: tuple[LineView, ...]


class Cell(NamedTuple):
    """One cell of a table; `bar` draws a small load line below the text, `title` is a tooltip."""

    text: str
    bar: Bar | None = None
    tone: Tone = "calm"
    title: str = ""


class Row(NamedTuple):
    """One row: a key that stays the same while the row does, its cells, and the command that a person types next.

    `into` changes the query so that it shows what the row is made of; empty if there is nothing.
    """

    key: str
    cells: tuple[Cell, ...]
    command: str
    into: Mapping[str, str] = MappingProxyType({})


class Column(NamedTuple):
    """A title, whether it is a figure, and the value of `sort` that orders by it."""

    title: str
    right: bool
    sort: str


class ListView(NamedTuple):
    """A table, cut to one page: rows `first` to `last` of `total` (of `unfiltered` before the search)."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    first: int
    last: int
    total: int
    unfiltered: int
    page: int
    pages: int

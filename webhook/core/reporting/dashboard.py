"""The dashboard: the whole account in one frame of a terminal, whatever its size.

    Room for 5.2Gi of requests and 1.5Gi of limits. 2 workloads are waiting.
    as of 12:04:31 · mode enforce · configuration 0123456789ab

    cluster  requests  ████████████████████▓▓░░░░┆░░│░░░░░   5.2Gi free  12.8Gi of 18Gi   75%

    Waiting now (2) … Namespaces (14) … Last refusals (3) …

Tables are cut to what fits, in turns, so that a long one hides no other.
"""

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from webhook.core.reporting.refusal_text import blocked_table, denials_table
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, Line, ScopeRow
from webhook.core.reporting.summary import verdict
from webhook.core.reporting.tables import Table, groups_table, load_lines

_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_NEAR, _FULL = "  near", "  full"
_NARROWEST: Final = 8  # characters that are left of a column of text
_SPARE: Final = (
    "ONE ASKS",
    "REFUSED",
    "DECISION",
    "TIMES",
    "SHORT OF",
    "MISSING",
)  # left out first, where it is narrow
_HEADS: Final = 3  # lines of a table beside its rows: an empty one, its name, its titles
_MOST_ROWS: Final = 200

Look = Literal["plain", "quiet", "title", "near", "over"]


class Seen(NamedTuple):
    """What a frame shows; `blocked` and `denials` are None where nobody knows them."""

    commitment: Commitment
    namespaces: Sequence[GroupRow]
    blocked: Sequence[BlockedRow] | None
    denials: Sequence[DenialRow] | None


class Styled(NamedTuple):
    """One line of text, and how it looks."""

    text: str
    look: Look = "plain"


class _Section(NamedTuple):
    name: str
    rows: Sequence[object]
    table: Callable[[int], Table]  # of the first rows
    none: str  # said where there are no rows


def frame(seen: Seen, width: int, height: int) -> list[Styled]:
    """Return the lines of a frame: none is longer than `width`, and there are at most `height`."""
    lines = [*_head(seen, width), Styled(""), *_loads(seen.commitment, width, max(2, height // 3))]
    sections = _sections(seen)
    left = height - len(lines)
    shown = [each for each in sections if each.rows]
    wanted = [min(len(each.rows), _MOST_ROWS) for each in shown]
    rows = dict(zip((each.name for each in shown), shared(wanted, left - _needed(sections)), strict=True))
    for each in sections:
        lines += _drawn(each, rows.get(each.name, 0), width)
    return [Styled(_cut(line.text, width), line.look) for line in lines[:height]]


def shared(wanted: Sequence[int], room: int) -> list[int]:
    """Share room out in turns: nobody gets more than they want, and what one does not want is for the others."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for number, want in enumerate(wanted):
            if given[number] < want and room > 0:
                given[number] += 1
                room -= 1
    return given


def _needed(sections: Sequence[_Section]) -> int:
    return sum(_HEADS if each.rows else 2 for each in sections)


def _head(seen: Seen, width: int) -> Iterator[Styled]:
    commitment = seen.commitment
    said = verdict(commitment, None if seen.blocked is None else len(seen.blocked))
    look = _worst(commitment)
    yield from (Styled(line, "title" if look == "plain" else look) for line in wrap(said, max(20, width)))
    age = f", {round(commitment.age)} s ago" if commitment.age >= 5 else ""
    stale = "stale: " if commitment.problem else ""
    state = f"as of {commitment.as_of[11:19]}{age} · mode {commitment.mode} · configuration {commitment.config_hash}"
    yield Styled(f"{stale}{state}", "quiet")


def _worst(commitment: Commitment) -> Look:
    looks = {_look(line, commitment.warn_at) for scope in commitment.scopes for line in _bounded(scope)}
    return "over" if "over" in looks or commitment.problem else "near" if "near" in looks else "plain"


def _bounded(scope: ScopeRow) -> list[Line]:
    lines = (line for r in (scope.memory, scope.cpu) for line in (r.requests, r.limits))
    return [line for line in lines if line.bound is not None]


def _look(line: Line, warn_at: float) -> Look:
    if line.free is not None and line.free < 0:
        return "over"
    return "near" if _fill(line) >= warn_at else "plain"


def _fill(line: Line) -> float:
    charged = line.committed + line.granted
    return charged / line.bound if line.bound else float(charged > 0)


def _loads(commitment: Commitment, width: int, most: int) -> Iterator[Styled]:
    """Yield the load lines of the cluster and of the fullest pools, as far as they fit into `most` lines."""
    cluster, *pools = commitment.scopes
    pools.sort(key=lambda scope: -max(map(_fill, _bounded(scope)), default=0.0))
    chosen, lines = [cluster], len(_bounded(cluster))
    for pool in pools:
        lines += len(_bounded(pool))
        if lines > most:
            break
        chosen.append(pool)
    drawn = load_lines(replace(commitment, scopes=tuple(chosen)), width - len(_NEAR))
    looks = [_look(line, commitment.warn_at) for scope in chosen for line in _bounded(scope)]
    for text, look in zip(drawn, looks, strict=True):
        word = "" if look != "near" else _FULL if " 0 free " in text else _NEAR
        yield Styled(f"{text}{word}", look)  # past the threshold, the figure says so
    hidden = len(pools) + 1 - len(chosen)
    if hidden:
        yield Styled(f"and {hidden} more pool{'s' if hidden > 1 else ''} with more room", "quiet")


def _sections(seen: Seen) -> list[_Section]:
    blocked, denials = seen.blocked or (), seen.denials or ()
    unknown = "only Headroom in the cluster knows, and it is not asked"
    return [
        _Section(
            "Waiting now",
            blocked,
            lambda most: blocked_table(blocked[:most]),
            unknown if seen.blocked is None else "nobody",
        ),
        _Section(
            "Namespaces",
            seen.namespaces,
            lambda most: groups_table(seen.namespaces[:most], "NAMESPACE"),
            "none has a pod",
        ),
        _Section(
            "Last refusals",
            denials,
            lambda most: denials_table(denials[:most]),
            unknown if seen.denials is None else "none",
        ),
    ]


def _drawn(section: _Section, most: int, width: int) -> Iterator[Styled]:
    yield Styled("")
    number = len(section.rows)
    if not number:
        yield Styled(f"{section.name}: {section.none}", "quiet")
        return
    cut = f"{most} of {number}" if most < number else str(number)
    yield Styled(f"{section.name} ({cut})", "title")
    if most > 0:
        titles, *rows = narrowed(section.table(most), width).lines()
        yield Styled(titles, "quiet")
        yield from map(Styled, rows)


def narrowed(table: Table, width: int) -> Table:
    """Return the table so that its lines fit into `width`.

    What people need least is left out first; then columns of text are cut, the widest first.
    """
    for title in _SPARE:
        if _excess(_widths(table), width) > 0 and title in table.titles:
            table = _without(table, table.titles.index(title))
    widths = _widths(table)
    for _ in range(_excess(widths, width)):
        text = [number for number, right in enumerate(table.right) if not right and widths[number] > _NARROWEST]
        if not text:
            break
        widths[max(text, key=lambda number: widths[number])] -= 1
    titles, *rows = (tuple(map(_cut, row, widths)) for row in (table.titles, *table.rows))
    return Table(titles, tuple(rows), table.right)


def _widths(table: Table) -> list[int]:
    return [max(map(len, column)) for column in zip(table.titles, *table.rows, strict=True)]


def _excess(widths: Sequence[int], width: int) -> int:
    return max(0, sum(widths) + 2 * (len(widths) - 1) - width)


def _without(table: Table, column: int) -> Table:
    rows = tuple((*row[:column], *row[column + 1 :]) for row in table.rows)
    return Table(
        (*table.titles[:column], *table.titles[column + 1 :]), rows, (*table.right[:column], *table.right[column + 1 :])
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}{_ELLIPSIS}"

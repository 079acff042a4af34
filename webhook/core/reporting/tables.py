"""Tables: the rows of a report as text in columns, for the terminal and for CSV-like uses.

One unit holds for a whole column of memory, so that figures can be compared at a glance. Committed figures are rounded
up and free ones down, so a rounded figure never hides an overrun. The exact bytes are in the JSON of the same rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from webhook.core.reporting.load_line import draw, load_line
from webhook.core.reporting.rows import Commitment, GroupRow, Line, NodeRow, PodRow, ScopeRow
from webhook.core.reviews.messages import printable
from webhook.core.values.quantity import millis_text
from webhook.core.values.scale import Scale, scale

UNKNOWN: Final = "\N{EN DASH}"
NO_LIMIT: Final = "no limit"
_NAME = 63  # characters of a name, as long as Kubernetes lets a namespace be
_DECIMALS = 2
_LEAST_TRACK, _MOST_TRACK = 8, 60  # characters of a load line
_SCOPE = 20  # characters of a scope's name beside a load line

Rounding = Literal["up", "down"]


class Table(NamedTuple):
    """Titles and cells; `right` says which columns are figures, which are aligned to the right."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]

    def lines(self, *, titles: bool = True) -> list[str]:
        """Return aligned lines; a table without rows has none."""
        if not self.rows:
            return []
        rows = [self.titles, *self.rows] if titles else list(self.rows)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligned = [tuple(map(_pad, row, widths, self.right)) for row in rows]
        return ["  ".join(row).rstrip() for row in aligned]


class _Column(NamedTuple):
    title: str
    cells: list[str]
    right: bool = False


def memory_column(amounts: Sequence[int | None], rounding: Rounding = "up") -> list[str]:
    """Write amounts of bytes in one unit, that of the largest; None is unknown."""
    known = [abs(amount) for amount in amounts if amount is not None]
    unit = scale(max(known, default=0)).unit
    shared = Scale(unit, _DECIMALS if unit else 0)
    steps: Callable[[int], int] = shared.up if rounding == "up" else shared.down
    return [UNKNOWN if amount is None else shared.text(steps(amount)) for amount in amounts]


def percent(ratio: float | None) -> str:
    """Write a share as a percentage, rounded up to a whole one, so that 100% is never shown for less room than that."""
    return UNKNOWN if ratio is None else f"{-int(-ratio * 1000 // 10)}%"


class _Sum(NamedTuple):
    """One bounded sum: where and what it is, and the figures of its line."""

    scope: str
    what: str
    is_memory: bool
    line: Line
    allocatable: int


def load_lines(commitment: Commitment, width: int) -> list[str]:
    """Return one load line for each bounded sum of each scope, in at most `width` characters, with its three figures.

    The figures are what is free, what is committed of what bound, and the threshold.
    """
    sums = [each for scope in commitment.scopes for each in _bounded(scope)]
    if not sums:
        return []
    scopes = [_short(each.scope) if not i or each.scope != sums[i - 1].scope else "" for i, each in enumerate(sums)]
    cells = list(zip(scopes, [each.what for each in sums], *zip(*_figures(sums), strict=True), strict=True))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    track = max(_LEAST_TRACK, min(_MOST_TRACK, width - sum(widths) - 2 * len(widths)))
    return [
        "  ".join(
            (
                *map(str.ljust, row[:2], widths[:2]),
                draw(load_line(each.line, each.allocatable), track),
                *map(str.rjust, row[2:], widths[2:]),
            )
        )
        for row, each in zip(cells, sums, strict=True)
    ]


def _short(name: str) -> str:
    return name if len(name) <= _SCOPE else f"{name[: _SCOPE - 1]}\N{HORIZONTAL ELLIPSIS}"


def _bounded(scope: ScopeRow) -> Iterator[_Sum]:
    for resource, lines in (("", scope.memory), ("cpu ", scope.cpu)):
        for kind, line in (("requests", lines.requests), ("limits", lines.limits)):
            if line.bound is not None:
                yield _Sum(scope.scope, resource + kind, not resource, line, lines.allocatable)


def _figures(sums: Sequence[_Sum]) -> Iterator[tuple[str, str, str]]:
    """Yield, for each sum, what is free, what is committed of what bound, and the threshold."""
    free = _amounts(sums, [abs(each.line.free or 0) for each in sums], "down")
    over = _amounts(sums, [abs(each.line.free or 0) for each in sums], "up")
    committed = _amounts(sums, [each.line.committed + each.line.granted for each in sums], "up")
    bound = _amounts(sums, [each.line.bound for each in sums], "down")
    for number, each in enumerate(sums):
        is_over = each.line.free is not None and each.line.free < 0
        left = f"{over[number]} over" if is_over else f"{free[number]} free"
        yield left, f"{committed[number]} of {bound[number]}", percent(each.line.threshold)


def _amounts(sums: Sequence[_Sum], amounts: Sequence[int | None], rounding: Rounding) -> list[str]:
    """Write one amount of each sum: those of memory in one unit, those of cpu by themselves."""
    of_memory = iter(
        memory_column([amount for each, amount in zip(sums, amounts, strict=True) if each.is_memory], rounding)
    )
    return [
        next(of_memory) if each.is_memory else UNKNOWN if amount is None else millis_text(amount)
        for each, amount in zip(sums, amounts, strict=True)
    ]


def nodes_table(nodes: Sequence[NodeRow], *, wide: bool = False, labels: Sequence[str] = ()) -> Table:
    """Return the table of nodes; `labels` adds a column for each label, as `kubectl get -L` does."""
    columns = [
        _names("NODE", [node.name for node in nodes]),
        _Column("POOL", [node.pool or "-" for node in nodes]),
        _Column("COUNTS", ["yes" if node.counted else f"no: {node.why_not}" for node in nodes]),
        _Column("PODS", [_of(node.pods, node.pods_max) for node in nodes], right=True),
        *_use("REQUESTS", [node.memory.requests for node in nodes], [node.memory.requests_ratio for node in nodes]),
        *_use("LIMITS", [node.memory.limits for node in nodes], [node.memory.limits_ratio for node in nodes]),
        _Column(
            "FREE",
            memory_column([node.memory.allocatable - node.memory.requests for node in nodes], "down"),
            right=True,
        ),
    ]
    if wide:
        columns += [
            _Column("ALLOCATABLE", memory_column([node.memory.allocatable for node in nodes], "down"), right=True),
            _Column("CPU REQUESTS", [millis_text(node.cpu.requests) for node in nodes], right=True),
            _Column("CPU LIMITS", [millis_text(node.cpu.limits) for node in nodes], right=True),
            _Column("CPU", [millis_text(node.cpu.allocatable) for node in nodes], right=True),
            _Column("UNBOUNDED", [str(node.unbounded_containers) for node in nodes], right=True),
            _Column("BEST-EFFORT", [str(node.best_effort_pods) for node in nodes], right=True),
        ]
    columns += [_Column(_last(label).upper(), [node.labels.get(label, "") for node in nodes]) for label in labels]
    return _table(columns)


def groups_table(groups: Sequence[GroupRow], by: str, *, wide: bool = False) -> Table:
    """Return the table of namespaces, workloads, or nodes by a label (`by` is the title of the first column)."""
    columns = []
    if any(group.kind not in ("Namespace", "Label") for group in groups):
        columns.append(_names("NAMESPACE", [group.namespace or "-" for group in groups]))
        columns.append(_names(by, [f"{group.kind}/{group.name}" for group in groups]))
    else:
        columns.append(_names(by, [group.name or "(none)" for group in groups]))
    columns += [
        _Column("PODS", [str(group.pods) for group in groups], right=True),
        _Column("REQUESTS", memory_column([group.memory.requests for group in groups]), right=True),
        _Column("SHARE", [percent(group.memory_share) for group in groups], right=True),
        _Column("LIMITS", _limits(groups), right=True),
        _Column("NOTE", [_note(group) for group in groups]),
    ]
    if wide:
        columns[-1:-1] = [
            _Column("CPU REQUESTS", [millis_text(group.cpu.requests) for group in groups], right=True),
            _Column("CPU LIMITS", [millis_text(group.cpu.limits) for group in groups], right=True),
            _Column("PENDING", [str(group.pending_pods) for group in groups], right=True),
        ]
    return _table(columns)


def pods_table(pods: Sequence[PodRow], *, wide: bool = False) -> Table:
    """Return the table of pods."""
    columns = [
        _names("NAMESPACE", [pod.namespace for pod in pods]),
        _names("POD", [pod.name for pod in pods]),
        _names("NODE", [pod.node or "(not bound)" for pod in pods]),
        _Column("REQUESTS", memory_column([pod.memory.requests for pod in pods]), right=True),
        _Column("LIMITS", _limits(pods), right=True),
        _Column("NOTE", [_pod_note(pod) for pod in pods]),
    ]
    if wide:
        columns[-1:-1] = [
            _Column("CPU REQUESTS", [millis_text(pod.cpu.requests) for pod in pods], right=True),
            _Column("CPU LIMITS", [millis_text(pod.cpu.limits) for pod in pods], right=True),
            _names("WORKLOAD", [_workload(pod) for pod in pods]),
        ]
    return _table(columns)


def _table(columns: Sequence[_Column]) -> Table:
    rows = zip(*(column.cells for column in columns), strict=True)
    return Table(tuple(c.title for c in columns), tuple(rows), tuple(c.right for c in columns))


def _names(title: str, names: Iterable[str]) -> _Column:
    return _Column(title, [printable(name, 2 * _NAME) for name in names])


def _use(title: str, amounts: Sequence[int], ratios: Sequence[float | None]) -> list[_Column]:
    return [
        _Column(title, memory_column(amounts), right=True),
        _Column("%", [percent(ratio).removesuffix("%") for ratio in ratios], right=True),
    ]


def _limits(rows: Sequence[GroupRow | PodRow]) -> list[str]:
    """Write declared limits; `+` where some pods have none as well."""
    declared = memory_column([row.memory.limits for row in rows])
    return [
        NO_LIMIT if row.memory.unbounded and not row.memory.limits else f"{text}{'+' if row.memory.unbounded else ''}"
        for row, text in zip(rows, declared, strict=True)
    ]


def _note(group: GroupRow) -> str:
    notes = []
    if group.unbounded_containers:
        notes.append(f"{group.unbounded_containers} without limit")
    if group.best_effort_pods:
        notes.append(f"{group.best_effort_pods} best-effort")
    if group.pending_pods:
        notes.append(f"{group.pending_pods} pending")
    notes += [f"{number} not reviewed ({why})" for why, number in sorted(group.unreviewed.items())]
    return ", ".join(notes)


def _pod_note(pod: PodRow) -> str:
    notes = [] if pod.counted else ["does not count"]
    if pod.unbounded_containers:
        notes.append(f"{pod.unbounded_containers} without limit")
    if pod.best_effort:
        notes.append("best-effort")
    if pod.unreviewed:
        notes.append(f"not reviewed ({pod.unreviewed})")
    return ", ".join(notes)


def _workload(pod: PodRow) -> str:
    return f"{pod.workload_kind}/{pod.workload_name}" if pod.workload_kind else "-"


def _of(number: int, most: int | None) -> str:
    return str(number) if most is None else f"{number}/{most}"


def _last(label: str) -> str:
    return label.rpartition("/")[2]


def _pad(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)

"""Answers to check, fit and simulate as text for people."""

from collections.abc import Iterator, Sequence

from webhook.core.reporting.load_line import draw, load_line
from webhook.core.reporting.rows import CheckRow, Commitment, Line, ScopeRow
from webhook.core.reporting.tables import Table, memory_column
from webhook.core.reviews.messages import printable
from webhook.core.values.quantity import bytes_text, millis_text

_NAME = 120


def check_lines(rows: Sequence[CheckRow], skipped: Sequence[str]) -> Iterator[str]:
    """Yield the verdict, a row for each object, then the sentence of each that does not fit."""
    yield checked(rows)
    if rows:
        yield ""
        yield from check_table(rows).lines()
    for row in rows:
        if row.message:
            yield ""
            yield f"{row.kind}/{row.name}: {row.message}"
        for warning in row.warnings:
            yield f"Warning: {row.kind}/{row.name}: {printable(warning, 400)}"
    if skipped:
        yield ""
        yield f"skipped, because they commit no resources: {', '.join(sorted(set(skipped)))}"


def checked(rows: Sequence[CheckRow]) -> str:
    """Say whether all pods fit, and else which is the first that does not."""
    short = [row for row in rows if row.fits < row.missing]
    if not rows:
        return "There is no pod in these manifests."
    if not short:
        missing = sum(row.missing for row in rows)
        if missing == 1:
            return "The pod fits."
        return f"All {missing} pods fit." if missing else "Nothing is missing: all these pods are there."
    first = short[0]
    which = f"{first.fits + 1} of {first.missing}"
    return f"Not all pods fit: pod {which} of {first.kind}/{first.name} would be refused."


def check_table(rows: Sequence[CheckRow]) -> Table:
    """Return a row for each object, in the order of the input."""
    requests = memory_column([row.asks_requests for row in rows])
    limits = memory_column([row.asks_limits for row in rows])
    cells = tuple(
        (
            printable(row.namespace, _NAME),
            printable(f"{row.kind}/{row.name}", _NAME),
            f"{row.living}/{row.wanted}",
            str(row.missing),
            str(row.fits),
            requests[number],
            limits[number],
            row.reason,
        )
        for number, row in enumerate(rows)
    )
    titles = ("NAMESPACE", "OBJECT", "THERE", "MISSING", "FIT", "REQUESTS", "LIMITS", "REASON")
    return Table(titles, cells, (False, False, True, True, True, True, True, False))


def fit_line(sets: int, *, by_thresholds: int | None, by_nodes: int, what: str, which: str) -> str:
    """Say how many more fit, and what binds first; `what` names a set, `which` the sum that runs out."""
    if by_thresholds is None:
        return f"Room for {by_nodes} more {what}: no threshold concerns them; the nodes decide."
    if by_nodes < by_thresholds:
        return f"Room for {sets} more {what}: the nodes run out first, in pieces; {which} would let in {by_thresholds}."
    return f"Room for {sets} more {what}: {which} run out first; the nodes could hold {by_nodes}."


def compared(before: Commitment, after: Commitment, width: int) -> Iterator[str]:
    """Yield two load lines for each sum with a threshold, as it is and as it would be."""
    then = {scope.scope: scope for scope in after.scopes}
    now = {scope.scope: scope for scope in before.scopes}
    for name in dict.fromkeys([*now, *then]):
        for what, is_memory in (("memory", True), ("cpu", False)):
            for kind in ("requests", "limits"):
                lines = [
                    (said, *_sum(scope, what, kind))
                    for said, scope in (("now", now.get(name)), ("then", then.get(name)))
                    if scope is not None
                ]
                if any(line.bound is not None for _, line, _ in lines):
                    yield f"{name} {what} {kind}"
                    for said, line, allocatable in lines:
                        text = bytes_text if is_memory else _cpu
                        drawn = draw(load_line(line, allocatable), max(8, min(40, width - 40)))
                        charged = text(line.committed + line.granted)
                        bound = "no threshold" if line.bound is None else f"of {text(line.bound)}"
                        yield f"  {said:4}  {drawn}  {charged} {bound}"


def _sum(scope: ScopeRow, resource: str, kind: str) -> tuple[Line, int]:
    lines = scope.memory if resource == "memory" else scope.cpu
    return (lines.requests if kind == "requests" else lines.limits), lines.allocatable


def _cpu(amount: int) -> str:
    return millis_text(amount)

"""The scopes on the page: load lines with their figures, what is to be said of nodes, and thresholds to try."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from webhook.core.reporting.load_line import LoadLine, load_line
from webhook.core.reporting.page_parts import TRACK, Bar, LineView, ScopeView, Slider, Tone
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.rows import BlockedRow, Commitment, Line, ScopeRow
from webhook.core.reporting.tables import percent
from webhook.core.values.quantity import bytes_text, millis_text
from webhook.core.values.scopes import CLUSTER


def sliders(scopes: Iterable[ScopeRow], query: Query) -> Iterator[Slider]:
    tried = dict(query.tried)
    for scope in scopes:
        base = "" if scope.scope == CLUSTER else f"pools.{scope.scope}."
        for resource, kind, line in _sums(scope):
            if line.threshold is not None:
                path = f"{base}thresholds.{resource}.{kind}"
                now = round(line.threshold * 100)
                wanted = tried.get(path, "").removesuffix("%")
                value = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 5 else now
                yield Slider(path, f"{scope.scope}: {resource} {kind}", now, value)


def _sums(scope: ScopeRow) -> Iterator[tuple[str, str, Line]]:
    for resource, both in (("memory", scope.memory), ("cpu", scope.cpu)):
        yield resource, "requests", both.requests
        yield resource, "limits", both.limits


def fullest_first(commitment: Commitment) -> list[ScopeRow]:
    """Return the cluster, then the pools, the fullest first."""
    cluster, *pools = commitment.scopes
    return [cluster, *sorted(pools, key=lambda scope: -max((_fill(line) for line in _bounded(scope)), default=0.0))]


def _bounded(scope: ScopeRow) -> list[Line]:
    lines = (line for r in (scope.memory, scope.cpu) for line in (r.requests, r.limits))
    return [line for line in lines if line.bound is not None]


def _fill(line: Line) -> float:
    charged = line.committed + line.granted
    return charged / line.bound if line.bound else float(charged > 0)


def tone(line: Line, warn_at: float) -> Tone:
    """Return how a sum is to be shown: calm, near its threshold (from `warn_at` on), or over it."""
    if line.free is not None and line.free < 0:
        return "over"
    return "near" if line.bound is not None and _fill(line) >= warn_at else "calm"


def tone_of(commitment: Commitment, blocked: Sequence[BlockedRow]) -> Tone:
    if commitment.problem is not None:
        return "unknown"
    tones = {tone(line, commitment.warn_at) for scope in commitment.scopes for line in _bounded(scope)}
    if "over" in tones:
        return "over"
    return "near" if "near" in tones or blocked else "calm"


def scope_view(scope: ScopeRow, warn_at: float, tried: Commitment | None) -> ScopeView:
    then = next((each for each in tried.scopes if each.scope == scope.scope), None) if tried else None
    lines = [
        _line(scope, then, resource, kind, warn_at) for resource, kind, line in _sums(scope) if line.bound is not None
    ]
    return ScopeView(scope.scope, _scope_note(scope), tuple(lines))


def _scope_note(scope: ScopeRow) -> str:
    parts = [_counted(scope.nodes_counted, scope.nodes, "node")]
    parts.append(_many(scope.pods, "pod") if scope.pods_max is None else f"{scope.pods} of {scope.pods_max} pods")
    if scope.reserve_nodes:
        used = f", used by {', '.join(scope.reserve_used)}" if scope.reserve_used else ""
        parts.append(f"reserve for {_many(scope.reserve_nodes, 'node')}{used}")
    if scope.unbounded_containers:
        parts.append(f"{_many(scope.unbounded_containers, 'container')} without a limit")
    if scope.best_effort_pods:
        parts.append(_many(scope.best_effort_pods, "best-effort pod"))
    if scope.fragmentation.largest_free:
        parts.append(f"largest free piece {bytes_text(scope.fragmentation.largest_free, down=True)}")
    return " · ".join(parts)


def _counted(counted: int, all_of_them: int, what: str) -> str:
    return _many(counted, what) if counted == all_of_them else f"{counted} of {_many(all_of_them, what)} count"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _memory(amount: int, *, down: bool = False) -> str:
    return bytes_text(amount, down=down)


def _cpu(amount: int, *, down: bool = False) -> str:  # noqa: ARG001 - cpu is always exact
    return millis_text(amount)


def _of(scope: ScopeRow, resource: str, kind: str) -> tuple[Line, int]:
    """Return a sum, and what is allocatable of its resource."""
    both = scope.memory if resource == "memory" else scope.cpu
    return (both.requests if kind == "requests" else both.limits), both.allocatable


def _line(scope: ScopeRow, then: ScopeRow | None, resource: str, kind: str, warn_at: float) -> LineView:
    line, allocatable = _of(scope, resource, kind)
    text = _memory if resource == "memory" else _cpu
    what = f"{resource} {kind}"
    bound, charged = line.bound or 0, line.committed + line.granted
    left, threshold = _left(line, text), percent(line.threshold)
    said = f"{what}: {left}, {text(charged)} committed of {text(bound, down=True)}, threshold {threshold}"
    exact = (
        f"free {line.free}, committed {line.committed}, granted {line.granted}, pending {line.pending}, bound {bound}"
    )
    shown = LineView(
        what,
        _bar(load_line(line, allocatable)),
        tone(line, warn_at),
        left,
        text(charged),
        text(bound, down=True),
        threshold,
        exact,
        said,
    )
    return shown if then is None else _with_then(shown, *_of(then, resource, kind), text)


def _with_then(shown: LineView, line: Line, allocatable: int, text: Callable[..., str]) -> LineView:
    charged = text(line.committed + line.granted)
    bound = "no threshold" if line.bound is None else f"of {text(line.bound, down=True)}"
    said = f"then {_left(line, text)}, {charged} {bound}" if line.bound is not None else f"then {charged}, {bound}"
    return shown._replace(then=_bar(load_line(line, allocatable)), then_said=said)


def _left(line: Line, text: Callable[..., str]) -> str:
    free = line.free or 0
    return f"{text(-free)} over" if free < 0 else f"{text(free, down=True)} free"


def _bar(line: LoadLine) -> Bar:
    def at(share: float | None) -> int | None:
        return None if share is None else min(TRACK, round(share / line.length * TRACK))

    placed = at(line.placed) or 0
    end = at(line.placed + line.on_its_way) or 0
    whole = at(1.0) if line.length > 1 else None
    return Bar(placed, end - placed, at(line.threshold), at(line.without_largest), whole)

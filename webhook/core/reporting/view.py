"""The view: everything that the page shows, as text and geometry, ready to be laid out by a template.

It is worked out from the rows that REST serves, so the page can show nothing else. Lists are cut to one page of rows,
so that a cluster of 5,000 nodes and 2,000 namespaces stays readable, and cheap to draw.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeVar

from webhook.core.reporting.load_line import LoadLine, load_line
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, Line, NodeRow, PodRow, ScopeRow
from webhook.core.reporting.summary import verdict
from webhook.core.reporting.tables import UNKNOWN, memory_column, percent
from webhook.core.values.quantity import bytes_text, millis_text
from webhook.core.values.scopes import CLUSTER

PAGE: Final = 50  # rows of a list that are shown at once
_SCOPES: Final = 12  # scopes shown without being asked for, the fullest first
_BY: Final = ("namespace", "workload", "pod")
_TRY: Final = "try."  # begins the names of parameters with settings to try
_MOST_PARAMETERS: Final = 100
_LONGEST: Final = 253  # characters of a value, as long as any name of Kubernetes
_TRACK: Final = 1000  # units of a load line's track
_DECISIONS: Final = 20

Tone = Literal["calm", "near", "over", "unknown"]
Item = TypeVar("Item")


class Query(NamedTuple):
    """What the URL says: which list, searched for what, in what order, which page. A link shows the same to anybody.

    `by` is namespace, workload or pod; `ns` is the namespace that is looked into, which pods need. `tried` has settings
    to try by their path, and `lost` nodes to try without.
    """

    by: str = "namespace"
    ns: str = ""
    q: str = ""
    sort: str = ""
    page: int = 1
    nodes_q: str = ""
    nodes_sort: str = ""
    nodes_page: int = 1
    tried: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()

    def parameters(self, **changed: Any) -> list[tuple[str, str]]:
        """Return the parameters of a URL with some of them changed, without those that say what is usual."""
        made = self._replace(**changed)
        found = [
            (name, str(value))
            for (name, value), usual in zip(made._asdict().items(), Query(), strict=True)
            if value != usual and name not in ("tried", "lost")
        ]
        found += [(f"{_TRY}{path}", value) for path, value in made.tried]
        return [*found, *(("lost", node) for node in made.lost)]

    @property
    def asks_what_if(self) -> bool:
        """Say whether anything is tried."""
        return bool(self.tried or self.lost)


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


class PageView(NamedTuple):
    """The page."""

    verdict: str
    tone: Tone
    as_of: str
    age: float
    problem: str | None
    mode: str
    config_hash: str
    scopes: tuple[ScopeView, ...]
    more_scopes: int
    blocked: tuple[BlockedRow, ...]
    nodes: ListView
    holders: ListView
    denials: tuple[DenialRow, ...]
    what_if: WhatIfView
    query: Query


class Tried(NamedTuple):
    """What would come of what is tried: the account then, sentences about it, and the settings to apply as text."""

    commitment: Commitment | None
    answers: tuple[str, ...]
    settings: str = ""


NOTHING_TRIED: Final = Tried(None, ())


class Shown(NamedTuple):
    """The rows that the page is made of; `holders` are those of `Query.by`, in `Query.ns` if that is given."""

    commitment: Commitment
    nodes: Sequence[NodeRow]
    holders: Sequence[GroupRow | PodRow]
    blocked: Sequence[BlockedRow]
    denials: Sequence[DenialRow]
    tried: Tried = NOTHING_TRIED


def page_view(shown: Shown, query: Query) -> PageView:
    """Return what the page shows."""
    commitment = shown.commitment
    scopes = _scopes(commitment)
    return PageView(
        verdict(commitment, len(shown.blocked)),
        _tone_of(commitment, shown.blocked),
        commitment.as_of,
        commitment.age,
        commitment.problem,
        commitment.mode,
        commitment.config_hash,
        tuple(_scope(scope, commitment.warn_at, shown.tried.commitment) for scope in scopes[:_SCOPES]),
        max(0, len(scopes) - _SCOPES),
        tuple(shown.blocked[:PAGE]),
        _nodes(shown.nodes, query),
        _holders(shown.holders, query),
        tuple(shown.denials[:_DECISIONS]),
        WhatIfView(tuple(_sliders(scopes[:_SCOPES], query)), query.lost, shown.tried.answers, shown.tried.settings),
        query,
    )


def _sliders(scopes: Iterable[ScopeRow], query: Query) -> Iterator[Slider]:
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


def _scopes(commitment: Commitment) -> list[ScopeRow]:
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


def _tone_of(commitment: Commitment, blocked: Sequence[BlockedRow]) -> Tone:
    if commitment.problem is not None:
        return "unknown"
    tones = {tone(line, commitment.warn_at) for scope in commitment.scopes for line in _bounded(scope)}
    if "over" in tones:
        return "over"
    return "near" if "near" in tones or blocked else "calm"


def _scope(scope: ScopeRow, warn_at: float, tried: Commitment | None) -> ScopeView:
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
        return None if share is None else min(_TRACK, round(share / line.length * _TRACK))

    placed = at(line.placed) or 0
    end = at(line.placed + line.on_its_way) or 0
    whole = at(1.0) if line.length > 1 else None
    return Bar(placed, end - placed, at(line.threshold), at(line.without_largest), whole)


def _nodes(nodes: Sequence[NodeRow], query: Query) -> ListView:
    columns = (
        Column("Node", False, "name"),
        Column("Counts", False, "counted"),
        Column("Pods", True, "pods"),
        Column("Requests", True, "requests"),
        Column("Limits", True, "limits"),
        Column("Free", True, "free"),
    )
    keys: dict[str, Callable[[NodeRow], Any]] = {
        "name": lambda n: n.name,
        "counted": lambda n: (n.counted, n.why_not or ""),
        "pods": lambda n: -n.pods,
        "requests": lambda n: -(n.memory.requests_ratio or 0.0),
        "limits": lambda n: -(n.memory.limits_ratio or 0.0),
        "free": lambda n: n.memory.allocatable - n.memory.requests,
    }
    found = [n for n in nodes if query.nodes_q.lower() in f"{n.name} {n.pool or ''}".lower()]
    found.sort(key=lambda n: n.name)
    found.sort(key=keys.get(query.nodes_sort, keys["requests"]))
    some, numbers = _cut(found, query.nodes_page)
    texts = zip(
        memory_column([n.memory.requests for n in some]),
        memory_column([n.memory.limits for n in some]),
        memory_column([n.memory.allocatable - n.memory.requests for n in some], "down"),
        strict=True,
    )
    rows = tuple(_node(node, *each) for node, each in zip(some, texts, strict=True))
    return ListView(columns, rows, *numbers[:2], len(found), len(nodes), *numbers[2:])


def _node(node: NodeRow, requests: str, limits: str, free: str) -> Row:
    where = node.name if node.pool is None else f"{node.name} · {node.pool}"
    ratio = node.memory.requests_ratio or 0.0
    length = max(1.0, ratio)
    filled = Bar(round(min(1.0, ratio / length) * _TRACK), 0, None, None, round(_TRACK / length) if ratio > 1 else None)
    pods = str(node.pods) if node.pods_max is None else f"{node.pods}/{node.pods_max}"
    cells = (
        Cell(where),
        Cell("yes" if node.counted else f"no: {node.why_not}", tone="calm" if node.counted else "near"),
        Cell(pods),
        Cell(f"{requests} · {percent(node.memory.requests_ratio)}", filled, title=f"{node.memory.requests} bytes"),
        Cell(f"{limits} · {percent(node.memory.limits_ratio)}", title=f"{node.memory.limits} bytes"),
        Cell(free, title=f"{node.memory.allocatable - node.memory.requests} bytes"),
    )
    return Row(f"node/{node.name}", cells, f"kubectl describe node {node.name}")


def _holders(holders: Sequence[GroupRow | PodRow], query: Query) -> ListView:
    keys: dict[str, Callable[[GroupRow | PodRow], Any]] = {
        "name": lambda h: (h.namespace or "", h.name),
        "requests": lambda h: -h.memory.requests,
        "limits": lambda h: -h.memory.limits,
        "unbounded": lambda h: -h.unbounded_containers,
        "pods": lambda h: -h.pods if isinstance(h, GroupRow) else 0,
    }
    found = [h for h in holders if query.q.lower() in _name(h).lower()]
    found.sort(key=keys["name"])
    found.sort(key=keys.get(query.sort, keys["requests"]))
    some, numbers = _cut(found, query.page)
    texts = zip(
        memory_column([h.memory.requests for h in some]), memory_column([h.memory.limits for h in some]), strict=True
    )
    rows = tuple(_holder(h, *each) for h, each in zip(some, texts, strict=True))
    return ListView(_holder_columns(query.by), rows, *numbers[:2], len(found), len(holders), *numbers[2:])


def _holder_columns(by: str) -> tuple[Column, ...]:
    return (
        Column(by.capitalize(), False, "name"),
        Column("Node" if by == "pod" else "Pods", by != "pod", "pods"),
        Column("Requests", True, "requests"),
        Column("Limits", True, "limits"),
        Column("Without limit", True, "unbounded"),
        Column("Note", False, ""),
    )


def _name(holder: GroupRow | PodRow) -> str:
    if isinstance(holder, PodRow):
        return f"{holder.namespace}/{holder.name}"
    if holder.namespace is None:
        return holder.name or "(none)"
    return f"{holder.namespace}/{holder.kind}/{holder.name}"


def _holder(holder: GroupRow | PodRow, requests: str, limits: str) -> Row:
    without = holder.memory.unbounded and not holder.memory.limits
    name = _name(holder)
    second = (holder.node or "not bound") if isinstance(holder, PodRow) else str(holder.pods)
    share = f" · {percent(holder.memory_share)}" if isinstance(holder, GroupRow) and holder.memory_share else ""
    cells = (
        Cell(name),
        Cell(second),
        Cell(f"{requests}{share}", title=f"{holder.memory.requests} bytes"),
        Cell("no limit" if without else limits, title=f"{holder.memory.limits} bytes"),
        Cell(str(holder.unbounded_containers) if holder.unbounded_containers else UNKNOWN),
        Cell(", ".join(_notes(holder))),
    )
    return Row(f"{type(holder).__name__}/{name}", cells, _command(holder), _into(holder))


def _into(holder: GroupRow | PodRow) -> Mapping[str, str]:
    if isinstance(holder, PodRow):
        return {}
    if holder.kind == "Namespace":
        return {"by": "workload", "ns": holder.name}
    return {"by": "pod", "ns": holder.namespace or "", "q": holder.name}


def _notes(holder: GroupRow | PodRow) -> Iterable[str]:
    if isinstance(holder, PodRow):
        if not holder.counted:
            yield "does not count"
        if holder.best_effort:
            yield "best-effort"
        if holder.unreviewed:
            yield f"not reviewed: {holder.unreviewed}"
        return
    if holder.pending_pods:
        yield f"{holder.pending_pods} pending"
    if holder.best_effort_pods:
        yield f"{holder.best_effort_pods} best-effort"
    for why, number in sorted(holder.unreviewed.items()):
        yield f"{number} not reviewed: {why}"


def _command(holder: GroupRow | PodRow) -> str:
    if isinstance(holder, PodRow):
        return f"kubectl -n {holder.namespace} describe pod {holder.name}"
    if holder.kind == "Namespace":
        return f"kubectl headroom report --by workload -n {holder.name}"
    if holder.namespace is None:
        return "kubectl headroom report --by node"
    return f"kubectl -n {holder.namespace} describe {holder.kind.lower()} {holder.name}"


def _cut(rows: Sequence[Item], page: int) -> tuple[Sequence[Item], tuple[int, int, int, int]]:
    """Return the rows of a page; and the numbers of its first and last row, of the page, and of all pages."""
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(1, page), pages)
    first = (page - 1) * PAGE
    some = rows[first : first + PAGE]
    return some, (first + 1 if some else 0, first + len(some), page, pages)


def query_of(pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the parameters of a URL; what cannot be read is as if it were not there."""
    parameters: dict[str, str] = {}
    tried: dict[str, str] = {}
    lost: list[str] = []
    for name, value in list(pairs)[:_MOST_PARAMETERS]:
        if name.startswith(_TRY):
            tried[name.removeprefix(_TRY)[:_LONGEST]] = value[:_LONGEST]
        elif name == "lost":
            lost.append(value[:_LONGEST])
        else:
            parameters[name] = value[:_LONGEST]

    def number(name: str) -> int:
        text = parameters.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 1

    ns, by = parameters.get("ns", ""), parameters.get("by", "namespace")
    if by not in _BY or (by == "pod" and not ns):
        by = "namespace"
    return Query(
        by,
        ns,
        parameters.get("q", ""),
        parameters.get("sort", ""),
        number("page"),
        parameters.get("nodes_q", ""),
        parameters.get("nodes_sort", ""),
        number("nodes_page"),
        tuple(tried.items()),
        tuple(dict.fromkeys(filter(None, lost))),
    )

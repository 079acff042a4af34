"""Messages of the preview: what a change of the configuration would do, as warnings at `kubectl apply`."""

from collections.abc import Iterator

from webhook.core.config.types import Mode
from webhook.core.forecast.preview import Level, Preview, Where
from webhook.core.reviews.messages import WARNING, amount, percent, place, printable

_MANY = 100  # times a bound; from there on a percentage is of no use
_SHORTEST = 12  # characters of a name that are always kept
_MOST = 8  # warnings; the API server cuts at 4,096 characters in all

_THEN = {
    Mode.ENFORCE: "nothing more fits until {freed} are freed",
    Mode.WARN: "more gets a warning until {freed} are freed",
    Mode.AUDIT: "more is only logged until {freed} are freed",
}

_NOTHING = {
    Mode.ENFORCE: "nothing would fit",
    Mode.WARN: "all get a warning",
    Mode.AUDIT: "all are logged",
}


def preview_warnings(preview: Preview) -> tuple[str, ...]:
    """Return the warnings: at most 8, each of at most 120 characters."""
    lines = list(_lines(preview))
    left = len(lines) - _MOST
    return tuple(lines if left <= 0 else [*lines[: _MOST - 1], f"... and {left + 1} more such changes"])


def _lines(preview: Preview) -> Iterator[str]:
    kept = {scope: _kept(reserve, nodes, preview.mode) for scope, reserve, nodes in preview.kept}
    for where, level in preview.over:
        whole = None if level.bound else kept.get(where[0])
        yield _closed(where, whole) if whole else _over(where, level, preview.mode)
    for where in preview.closed:
        yield _closed(where, kept.get(where[0], "there is nothing to take a share of"))
    for pool in preview.empty:
        yield _fitted(pool, "{} selects no node: its thresholds come to 0, and nothing confined to it fits")
    for pool in preview.gone:
        yield _fitted(pool, "{} would be removed: its pods count in the other scopes only")
    for (scope, resource, kind), bound in preview.unbound:
        was = amount(resource, bound, down=True)
        yield _fitted(scope, f"{resource} {kind} of {{}} would no longer have a threshold; it is {was} now")
    for first, other, more, now in preview.overlaps:
        number = f"{more}{' more' if now else ''} {'node' if more == 1 else 'nodes'}"
        both = f"pools {printable(first, 30)} and {printable(other, 30)}"
        yield f"{both} both select {number}: the first has {'it' if more == 1 else 'them'}"


def _closed(where: Where, why: str) -> str:
    scope, resource, kind = where
    return _fitted(scope, f"{resource} {kind} of {{}} would have threshold 0: {why}")


def _kept(reserve: int, nodes: int, mode: Mode) -> str:
    every = "the only node" if nodes == 1 else f"all {nodes} nodes"
    return f"the reserve (nodes: {reserve}) takes {every}; {_NOTHING[mode]}"


def _over(where: Where, level: Level, mode: Mode) -> str:
    scope, resource, kind = where
    freed = amount(resource, level.over) + ("" if resource == "memory" else " cpu")
    reached = _reached(level)
    return _fitted(scope, f"{resource} {kind} of {{}} would be {reached}: {_THEN[mode].format(freed=freed)}")


def _reached(level: Level) -> str:
    if not level.bound:
        return "past a threshold of 0"
    if level.charged >= _MANY * level.bound:
        return f"over {_MANY} times the new threshold"
    return f"{percent(level.charged, level.bound)} of the new threshold"


def _fitted(scope: str, sentence: str) -> str:
    """Name a scope in a sentence; a long name is cut to the room that the sentence leaves."""
    named = sentence.format(printable(place(scope), max(_SHORTEST, WARNING + len("{}") - len(sentence))))
    return printable(named, WARNING)

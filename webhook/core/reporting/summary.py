"""The verdict line: the first line of every surface, one sentence for somebody who has five seconds."""

from collections.abc import Iterator, Sequence
from typing import Final

from webhook.core.reporting.rows import Commitment, Line, ScopeRow
from webhook.core.values.quantity import bytes_text, millis_text

_NOTHING: Final = "0"


def verdict(commitment: Commitment, blocked: int | None = None) -> str:
    """Say whether there is room, where there is none, and how many workloads wait; `blocked` None: unknown.

    A figure is what is free in the whole cluster, rounded down. A pool is named only if one of its sums is full.
    """
    if commitment.problem is not None:
        return f"Headroom cannot judge now: {commitment.problem}."
    cluster, *pools = commitment.scopes
    sentences = [_room(cluster), *(f"{_room(pool)[:-1]} in pool {pool.scope}." for pool in pools if _is_full(pool))]
    if commitment.mode != "enforce":
        sentences.append(f"Mode {commitment.mode}: nothing is refused.")
    if blocked:
        sentences.append(f"{blocked} workload{'s are' if blocked > 1 else ' is'} waiting.")
    return " ".join(sentences)


def _room(scope: ScopeRow) -> str:
    over = [f"{text} of {what}" for text, what in _over(scope)]
    if over:
        return f"Over by {_listed(over)}."
    full = [what for free, what in _free(scope) if free == _NOTHING]
    free = [f"{free} of {what}" for free, what in _free(scope) if free != _NOTHING]
    if not free:
        return f"No room for {_listed(full, 'or')}." if full else "No threshold is set."
    room = f"oom for {_listed(free)}"
    return f"No room for {_listed(full, 'or')}, r{room}." if full else f"R{room}."


def _lines(scope: ScopeRow) -> Iterator[tuple[str, Line, bool]]:
    for resource, lines in (("", scope.memory), ("cpu ", scope.cpu)):
        yield f"{resource}requests", lines.requests, not resource
        yield f"{resource}limits", lines.limits, not resource


def _free(scope: ScopeRow) -> Iterator[tuple[str, str]]:
    for what, line, is_memory in _lines(scope):
        if line.free is not None:
            free = max(0, line.free)
            yield (bytes_text(free, down=True) if is_memory else millis_text(free)), what


def _over(scope: ScopeRow) -> Iterator[tuple[str, str]]:
    for what, line, is_memory in _lines(scope):
        if line.free is not None and line.free < 0:
            yield (bytes_text(-line.free) if is_memory else millis_text(-line.free)), what


def _is_full(scope: ScopeRow) -> bool:
    return any(line.free is not None and line.free <= 0 for _, line, _ in _lines(scope))


def _listed(parts: Sequence[str], joint: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {joint} {parts[-1]}"

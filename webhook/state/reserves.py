"""Logs, once, when a scope's reserve of nodes is used up: then the loss of another node may not be covered."""

import logging
from collections.abc import Mapping
from enum import IntEnum

from webhook.core.reviews.messages import place

log = logging.getLogger(__name__)

_NAMED = 5

Reserve = tuple[int, tuple[str, ...]]
"""How many nodes the reserve covers the loss of, and which nodes are out: cordoned, or lost and not replaced."""


class _State(IntEnum):
    """How far a reserve is used. A change to a higher state is logged as a warning, to a lower one as information."""

    LEFT = 0
    USED_UP = 1
    EXCEEDED = 2


class ReserveLog:
    """Remembers the last logged state of each scope's reserve."""

    def __init__(self) -> None:
        self._logged: dict[str, _State] = {}

    def tell(self, reserves: Mapping[str, Reserve]) -> None:
        """Log each scope whose reserve has changed its state; `reserves` is by scope."""
        before, self._logged = self._logged, {scope: _state(*reserve) for scope, reserve in reserves.items()}
        for scope, state in self._logged.items():
            known = before.get(scope, _State.LEFT)
            if state is not known:
                _log(scope, state, *reserves[scope], logging.WARNING if state > known else logging.INFO)


def _state(nodes: int, out: tuple[str, ...]) -> _State:
    if not nodes or len(out) < nodes:
        return _State.LEFT
    return _State.USED_UP if len(out) == nodes else _State.EXCEEDED


def _log(scope: str, state: _State, nodes: int, out: tuple[str, ...], level: int) -> None:
    if state is _State.LEFT:
        log.log(level, "the reserve of %s is no longer used up", place(scope))
    elif state is _State.USED_UP:
        text = "the reserve of %s (nodes: %d) is used up by %s: the loss of another node may not be covered"
        log.log(level, text, place(scope), nodes, _names(out))
    else:
        text = "more nodes of %s are out than its reserve is for (nodes: %d): %s; not all of their pods may come back"
        log.log(level, text, place(scope), nodes, _names(out))


def _names(out: tuple[str, ...]) -> str:
    more = f" and {len(out) - _NAMED} more" if len(out) > _NAMED else ""
    return ", ".join(out[:_NAMED]) + more

"""Nodes: which of them count, and what is allocatable on those that do.

A node counts while it is Ready, not cordoned and not tainted away. NotReady takes it out only after a grace (a kubelet
that restarts is back within seconds); it returns at once. A node that was never seen Ready gets no grace: nobody knows
for how long it has been so, and counting it would promise memory that may be gone, or not be there yet. A node that was
deleted is remembered for a while, because its pods are still there and their replacements must find room.

A cordoned node is *leaving*: a planned loss, which the reserve pays for, and whose pods count until they go. One that
is tainted away, or that has never counted, is *outside*: it takes its pods along and uses nothing up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

_REPELS = ("NoSchedule", "NoExecute")
_LOST = ("deleted", "not ready")
# Since when a node is NotReady that was never seen Ready, or counts that was there from the first.
ALWAYS = float("-inf")


class Allocatable(NamedTuple):
    """What nodes can hold: memory in bytes, cpu in millicores."""

    memory: int = 0
    cpu: int = 0


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the API says of a node, as far as the account needs it."""

    name: str
    room: Allocatable
    ready: bool
    cordoned: bool = False
    repelling_taints: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about nodes; times in seconds."""

    exclude_taints: frozenset[str] = frozenset({"node-role.kubernetes.io/control-plane"})
    not_ready_grace: float = 10.0
    forget_deleted_after: float = 600.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node and since when it is in a state that has a grace; times are seconds of the replica's clock.

    `lost_holding` is set while the node is lost and was outside before: then its pods are all that was lost.
    `counted_since` is the first time: None while it has never counted, `ALWAYS` if the first list had it.
    """

    facts: NodeInfo
    pool: str | None
    not_ready_since: float | None = None
    deleted_at: float | None = None
    overlaps: tuple[str, ...] = ()  # the pools after `pool` that select it as well
    lost_holding: Amounts | None = None
    lost_at: float = 0.0  # when it went down last
    counted_since: float | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that this node's room belongs to."""
        return (CLUSTER,) if self.pool is None else (CLUSTER, self.pool)

    def why_not(self, rules: Rules, now: float) -> str | None:
        """Say why the node does not count now; None when it does."""
        if self.deleted_at is not None:
            return "deleted"
        if self.not_ready_since is not None and now >= self.not_ready_since + rules.not_ready_grace:
            return "not ready"
        if self.facts.cordoned:
            return "cordoned"
        taint = min(self.facts.repelling_taints & rules.exclude_taints, default=None)
        return f"taint {taint}" if taint else None

    def down(self, rules: Rules, now: float) -> bool:
        """Say whether the node is lost (NotReady or deleted), so that a reserve pays for it; a cordon is not a loss."""
        return self.why_not(rules, now) in _LOST

    def leaving(self, rules: Rules, now: float) -> bool:
        """Say whether the node is out by a cordon alone, so that the reserve pays for it before it is lost."""
        tainted = self.facts.repelling_taints & rules.exclude_taints
        return not tainted and self.counted_since is not None and self.why_not(rules, now) == "cordoned"

    def next_change(self, rules: Rules) -> float | None:
        """Return the moment at which time alone changes whether this node counts or is remembered."""
        if self.deleted_at is not None:
            return self.deleted_at + rules.forget_deleted_after
        return None if self.not_ready_since is None else self.not_ready_since + rules.not_ready_grace


def not_ready_since(facts: NodeInfo, before: Node | None, now: float) -> float | None:
    """Return since when a node that is shown like this is NotReady; None while it is Ready."""
    if facts.ready:
        return None
    if before is None or before.deleted_at is not None:
        return ALWAYS
    return now if before.facts.ready else before.not_ready_since


def repelling(taints: Iterator[tuple[str, str]]) -> frozenset[str]:
    """Keys of the taints (key, effect) that keep new pods away."""
    return frozenset(key for key, effect in taints if effect in _REPELS)

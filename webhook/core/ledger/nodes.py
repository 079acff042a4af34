"""Nodes: which of them count, and what is allocatable on those that do.

A node counts while it is Ready, not cordoned and not tainted away. A node that becomes NotReady stops counting only
after a grace (a kubelet that restarts is back within seconds), and counts again as soon as it is Ready. A node that was
never seen Ready gets no grace: how long it has been NotReady is not known, and counting it would promise memory that
may be gone or not there yet. A deleted node is remembered for a while, because its pods still exist and their
replacements must find room.

A cordoned node is *leaving*: a planned loss, which the reserve pays for, and its pods count until they go. A node that
is tainted away, or that has never counted, is *outside*: its pods do not count either, and it uses up no reserve.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

_REPELS = ("NoSchedule", "NoExecute")
_LOST = ("deleted", "not ready")
# The moment from which a node that was never seen Ready is NotReady, and from which a node of the first list counts.
ALWAYS = float("-inf")


class Allocatable(NamedTuple):
    """What nodes can hold: memory in bytes, cpu in millicores."""

    memory: int = 0
    cpu: int = 0


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the API says of a node, as far as the ledger needs it.

    `capacity` and `most_pods` (how many pods are allocatable) are for reports alone; None where the node has none.
    """

    name: str
    room: Allocatable
    ready: bool
    cordoned: bool = False
    repelling_taints: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    capacity: Allocatable | None = None
    most_pods: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about nodes; times in seconds."""

    exclude_taints: frozenset[str] = frozenset({"node-role.kubernetes.io/control-plane"})
    not_ready_grace: float = 10.0
    forget_deleted_after: float = 600.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and the moments from which its states hold; times are seconds of the replica's clock.

    `lost_holding` is set while the node is lost and was outside before: then only what its pods held was lost.
    `counted_since` is when the node first counted: None if it never has, `ALWAYS` if it was in the first list.
    """

    info: NodeInfo
    pool: str | None
    not_ready_since: float | None = None
    deleted_at: float | None = None
    overlaps: tuple[str, ...] = ()  # the pools after `pool` that select this node too
    lost_holding: Amounts | None = None
    lost_at: float = 0.0  # when it was last lost
    counted_since: float | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that this node's allocatable belongs to."""
        return (CLUSTER,) if self.pool is None else (CLUSTER, self.pool)

    def why_not(self, rules: Rules, now: float) -> str | None:
        """Say why the node does not count now; None if it counts."""
        if self.deleted_at is not None:
            return "deleted"
        if self.not_ready_since is not None and now >= self.not_ready_since + rules.not_ready_grace:
            return "not ready"
        if self.info.cordoned:
            return "cordoned"
        taint = min(self.info.repelling_taints & rules.exclude_taints, default=None)
        return f"taint {taint}" if taint else None

    def down(self, rules: Rules, now: float) -> bool:
        """Say whether the node is lost (NotReady or deleted), so that a reserve pays for it; a cordon is not a loss."""
        return self.why_not(rules, now) in _LOST

    def leaving(self, rules: Rules, now: float) -> bool:
        """Say whether the node has counted and only a cordon stops it: a reserve then pays for it before it is lost."""
        tainted = self.info.repelling_taints & rules.exclude_taints
        return not tainted and self.counted_since is not None and self.why_not(rules, now) == "cordoned"

    def next_change(self, rules: Rules) -> float | None:
        """Return the moment at which, without any event, the node stops counting or is forgotten; None: never."""
        if self.deleted_at is not None:
            return self.deleted_at + rules.forget_deleted_after
        return None if self.not_ready_since is None else self.not_ready_since + rules.not_ready_grace


def not_ready_since(info: NodeInfo, before: Node | None, now: float) -> float | None:
    """Return the moment from which a node, shown now as `info`, is NotReady; None if it is Ready."""
    if info.ready:
        return None
    if before is None or before.deleted_at is not None:
        return ALWAYS
    return now if before.info.ready else before.not_ready_since


def repelling(taints: Iterator[tuple[str, str]]) -> frozenset[str]:
    """Return the keys of those taints (key, effect) that keep new pods away."""
    return frozenset(key for key, effect in taints if effect in _REPELS)

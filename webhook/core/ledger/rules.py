"""Accounting rules: a configuration in the form that the ledger needs at every event."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.percentage import WHOLE, Share
from webhook.core.config.types import MissingLimits, Thresholds
from webhook.core.ledger import nodes
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.reserve import Kept
from webhook.core.pods.rules import NEWEST, Rules
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

Bound = tuple[int | None, ...]
"""One entry for each field of `Amounts`: the bound of that sum, None if it is not bounded."""


SUMS = range(len(Amounts._fields))

_NO_SHARES: tuple[Share | None, ...] = (None,) * len(Amounts._fields)


@lru_cache(maxsize=256)
def bounded_sums(bounds: Bound) -> tuple[tuple[int, int], ...]:
    """Return the index (into `Amounts`) and the bound of each sum that is bounded."""
    return tuple((index, bound) for index, bound in enumerate(bounds) if bound is not None)


@lru_cache(maxsize=256)
def near_sums(bounds: Bound, thousandths: int) -> tuple[tuple[int, int, int], ...]:
    """Return index, bound and a share of that bound for each bounded sum; `thousandths` of a percent is the share."""
    return tuple((index, bound, Share(thousandths).of(bound)) for index, bound in bounded_sums(bounds))


class AccountingRules:
    """The scopes of one configuration, the shares that bound their sums, and the rules about nodes.

    `rules` are those by which Kubernetes counts pods. A scope that is none (any more) bounds nothing: a verdict may
    outlive the pool that it speaks of.
    """

    def __init__(self, config: HeadroomConfig, rules: Rules = NEWEST) -> None:
        self.config = config
        self.rules = rules
        self.nodes = nodes.Rules(
            config.nodes.exclude_taints,
            config.nodes.not_ready_grace.seconds,
            config.nodes.forget_deleted_after.seconds,
        )
        self.scopes = (CLUSTER, *(pool.name for pool in config.pools))
        self._reserve = {CLUSTER: config.reserve.nodes}
        self._shares = {CLUSTER: _shares(config.thresholds, config.missing_limits)}
        for pool in config.pools:
            self._reserve[pool.name] = config.reserve_of(pool).nodes
            self._shares[pool.name] = _shares(pool.thresholds, config.missing_limits)
        bounded = [index for index in SUMS if any(shares[index] for shares in self._shares.values())]
        self._bounded = bounded or list(SUMS)  # nothing is bounded only until the first configuration is read
        self.may_have_pools = bool(config.pools) or not bounded

    def lets_in(self, pod: str, priority_class: str, *, of_daemon_set: bool) -> bool:
        """Say whether policy lets a pod with this namespace/name in, as far as the pod that the view shows tells."""
        namespace = pod.partition("/")[0]
        return self.config.lets_in(namespace, priority_class, of_daemon_set=of_daemon_set)

    def bounds(self, growth: Amounts) -> bool:
        """Say whether any sum grows that any scope bounds."""
        return any(growth[index] for index in self._bounded)

    def bounded(self, amounts: Amounts) -> Amounts:
        """Return the amounts with 0 in the sums that no scope bounds."""
        return Amounts._make(amount if index in self._bounded else 0 for index, amount in enumerate(amounts))

    def pool_of(self, labels: Mapping[str, str]) -> str | None:
        """Return the pool of a node with these labels, or of a pod whose node must have them; None if there is none.

        If several pools match, it is the first. A pool does not match if it selects by a label that is missing here.
        """
        return next((pool.name for pool in self.config.pools if pool.matches(labels)), None)

    def pools_of(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return every pool that selects a node with these labels; it belongs to the first, the others overlap."""
        return tuple(pool.name for pool in self.config.pools_of(labels))

    def reserve_nodes(self, scope: str) -> int:
        """Return how many of the largest nodes the scope must be able to lose."""
        return self._reserve.get(scope, 0)

    def share(self, scope: str, index: int) -> Share | None:
        """Return the share that bounds one sum (an index into `Amounts`) of a scope; None if nothing bounds it."""
        return self._shares.get(scope, _NO_SHARES)[index]

    def size(self, scope: str, index: int, room: Allocatable, held: Amounts | None = None) -> int:
        """Return what a node adds to the bound of one sum, in grains; at most `held` of it if that is given."""
        share = self.share(scope, index)
        if share is None:
            return 0
        whole = share.grains(_side(room, index))
        return whole if held is None else min(whole // WHOLE, held[index]) * WHOLE

    def bound(self, scope: str, room: Allocatable, kept: Sequence[int]) -> Bound:
        """Return the bound of each sum of the scope on this much room, with `kept` grains of each held in reserve."""
        shares = self._shares.get(scope, _NO_SHARES)
        return tuple(
            None if share is None else max(0, share.grains(_side(room, index)) - kept[index]) // WHOLE
            for index, share in enumerate(shares)
        )

    def unpaid(self, scope: str, room: Allocatable, cordoned: Allocatable, kept: Sequence[Kept]) -> Amounts:
        """Return how much higher each bound would be if the cordoned nodes counted; all their room if not bounded."""
        whole = Allocatable(room.memory + cordoned.memory, room.cpu + cordoned.cpu)
        here = self.bound(scope, room, [each.now for each in kept])
        there = self.bound(scope, whole, [each.uncordoned for each in kept])
        return Amounts._make(
            _side(cordoned, index) if low is None or high is None else high - low
            for index, (low, high) in enumerate(zip(here, there, strict=True))
        )

    def reserve(self, scope: str, kept: Sequence[int]) -> tuple[int, ...]:
        """Return, for each sum, the room (bytes or millicores, rounded up) that its `kept` grains stand for."""
        shares = self._shares.get(scope, _NO_SHARES)
        return tuple(0 if share is None else -(-kept[i] // share.thousandths) for i, share in enumerate(shares))

    def bound_of_node(self, scope: str, room: Allocatable) -> Amounts:
        """Return a node's part of each bound; all of its room for a sum that is not bounded."""
        return Amounts._make(
            _side(room, index) if share is None else share.of(_side(room, index))
            for index, share in enumerate(self._shares.get(scope, _NO_SHARES))
        )


def _side(room: Allocatable, index: int) -> int:
    return room.memory if index < Amounts._fields.index("cpu_requests") else room.cpu


def limits_field(missing_limits: MissingLimits) -> str:
    """Return which limits are bounded: the second part of the name of a field of `Amounts`."""
    return "limits" if missing_limits is MissingLimits.IGNORE else "limits_filled"


def _shares(thresholds: Thresholds, missing_limits: MissingLimits) -> tuple[Share | None, ...]:
    """Return the shares in the order of the fields of `Amounts`.

    `missing_limits` decides which sum of limits is bounded: the declared limits, or those with requests filled in.
    """
    limits = limits_field(missing_limits)
    shares: dict[str, Share | None] = {
        "memory_requests": thresholds.memory.requests,
        f"memory_{limits}": thresholds.memory.limits,
        "cpu_requests": thresholds.cpu.requests,
        f"cpu_{limits}": thresholds.cpu.limits,
    }
    return tuple(shares.get(field) for field in Amounts._fields)

"""Accounting: a configuration worked out into what the ledger needs at every event."""

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
"""One entry for each field of `Amounts`: the bound of that sum, None where it is not bounded."""


SUMS = range(len(Amounts._fields))

_NO_SHARES: tuple[Share | None, ...] = (None,) * len(Amounts._fields)


@lru_cache(maxsize=256)
def bounded_sums(bounds: Bound) -> tuple[tuple[int, int], ...]:
    """Return the index (into `Amounts`) and the bound of each sum that is bounded."""
    return tuple((index, bound) for index, bound in enumerate(bounds) if bound is not None)


@lru_cache(maxsize=256)
def near_sums(bounds: Bound, thousandths: int) -> tuple[tuple[int, int, int], ...]:
    """Return the same, and with each that share of its bound, in thousandths of a percent."""
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
        self._bounded = bounded or list(SUMS)  # what bounds nothing is no configuration, but the lack of one as yet
        self.may_have_pools = bool(config.pools) or not bounded

    def lets_in(self, pod: str, priority_class: str, *, of_daemon_set: bool) -> bool:
        """Say whether policy lets a pod of this namespace/name in, as far as a view of the pod tells."""
        namespace = pod.partition("/")[0]
        return self.config.lets_in(namespace, priority_class, of_daemon_set=of_daemon_set)

    def bounds(self, growth: Amounts) -> bool:
        """Say whether anything grows of which any scope bounds the sum."""
        return any(growth[index] for index in self._bounded)

    def bounded(self, amounts: Amounts) -> Amounts:
        """Return the same, without the sums that no scope bounds."""
        return Amounts._make(amount if index in self._bounded else 0 for index, amount in enumerate(amounts))

    def pool_of(self, labels: Mapping[str, str]) -> str | None:
        """Return the pool of a node with these labels, or of a pod whose node must have them.

        Of several pools it is the first. A label that a pool selects by and that is not among these makes it none.
        """
        return next((pool.name for pool in self.config.pools if pool.matches(labels)), None)

    def pools_of(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return every pool that selects a node with these labels; it belongs to the first, the others overlap."""
        return tuple(pool.name for pool in self.config.pools_of(labels))

    def reserve_nodes(self, scope: str) -> int:
        """How many of the largest nodes the scope must be able to lose."""
        return self._reserve.get(scope, 0)

    def share(self, scope: str, index: int) -> Share | None:
        """Return the share that bounds one sum (an index into `Amounts`) of a scope."""
        return self._shares.get(scope, _NO_SHARES)[index]

    def size(self, scope: str, index: int, room: Allocatable, held: Amounts | None = None) -> int:
        """Return what a node adds to the bound of one sum, in grains; if `held` is given, what that takes of it."""
        share = self.share(scope, index)
        if share is None:
            return 0
        whole = share.grains(_side(room, index))
        return whole if held is None else min(whole // WHOLE, held[index]) * WHOLE

    def bound(self, scope: str, room: Allocatable, kept: Sequence[int]) -> Bound:
        """Return what each sum of the scope may reach on this much room, so many grains of it kept in reserve."""
        shares = self._shares.get(scope, _NO_SHARES)
        return tuple(
            None if share is None else max(0, share.grains(_side(room, index)) - kept[index]) // WHOLE
            for index, share in enumerate(shares)
        )

    def unpaid(self, scope: str, room: Allocatable, cordoned: Allocatable, kept: Sequence[Kept]) -> Amounts:
        """Return how much higher each bound would be if the cordoned nodes counted; of other sums all their room."""
        whole = Allocatable(room.memory + cordoned.memory, room.cpu + cordoned.cpu)
        here = self.bound(scope, room, [each.now for each in kept])
        there = self.bound(scope, whole, [each.uncordoned for each in kept])
        return Amounts._make(
            _side(cordoned, index) if low is None or high is None else high - low
            for index, (low, high) in enumerate(zip(here, there, strict=True))
        )

    def reserve(self, scope: str, kept: Sequence[int]) -> tuple[int, ...]:
        """Return for each sum how much room it is that so many grains of its bound stand for; rounded up."""
        shares = self._shares.get(scope, _NO_SHARES)
        return tuple(0 if share is None else -(-kept[i] // share.thousandths) for i, share in enumerate(shares))

    def bearing_of(self, scope: str, room: Allocatable) -> Amounts:
        """Return a node's part of the bound; all of its room for a sum that is not bounded."""
        return Amounts._make(
            _side(room, index) if share is None else share.of(_side(room, index))
            for index, share in enumerate(self._shares.get(scope, _NO_SHARES))
        )


def _side(room: Allocatable, index: int) -> int:
    return room.memory if index < Amounts._fields.index("cpu_requests") else room.cpu


def _shares(thresholds: Thresholds, missing_limits: MissingLimits) -> tuple[Share | None, ...]:
    """Lay out the shares as `Amounts` has its fields; which sum of limits is bounded hangs on what a missing one is."""
    limits = "limits" if missing_limits is MissingLimits.IGNORE else "limits_filled"
    shares: dict[str, Share | None] = {
        "memory_requests": thresholds.memory.requests,
        f"memory_{limits}": thresholds.memory.limits,
        "cpu_requests": thresholds.cpu.requests,
        f"cpu_{limits}": thresholds.cpu.limits,
    }
    return tuple(shares.get(field) for field in Amounts._fields)

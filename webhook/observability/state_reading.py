"""What a scrape reads of ledger and allotment: each reading holds the lock of `ClusterState` once and briefly.

A reading is a copy as of one moment; families are made of it afterwards, without the lock.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservation
from webhook.core.sharing.allotment import Allotment
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.state.cluster_state import ClusterState

STATES = ("open", "orphaned", "seen")


class ScopeReading(NamedTuple):
    """One scope: `reserved` and `allotted` are this replica's own, all else is the cluster's."""

    balance: Balance
    pending: Amounts
    reserved: Amounts
    allotted: Amounts
    bound_without_largest: tuple[int | None, ...]
    reserve_nodes: int
    reserve_used: int

    @property
    def scope(self) -> str:
        """Its name."""
        return self.balance.scope


class ScopesReading(NamedTuple):
    """All scopes, the cluster first, and what is counted over the whole cluster.

    `overlaps` is how many nodes two pools select, by the pool that they belong to and the other one. `pods` are those
    that count, `live` all that have not ended.
    """

    scopes: tuple[ScopeReading, ...]
    overlaps: Mapping[tuple[str, str], int]
    pods: int
    live: int


class GrantsReading(NamedTuple):
    """What became of grants, and what came without any; `binds` and `bound` are by pool."""

    reservations: Mapping[str, int]
    lapsed: int
    in_bad_standing: int
    growths: int
    grown: int
    binds: Mapping[str, int]
    bound: Mapping[str, int]
    restarts: int


def read_scopes(state: ClusterState) -> ScopesReading:
    """Read the balance of every scope."""
    return state.read_holdings(_scopes)


def read_grants(state: ClusterState) -> GrantsReading:
    """Read what became of this replica's grants."""
    now, lapsed, restarts = state.clock(), state.lapsed, state.bookings.restores().restarts
    return state.read_holdings(lambda ledger, allotment: _grants(ledger, allotment, now, lapsed, restarts))


def _scopes(ledger: Ledger, allotment: Allotment) -> ScopesReading:
    capacity = ledger.capacity
    pending, out = ledger.pending(), capacity.out()
    scopes = tuple(
        ScopeReading(
            ledger.balance(scope),
            pending[scope],
            ledger.reservations.unseen(scope),
            allotment.grants.held(scope),
            capacity.without_largest(scope),
            ledger.accounting.reserve_nodes(scope),
            len(out[scope]),
        )
        for scope in ledger.accounting.scopes
    )
    return ScopesReading(scopes, capacity.overlaps(), ledger.pods_that_count(), len(ledger))


def _grants(ledger: Ledger, allotment: Allotment, now: float, lapsed: int, restarts: int) -> GrantsReading:
    lapsed_before = now - allotment.timing.lapse
    states = Counter(_state(reservation, lapsed_before) for _, reservation in ledger.reservations)
    pools = ledger.accounting.scopes[1:]
    return GrantsReading(
        reservations={name: states[name] for name in STATES},
        lapsed=lapsed,
        in_bad_standing=len(ledger.history),
        growths=ledger.unasked_growths,
        grown=ledger.unasked_growth.memory_requests,
        binds={pool: ledger.unconfined_binds[pool] for pool in pools},
        bound={pool: ledger.unconfined_bound.get(pool, NOTHING).memory_requests for pool in pools},
        restarts=restarts,
    )


def _state(reservation: Reservation, lapsed_before: float) -> str:
    if not reservation.is_open:
        return "seen"
    return "orphaned" if reservation.granted_at <= lapsed_before else "open"

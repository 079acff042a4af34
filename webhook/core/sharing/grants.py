"""Grants: what this replica may admit from what it holds, without a call (rules 1, 4 and 8 of allotment.py).

    held ── spent by grants (reservations.py) ──► unretired
      └──── not spent ─────────────────────────► spare

While a write is pending, the old terms may be in force or the new ones, so both must cover a grant.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN, Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Named, Reservation
from webhook.core.ledger.rules import bounded_sums
from webhook.core.sharing import size
from webhook.core.sharing.credit import Credit, Shortfall, Worse
from webhook.core.sharing.proposal import PendingWrite
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import NOTHING, Amounts

Load = Callable[[str], Amounts]
"""Returns what counts against what is held in a scope."""

_NONE: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Terms:
    """What a replica's grants are measured by. The allotment sets it, as it reads and writes the shared object."""

    shared: Shared | None = None
    held: Sums = field(default_factory=dict)
    pending: PendingWrite | None = None  # the write on its way, while its outcome is unknown


class Grants:
    """Grants by the `terms`. `valid` says whether this replica may grant at all at a moment (rule 1)."""

    def __init__(
        self, replica: str, ledger: Ledger, lapse: float, credit: Credit, terms: Terms, valid: Callable[[float], bool]
    ) -> None:
        self._replica = replica
        self._ledger = ledger
        self._lapse = lapse
        self._credit = credit
        self._terms = terms
        self._valid = valid
        self.worse: list[Worse] = []  # the subjects that stand worse since the last lapse

    def take(self, pod: PodInfo, now: float) -> bool:
        """Grant a pod from the allotment, if that covers it (rule 1); the caller has judged it against the bound."""
        terms, pending = self._terms, self._terms.pending
        if not (self._valid(now) and self._tells(pod)):
            return False
        if not self._covered(pod, terms.held, self._ledger.reservations.unretired):
            return False
        if pending is not None and not self._covered_by(pending, pod):
            return False
        self._grant(pod, now)
        return True

    def _covered_by(self, pending: PendingWrite, pod: PodInfo) -> bool:
        """Say whether the terms of the pending write cover a pod as well: they may be in force already."""
        proposal = pending.proposal
        if pod.key in proposal.retired_keys:
            return False
        return self._covered(pod, proposal.held, pending.loaded, proposal.retired_keys)

    def force(self, pod: PodInfo, now: float) -> None:
        """Reserve for a pod that policy lets in though it could not be booked (rule 8), within its credit.

        Nothing is reserved for a pod that no node can hold, because it does not count until it is bound.
        """
        if self._ledger.sets_apart(pod):
            return
        if self.holds(pod, forced=True) and self._tells(pod) and self._credit.shortfall(pod, now) is None:
            self._grant(pod, now).told_again = True

    def is_roomy(self, pod: PodInfo) -> bool:
        """Say whether a pod certainly fits, comes near no bound, is within any credit, and can be reserved for."""
        return len(self._ledger.reservations) < size.MOST_GRANTS and self._credit.is_roomy(pod)

    def shortfall(self, pod: PodInfo, now: float) -> Shortfall | None:
        """Say why a pod is beyond the credit of its subjects; None if it is within."""
        return self._credit.shortfall(pod, now)

    def holds(self, pod: PodInfo, *, forced: bool) -> bool:
        """Say whether a pod that is admitted is reserved for; `forced`: policy lets it in, whatever the sums are."""
        return size.can_hold(self._ledger, pod, forced=forced)

    def _tells(self, pod: PodInfo) -> bool:
        """Say whether the next write certainly has room for the scopes of a pod (size.py)."""
        shared = self._terms.shared
        if (
            len(self._ledger.accounting.scopes) == 1
            or shared is None
            or not size.is_tight(self._ledger, shared, self._replica)
        ):
            return True
        return all(self.held(scope) != NOTHING for scope in self._ledger.charge(pod).scopes)

    def again(self, pod: PodInfo, now: float) -> bool:
        """Say whether exactly this pod was granted before, and renew its grant: the API server may repeat a review."""
        if pod.name not in self._ledger.reservations.names:
            return False
        reservation = self._ledger.reservations.get(pod.name, pod.key)
        if reservation is None or not self._valid(now) or reservation.charge != self._ledger.charge(pod):
            return False
        pending = self._terms.pending
        if pending is not None and any(reservation is tentative for _, tentative in pending.proposal.tentative):
            return False
        self._ledger.reservations.renew(reservation, now)
        reservation.told_again = True
        return True

    def drop(self, name: str, key: str) -> None:
        """Release a booking that a write has made certain, but whose review is gone unanswered: its pod cannot come.

        The booking stays if the review was repeated and the repeated one was answered: the watch may show the write
        before the answer to the write arrives.
        """
        reservation = self._ledger.reservations.get(name, key)
        if reservation is not None and reservation.is_open and not reservation.told_again:
            self._ledger.reservations.void([(name, reservation)])

    def lapse(self) -> list[Named]:
        """Settle and return the grants whose pods were never seen and can no longer come (rule 4); fill `worse`."""
        self.worse = []
        if self._ledger.outdated:
            return []
        proven = self._ledger.proven_since
        self.worse = self._credit.lapsed(self._ledger.reservations.granted_by(proven - self._lapse), proven)
        return self.void(proven - self._lapse)

    def spare(self, scope: str) -> Amounts:
        """What this replica holds and has not spent."""
        return self.held(scope).beyond(self._ledger.reservations.unretired(scope))

    def held(self, scope: str) -> Amounts:
        """What this replica holds, spent or not."""
        return self._terms.held.get(scope, NOTHING)

    def void(self, granted_by: float) -> list[Named]:
        """Settle and return the grants that were made or renewed no later than this moment: their pods never came."""
        void = self._ledger.reservations.granted_by(granted_by)
        pending = self._terms.pending
        if pending is not None and pending.proposal.renewed:  # their pods are admitted once the write has succeeded
            renewed = {reservation.key for _, reservation in pending.proposal.renewed}
            void = [named for named in void if named[1].key not in renewed]
        self._ledger.reservations.void(void)
        return void

    def _grant(self, pod: PodInfo, now: float) -> Reservation:
        pending = self._terms.pending
        if pending is not None:
            pending.add(self._growth(pod, pending.proposal.retired_keys))
        return self._ledger.grant(pod, now)

    def _growth(self, pod: PodInfo, without: frozenset[str]) -> Sums:
        """What a grant would add to the unretired sums; reservations under one name overlap."""
        charge = self._ledger.charge(pod)
        before = pod.before if pod.was_confined_to is None else self._ledger.before(pod)
        return self._ledger.reservations.growth_of(pod.name, charge, before, without=without)

    def _covered(self, pod: PodInfo, held: Sums, load: Load, without: frozenset[str] = _NONE) -> bool:
        for scope, growth in self._growth(pod, without).items():
            asked = pod.footprint if pod.before == UNBORN else self._ledger.asked(pod, scope)
            limit, used = held.get(scope, NOTHING), load(scope)
            for index, _ in bounded_sums(self._ledger.capacity.scope_limits(scope).bound):
                if asked[index] and used[index] + growth[index] > limit[index]:
                    return False
        return True

"""Broken rules of granting."""

from unittest.mock import patch

from tests.model.mutants.registry import Patches, mutant
from tests.model.replica import Replica
from tests.model.world import World
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservation
from webhook.core.sharing.allotment import Allotment, Proposal
from webhook.core.sharing.grants import Grants, Load
from webhook.core.sharing.proposal import Ask, Draft

_NONE: frozenset[str] = frozenset()

# -- rule 1: granting --------------------------------------------------------------------------------------------------


@mutant("1: within the validity of its last write")
def no_validity() -> Patches:
    return [(Allotment, "valid", lambda self, _: self.shared is not None and self.shared.open and not self._leaving)]


@mutant("1: validity counts from when the write was sent", "I1", "I6")
def validity_from_the_answer() -> Patches:
    answer = Replica.answer

    def late(self: Replica) -> None:
        before = self.allotment.pending
        answer(self)
        if before is not None and self.allotment.pending is None:
            self.allotment._valid_until = self.clock() + self.timing.validity

    return [(Replica, "answer", late)]


@mutant("1: seeing releases nothing between replicas")
def release_on_sight() -> Patches:
    see = Ledger.see

    def seen(self: Ledger, pod: PodInfo) -> None:
        see(self, pod)
        self.reservations.retire([n for n in self.reservations if (n[1].seen_at_revision or 0) > 0])

    return [(Ledger, "see", seen)]


@mutant("1: a replica's id is new in each life")
def same_id_after_restart() -> Patches:
    born = World._born

    def again(self: World, number: int) -> Replica:
        self.lives = number
        return born(self, number)

    return [(World, "_born", again)]


@mutant("1: to check and to reserve is one act")
def lost_lock() -> Patches:
    grant = Grants._grant

    def late(self: Grants, pod: PodInfo, now: float) -> None:
        waiting: list[tuple[PodInfo, float]] = self.__dict__.setdefault("_late", [])
        if waiting:
            grant(self, *waiting.pop())
        waiting.append((pod, now))

    return [(Grants, "_grant", late)]


@mutant("1: while a write is on its way its terms must hold as well")
def spare_of_a_hand_back_still_granted() -> Patches:
    covered = Grants._covered

    def old_only(self: Grants, pod: PodInfo, held: Sums, load: Load, without: frozenset[str] = _NONE) -> bool:
        pending = self._terms.pending
        return (pending is not None and held is pending.proposal.held) or covered(self, pod, held, load, without)

    return [(Grants, "_covered", old_only)]


@mutant("1: while a write is on its way the old terms still hold")
def grants_from_what_is_not_yet_written() -> Patches:
    begin = Allotment.begin

    def eager(self: Allotment, proposal: Proposal) -> None:
        begin(self, proposal)
        self._terms.held = proposal.held

    return [(Allotment, "begin", eager)]


@mutant("1: grants made meanwhile count against the write on its way")
def load_forgets_grants_made_meanwhile() -> Patches:
    return [(Grants, "_grant", lambda self, pod, now: self._ledger.grant(pod, now))]


@mutant("1: a booking is granted only once it is written")
def repeated_review_passes_on_a_tentative_booking() -> Patches:
    again = Grants.again

    def hasty(self: Grants, pod: PodInfo, now: float) -> bool:
        pending = self._terms.pending
        if pending is None:
            return again(self, pod, now)
        with patch.object(self._terms, "pending", None):
            return again(self, pod, now)

    return [(Grants, "again", hasty)]


@mutant("1: what was told stays reserved, though the first review went away")
def told_bookings_dropped() -> Patches:
    def drop(self: Grants, name: str, key: str) -> None:
        reservation = self._ledger.reservations.get(name, key)
        if reservation is not None and reservation.is_open:
            self._ledger.reservations.void([(name, reservation)])

    return [(Grants, "drop", drop)]


@mutant("1: names are reserved for, even where a pod lives")
def duplicates_reserve_nothing() -> Patches:
    grant = Ledger.grant

    def careless(self: Ledger, pod: PodInfo, now: float) -> Reservation:
        scopes = self.charge(pod).scopes
        if all(pod.footprint.within(self._charged_under(pod.name).in_scope(scope)) for scope in scopes):
            return Reservation(pod.uid, self.charge(pod), now)
        return grant(self, pod, now)

    return [(Ledger, "grant", careless)]


@mutant("8: what policy lets in is reserved")
def forced_reserves_nothing() -> Patches:
    return [(Grants, "force", lambda *_: None)]


@mutant("8: what is on trial is past the bound only after the hand-backs")
def reported_without_asking_others() -> Patches:
    def at_once(self: Draft, pod: PodInfo) -> bool:
        return not self._fits(pod)

    return [(Draft, "_is_spent", at_once)]


@mutant("8: what is on trial is booked within the bound as long as that may help")
def trial_is_over_at_once() -> Patches:
    return [(Draft, "_is_spent", lambda *_: True)]


@mutant("8: what is on trial is judged by the write that books it, and again if that fails")
def trial_survives_a_lost_write() -> Patches:
    book = Draft._book

    def careless(self: Draft, ask: Ask, now: float) -> None:
        kept = list(self._tentative)
        book(self, ask, now)
        if ask.on_trial:
            self._tentative = kept

    return [(Draft, "_book", careless)]

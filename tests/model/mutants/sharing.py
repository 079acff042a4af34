"""Broken rules about expiring dead replicas, and about the shared object."""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from tests.model import replica as replica_module
from tests.model.mutants.registry import Patches, mutant
from tests.model.replica import Replica
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing import proposal as proposal_module
from webhook.core.sharing import shared_state as shared_module
from webhook.core.sharing.allotment import Allotment
from webhook.core.sharing.peers import Peers
from webhook.core.sharing.proposal import Draft
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import Amounts

# -- rule 5: expiry ----------------------------------------------------------------------------------------------------


@mutant("5: expires only after validity + lapse")
def early_expiry() -> Patches:
    silent = Peers.silent

    def early(self: Peers, now: float) -> dict[str, float]:
        return {replica: at - self._timing.lapse for replica, at in silent(self, now).items()}

    return [(Peers, "silent", early)]


@mutant("5: expires only with a view proven fresh after that")
def expiry_without_proof() -> Patches:
    def expired(self: Allotment, now: float) -> list[str]:
        return [replica for replica, at in self.silent(now).items() if at <= now]

    return [(Allotment, "_expired", expired)]


@mutant("5: expires only who stopped renewing")
def renewals_not_heard() -> Patches:
    see = Peers.see

    def deaf(self: Peers, shared: Shared, now: float) -> None:
        before = dict(self._heard)
        see(self, shared, now)
        self._heard.update({replica: heard for replica, heard in before.items() if replica in self._heard})

    return [(Peers, "see", deaf)]


def _floor_of_gone(choose: Callable[[Ledger, int], int]) -> Patches:
    settle = Draft.settle

    def low(self: Draft, expired: Collection[str], *, opens: bool) -> None:
        floor = max([self.base.floor, *(r.seen_at_revision or 0 for _, r in self._ledger.reservations)])
        settle(self, expired, opens=opens)
        if expired or opens:
            self.base = replace(self.base, floor=max(floor, choose(self._ledger, floor)))

    return [(Draft, "settle", low)]


@mutant("5: the floor is raised by the write that expires")
def floor_not_raised_at_expiry() -> Patches:
    return _floor_of_gone(lambda _, floor: floor)


@mutant("5: the floor is the highest pod revision, and no lower")
def floor_below_the_highest_pod() -> Patches:
    return _floor_of_gone(lambda ledger, _: ledger.pod_revision - 1)


@mutant("5: who was taken for dead begins anew")
def rejoins_with_what_was_taken_back() -> Patches:
    return [(Allotment, "_begin_anew", lambda *_: None)]


# -- rule 7: the object lost -------------------------------------------------------------------------------------------


@mutant("7: nobody books from a closed object", "I1", "I6")
def closed_is_booked_from() -> Patches:
    return [
        (Draft, "bookable", property(lambda self: self._ledger.revision >= self.base.floor)),
        (Allotment, "may_book", lambda _: True),
        (proposal_module.Draft, "_spare", _spare_of_closed),
        (Allotment, "valid", lambda self, now: now < self._valid_until and not self._leaving),
    ]


def _spare_of_closed(self: Draft, scope: str, keep: Sums) -> Amounts:
    left = proposal_module.free(self._ledger, self.base, self._replica, scope)
    return Amounts._make(0 if each is None else max(0, each) // 2 for each in left)


@mutant("7: opened only after validity + lapse")
def opened_at_once() -> Patches:
    return [(Allotment, "_opens", lambda self, *_, **__: self.opens_at() is not None)]


@mutant("7: opened only with a view proven fresh after that")
def opened_without_proof() -> Patches:
    def opens(self: Allotment, now: float, *, fresh: bool) -> bool:
        at = self.opens_at()
        return at is not None and ((fresh and not self._witness.knows_of_another) or at <= now)

    return [(Allotment, "_opens", opens)]


@mutant("7: the opener takes the floor from its view")
def opened_with_the_old_floor() -> Patches:
    settle = Draft.settle

    def low(self: Draft, expired: Collection[str], *, opens: bool) -> None:
        floor = max([self.base.floor, *(r.seen_at_revision or 0 for _, r in self._ledger.reservations)])
        settle(self, expired, opens=opens)
        if opens and not expired:
            self.base = replace(self.base, floor=floor)

    return [(Draft, "settle", low)]


@mutant("7: the right to open at once is used once")
def fresh_more_than_once() -> Patches:
    def opens(self: Allotment, now: float, *, fresh: bool) -> bool:
        at = self.opens_at()
        return at is not None and (fresh or at <= min(now, self._ledger.proven_since))

    return [(Allotment, "_opens", opens)]


@mutant("7: the right to open at once belongs to one replica")
def everybody_is_fresh() -> Patches:
    def mark(self: Replica, now: float) -> None:
        self.marked_at = now

    return [(Replica, "_mark", mark)]


@mutant("7: an old copy is damage")
def old_copies_trusted() -> Patches:
    return [(Peers, "contradicts", lambda *_: False)]


@mutant("7: an old copy is damage, also where only own writes came after it")
def own_writes_not_witnessed() -> Patches:
    return [(Allotment, "_look", lambda *_: None)]


@mutant("7: an old copy is damage, also where somebody has built on it")
def forks_trusted() -> Patches:
    contradicts = Peers.contradicts

    def lenient(self: Peers, shared: Shared, written_at: float, now: float) -> bool:
        last = self._last
        if last is not None and shared.epoch == self._epoch:
            return shared.serial < last.serial
        return contradicts(self, shared, written_at, now)

    return [(Peers, "contradicts", lenient)]


@mutant("7: an edit by hand is damage")
def edits_trusted() -> Patches:
    def read(text: str) -> Shared:
        try:
            return shared_module._state.decode(shared_module._text.decode(text).state)
        except ValueError as error:
            raise shared_module.SharedError(str(error)) from error

    return [(replica_module, "read", read)]


@mutant("7: a watch that is behind is no news", "I1", "I7")
def old_events_believed() -> Patches:
    observe = Allotment.observe

    def gullible(self: Allotment, shared: Shared | None, revision: int, now: float, known: int = 0) -> None:
        self.newest = 0
        observe(self, shared, revision, now)

    return [(Allotment, "observe", gullible)]

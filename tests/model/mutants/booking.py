"""Broken rules of booking, retiring, handing back and leaving."""

from collections.abc import Collection
from dataclasses import replace as with_changes

from msgspec.structs import replace

from tests.model.etcd import Etcd
from tests.model.mutants.registry import Patches, mutant
from tests.model.replica import Letter, Replica
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservations
from webhook.core.sharing import allotment as allotment_module
from webhook.core.sharing import proposal as proposal_module
from webhook.core.sharing.allotment import Allotment, Proposal
from webhook.core.sharing.grants import Grants
from webhook.core.sharing.proposal import Draft
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import NOTHING

# -- rule 2: booking ---------------------------------------------------------------------------------------------------


@mutant("2: a booking needs a view at or past the floor")
def no_floor() -> Patches:
    return [
        (Draft, "bookable", property(lambda self: self.base.open)),
        (Allotment, "may_book", lambda self: self.shared is None or self.shared.open),
    ]


@mutant("2: what others hold is not free")
def others_not_counted() -> Patches:
    return [(module, "held_by_others", lambda *_: NOTHING) for module in (proposal_module, allotment_module)]


@mutant("2: what this replica has granted and not seen is not free")
def own_unseen_not_counted() -> Patches:
    return [(Reservations, "unseen", lambda *_: NOTHING)]


@mutant("2: a name that is paid for still wants the sums within their bounds")
def no_growth_passes_though_over() -> Patches:
    def fits(ledger: Ledger, shared: Shared, replica: str, pod: PodInfo) -> bool:
        charge = ledger.charge(pod)
        for scope in charge.scopes:
            group = ledger.reservations._names.get(pod.name)
            unseen = group.costs[scope].unseen if group and scope in group.costs else NOTHING
            paid = ledger._charged_under(pod.name).in_scope(scope).plus(unseen)
            growth = charge.in_scope(scope).beyond(paid)
            left = proposal_module.free(ledger, shared, replica, scope)
            if any(each is not None and asked and asked > each for asked, each in zip(growth, left, strict=True)):
                return False
        return True

    return [(proposal_module, "fits", fits), (allotment_module, "fits", fits)]


@mutant("2: what is held covers what is open")
def open_not_held() -> Patches:
    return [(Reservations, "open", lambda *_: NOTHING)]


@mutant("2: every change is a compare-and-swap")
def blind_write() -> Patches:
    return [(Etcd, "swap", lambda self, text, _: self.force(text))]


@mutant("2: what others have written since is built on", "I1", "I7")
def own_write_hides_a_later_one() -> Patches:
    confirm = Allotment._confirm

    def stubborn(self: Allotment, pending: Proposal) -> None:
        confirm(self, pending)
        self._terms.shared = pending.shared

    return [(Allotment, "_confirm", stubborn)]


# -- rule 3: retiring --------------------------------------------------------------------------------------------------


@mutant("3: the floor is raised to what is retired")
def floor_not_raised() -> Patches:
    settle = Draft.settle

    def low(self: Draft, expired: Collection[str], *, opens: bool) -> None:
        floor = self.base.floor
        settle(self, expired, opens=opens)
        if not (expired or opens):
            self.base = replace(self.base, floor=floor)

    return [(Draft, "settle", low)]


@mutant("3: retired only by a write that is known to have succeeded")
def retired_before_it_is_written() -> Patches:
    begin = Allotment.begin

    def eager(self: Allotment, proposal: Proposal) -> None:
        begin(self, proposal)
        self._ledger.reservations.retire(proposal.retired)

    return [(Allotment, "begin", eager)]


@mutant("3: a write of unknown outcome may have been carried out")
def unknown_taken_for_failed() -> Patches:
    def give_up(self: Replica, letter: Letter) -> None:
        self.allotment.failed()
        self.letter = None
        self.look()

    return [(Replica, "_send_again", give_up)]


# -- rule 6: handing back ----------------------------------------------------------------------------------------------


@mutant("6: a refusal is final only after the hand-backs", "I2")
def refused_without_asking_others() -> Patches:
    def at_once(ledger: Ledger, shared: Shared, replica: str, _: Collection[str], pod: PodInfo) -> bool:
        return not proposal_module.fits(ledger, shared, replica, pod)

    return [(allotment_module, "is_spent", at_once)]


@mutant("6: an answer counts only with a view as far as the caller's", "I2")
def answers_of_lagging_views_count() -> Patches:
    owing = proposal_module.owing

    def lenient(shared: Shared, replica: str, silent: Collection[str], view: int) -> list[Holding]:
        return owing(shared, replica, silent, 0)

    return [(proposal_module, "owing", lenient)]


@mutant("6: who is called hands back", "I2", "I3")
def calls_are_not_answered() -> Patches:
    return [
        (Allotment, "_is_called", lambda *_: False),
        (Draft, "answers", property(lambda _: False)),
    ]


@mutant("6: what is held for the dead comes back", "I3")
def nobody_expires() -> Patches:
    return [(Allotment, "_expired", lambda *_: [])]


@mutant("4: what never came is given back", "I3")
def nothing_lapses() -> Patches:
    return [(Grants, "lapse", lambda _: [])]


# -- leaving -----------------------------------------------------------------------------------------------------------


@mutant("leaving: what is open stays held")
def leaves_with_open_reservations() -> Patches:
    finish = Draft.proposal

    def gone(self: Draft, renewal: int, keep: Sums, now: float, *, lean: bool, leaving: bool) -> Proposal:
        made = finish(self, renewal, keep, now, lean=lean, leaving=leaving)
        others = {r: h for r, h in made.shared.holdings.items() if r != self._replica or not leaving}
        return with_changes(made, shared=replace(made.shared, holdings=others))

    return [(Draft, "proposal", gone)]

"""Mutants: the protocol with one rule broken. A test that cannot catch each of them proves nothing.

Each is a handful of patches on the real code (or on the shell around it, where the shell keeps the rule).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace as with_changes
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec.structs import replace

from tests.core.protocol import replica as replica_module
from tests.core.protocol.etcd import Etcd
from tests.core.protocol.replica import Letter, Replica
from tests.core.protocol.world import World
from webhook.core import allotment as allotment_module
from webhook.core import proposal as proposal_module
from webhook.core import shared as shared_module
from webhook.core.allotment import Allotment, Proposal
from webhook.core.amounts import NOTHING, Amounts
from webhook.core.ledger import Ledger, PodFacts
from webhook.core.proposal import Draft
from webhook.core.reservations import UNBORN, Extent, Named, Reservation, Reservations, Sums
from webhook.core.shared import Holding, Shared
from webhook.core.witness import Witness

Patches = list[tuple[Any, str, Any]]


class Mutant(NamedTuple):
    """A broken rule, and the checks of the model that are meant to see it broken."""

    name: str
    rule: str
    patches: Callable[[], Patches]
    caught_by: tuple[str, ...] = ("I1",)


MUTANTS: list[Mutant] = []


def mutant(rule: str, *caught_by: str) -> Callable[[Callable[[], Patches]], Callable[[], Patches]]:
    """Enter a function into the list: its name says what is broken."""

    def enter(patches: Callable[[], Patches]) -> Callable[[], Patches]:
        MUTANTS.append(Mutant(patches.__name__, rule, patches, caught_by or ("I1",)))
        return patches

    return enter


@contextmanager
def applied(broken: Mutant) -> Iterator[None]:
    """Run with the rule broken."""
    with ExitStack() as stack:
        for target, name, value in broken.patches():
            stack.enter_context(patch.object(target, name, value))
        yield


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

    def seen(self: Ledger, pod: PodFacts) -> None:
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
    grant = Allotment._grant

    def late(self: Allotment, pod: PodFacts, now: float) -> None:
        waiting: list[tuple[PodFacts, float]] = self.__dict__.setdefault("_late", [])
        if waiting:
            grant(self, *waiting.pop())
        waiting.append((pod, now))

    return [(Allotment, "_grant", late)]


@mutant("1: while a write is on its way its terms must hold as well")
def spare_of_a_hand_back_still_granted() -> Patches:
    covered = Allotment._covered

    def old_only(self: Allotment, pod: PodFacts, held: Sums, load: Sums, without: frozenset[str]) -> bool:
        return (self._pending is not None and held is self._pending.held) or covered(self, pod, held, load, without)

    return [(Allotment, "_covered", old_only)]


@mutant("1: while a write is on its way the old terms still hold")
def grants_from_what_is_not_yet_written() -> Patches:
    begin = Allotment.begin

    def eager(self: Allotment, proposal: Proposal) -> None:
        begin(self, proposal)
        self._held = proposal.held

    return [(Allotment, "begin", eager)]


@mutant("1: grants made meanwhile count against the write on its way")
def load_forgets_grants_made_meanwhile() -> Patches:
    return [(Allotment, "_grant", lambda self, pod, now: self._ledger.grant(pod, now))]


@mutant("1: a booking is granted only once it is written")
def repeated_review_passes_on_a_tentative_booking() -> Patches:
    again = Allotment.again

    def hasty(self: Allotment, pod: PodFacts, now: float) -> bool:
        pending = self._pending
        if pending is None:
            return again(self, pod, now)
        with patch.object(self, "_pending", None):
            return again(self, pod, now)

    return [(Allotment, "again", hasty)]


@mutant("1: names are reserved for, even where a pod lives")
def duplicates_reserve_nothing() -> Patches:
    grant = Ledger.grant

    def careless(self: Ledger, pod: PodFacts, now: float) -> Reservation:
        scopes = self.spread(pod).scopes
        if all(pod.footprint.within(self._charged_under(pod.name).in_scope(scope)) for scope in scopes):
            return Reservation(pod.uid, self.spread(pod), now)
        return grant(self, pod, now)

    return [(Ledger, "grant", careless)]


@mutant("8: what policy lets in is reserved")
def forced_reserves_nothing() -> Patches:
    return [(Allotment, "force", lambda *_: None)]


# -- rule 2: booking ---------------------------------------------------------------------------------------------------


@mutant("2: a booking needs a view at or past the floor")
def no_floor() -> Patches:
    return [
        (Draft, "bookable", property(lambda self: self.base.open)),
        (Allotment, "may_book", lambda self: self.shared is None or self.shared.open),
    ]


@mutant("2: what others hold is not free")
def others_not_counted() -> Patches:
    return [(Shared, "held_by_others", lambda *_: NOTHING)]


@mutant("2: what this replica has granted and not seen is not free")
def own_unseen_not_counted() -> Patches:
    return [(Reservations, "unseen", lambda *_: NOTHING)]


@mutant("2: a name that is paid for still wants the sums within their bounds")
def no_growth_passes_though_over() -> Patches:
    def fits(ledger: Ledger, shared: Shared, replica: str, pod: PodFacts) -> bool:
        spread = ledger.spread(pod)
        for scope in spread.scopes:
            growth = spread.in_scope(scope).beyond(ledger.charged(pod.name, scope))
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
        self.shared = pending.shared

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


# -- rule 4: reservations ----------------------------------------------------------------------------------------------


@mutant("4: a reservation is settled by its own UID alone")
def one_uid_settles_the_name() -> Patches:
    see = Reservations.see

    def whole(self: Reservations, name: str, uid: str, revision: int) -> None:
        group = self._names.get(name)
        for other in list(group.by_key) if group and uid in group.by_key else []:
            see(self, name, other, revision)

    return [(Reservations, "see", whole)]


def _lapse_at(moment: Callable[[Allotment], float]) -> Callable[[Allotment], list[Named]]:
    def lapse(self: Allotment) -> list[Named]:
        lapsed = [n for n in self._ledger.reservations if n[1].is_open and n[1].granted_at <= moment(self)]
        self._ledger.reservations.void(lapsed)
        return lapsed

    return lapse


@mutant("4: lapses only with a view proven fresh after the lapse")
def plain_timeout() -> Patches:
    due = Allotment.due

    def timed(self: Allotment, now: float, *, fresh: bool = False) -> bool:
        self.__dict__["_clock"] = now
        return due(self, now, fresh=fresh)

    lapse = _lapse_at(lambda self: float(self.__dict__.get("_clock", float("-inf"))) - self.timing.lapse)
    return [(Allotment, "due", timed), (Allotment, "lapse", lapse)]


@mutant("4: lapses only after the lapse")
def early_lapse() -> Patches:
    return [(Allotment, "lapse", _lapse_at(lambda self: self._ledger.proven_since - self.timing.lapse / 3))]


@mutant("4: settling frees nothing before a write")
def lapsing_frees_at_once() -> Patches:
    return [(Reservations, "void", lambda self, lapsed: self.retire(list(lapsed)))]


@mutant("4: a proof holds for the moment before it was asked for")
def proof_dated_at_its_end() -> Patches:
    def prove(self: Replica) -> None:
        if self.proof is not None and self.ledger.revision >= self.proof.revision:
            self.ledger.prove(self.clock())
            self.proof = None

    return [(Replica, "prove", prove)]


@mutant("4: a bookmark comes after what it covers")
def bookmark_before_its_events() -> Patches:
    tell = Replica.tell_pods

    def ahead(self: Replica, most: int = 1_000) -> None:
        self.ledger.bookmark(self.world.etcd.revision)
        tell(self, most)

    return [(Replica, "tell_pods", ahead)]


@mutant("4: a relist erases nothing that is unsettled")
def relist_forgets_grants() -> Patches:
    relist = Ledger.relist

    def forget(self: Ledger, pods: Iterable[PodFacts], revision: int) -> None:
        self.reservations.retire(list(self.reservations))
        relist(self, pods, revision)

    return [(Ledger, "relist", forget)]


@mutant("4: releases come from the watch")
def delete_reviews_release() -> Patches:
    change = World.change

    def reviewed(self: World, number: int, how: int) -> None:
        """A deletion is reviewed and then does not happen (a dry run, or somebody else refuses it)."""
        change(self, number, how)
        for replica in self.replicas[: 1 + how % 2]:
            for pod in list(replica.view.values())[number % 5 :][:1]:
                replica.ledger.gone(with_revision(pod, replica.ledger.revision))

    return [(World, "change", reviewed)]


def with_revision(pod: PodFacts, revision: int) -> PodFacts:
    """The same pod at another revision."""
    return replace(pod, revision=revision)


# -- resizes -----------------------------------------------------------------------------------------------------------


@mutant("resizes: growth is reserved for")
def resizes_reserve_nothing() -> Patches:
    grant = Ledger.grant

    def careless(self: Ledger, pod: PodFacts, now: float) -> Reservation:
        if pod.before is UNBORN:
            return grant(self, pod, now)
        return Reservation(pod.uid, self.spread(pod), now, pod.before)

    return [(Ledger, "grant", careless)]


@mutant("resizes: settled only by what comes after the object that was reviewed")
def resize_settled_by_what_was_reviewed() -> Patches:
    see = Reservations.see

    def early(self: Reservations, name: str, uid: str, revision: int) -> bool:
        return see(self, name, uid, revision + 1) and (see(self, name, uid, revision) or True)

    return [(Reservations, "see", early)]


@mutant("resizes: growth upon growth costs all of it")
def growths_of_one_pod_overlap() -> Patches:
    and_also = Extent.and_also

    def largest(self: Extent, other: Extent) -> Extent:
        if self.low is NOTHING or other.low is NOTHING:
            return and_also(self, other)
        return self if sum(self.cost) >= sum(other.cost) else other

    return [(Extent, "and_also", largest)]


# -- rule 5: expiry ----------------------------------------------------------------------------------------------------


@mutant("5: expires only after validity + lapse")
def early_expiry() -> Patches:
    silent = Witness.silent

    def early(self: Witness, now: float) -> dict[str, float]:
        return {replica: at - self._timing.lapse for replica, at in silent(self, now).items()}

    return [(Witness, "silent", early)]


@mutant("5: expires only with a view proven fresh after that")
def expiry_without_proof() -> Patches:
    def expired(self: Allotment, now: float) -> list[str]:
        return [replica for replica, at in self.silent(now).items() if at <= now]

    return [(Allotment, "_expired", expired)]


@mutant("5: expires only who stopped renewing")
def renewals_not_heard() -> Patches:
    see = Witness.see

    def deaf(self: Witness, shared: Shared, now: float) -> None:
        before = dict(self._heard)
        see(self, shared, now)
        self._heard.update({replica: heard for replica, heard in before.items() if replica in self._heard})

    return [(Witness, "see", deaf)]


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


# -- rule 6: handing back ----------------------------------------------------------------------------------------------


@mutant("6: a refusal is final only after the hand-backs", "I2")
def refused_without_asking_others() -> Patches:
    return [(allotment_module, "owing", lambda *_: [])]


@mutant("6: an answer counts only with a view as far as the caller's", "I2")
def answers_of_lagging_views_count() -> Patches:
    owing = proposal_module.owing

    def lenient(shared: Shared, replica: str, silent: Collection[str], view: int) -> list[Holding]:
        return owing(shared, replica, silent, 0)

    return [(proposal_module, "owing", lenient), (allotment_module, "owing", lenient)]


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
    return [(Allotment, "lapse", lambda _: [])]


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
    return [(Witness, "contradicts", lambda *_: False)]


@mutant("7: an old copy is damage, also where only own writes came after it")
def own_writes_not_witnessed() -> Patches:
    return [(Allotment, "_look", lambda *_: None)]


@mutant("7: an old copy is damage, also where somebody has built on it")
def forks_trusted() -> Patches:
    contradicts = Witness.contradicts

    def lenient(self: Witness, shared: Shared, written_at: float, now: float) -> bool:
        last = self._last
        if last is not None and shared.epoch == self._epoch:
            return shared.serial < last.serial
        return contradicts(self, shared, written_at, now)

    return [(Witness, "contradicts", lenient)]


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

    def gullible(self: Allotment, shared: Shared | None, revision: int, now: float) -> None:
        self._newest = 0
        observe(self, shared, revision, now)

    return [(Allotment, "observe", gullible)]


# -- leaving -----------------------------------------------------------------------------------------------------------


@mutant("leaving: what is open stays held")
def leaves_with_open_reservations() -> Patches:
    finish = Draft.proposal

    def gone(self: Draft, renewal: int, keep: Sums, now: float, *, lean: bool, leaving: bool) -> Proposal:
        made = finish(self, renewal, keep, now, lean=lean, leaving=leaving)
        others = {r: h for r, h in made.shared.holdings.items() if r != self._replica or not leaving}
        return with_changes(made, shared=replace(made.shared, holdings=others))

    return [(Draft, "proposal", gone)]

"""Proposals: how a replica works out the next state of the shared object from the last state and its own view."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from msgspec.structs import replace

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Named
from webhook.core.sharing import size
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.name_claims import held_by_others, named
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import NOTHING, Amounts


class Ask(NamedTuple):
    """A pod that needs a booking; `forced`: policy lets it in, so it is booked even past the bound.

    A pod that is `on_trial` too (modes warn and audit) is booked past the bound only once it is certain that mode
    enforce would refuse it.
    """

    pod: PodInfo
    forced: bool = False
    on_trial: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next state of the shared object, and what becomes true at this replica once it is written.

    The `booked` asks may be admitted then. The write by itself decides nothing about the others (`unfit`).
    """

    shared: Shared
    sent_at: float
    held: Sums
    retired: tuple[Named, ...]
    booked: tuple[Ask, ...]
    unfit: tuple[Ask, ...]
    tentative: tuple[Named, ...]  # reserved for this write only; undone if it fails
    renewed: tuple[Named, ...]  # granted before and asked for again: their lapse starts with this write, if it succeeds
    load: Mapping[str, Amounts]  # what counts against `held` when it is sent; `PendingWrite` adds to it
    retired_keys: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "retired_keys", frozenset(r.key for _, r in self.retired))

    def is_in(self, shared: Shared, replica: str) -> bool:
        """Say whether a state that was read contains this proposal: each write of a replica has its own `renewal`.

        Nothing else is compared: a replica of an older version may have written since and left out the fields of this
        holding that it does not know.
        """
        mine, there = self.shared.holdings.get(replica), shared.holdings.get(replica)
        return shared.epoch == self.shared.epoch and (mine and mine.renewal) == (there and there.renewal)


@dataclass(slots=True, eq=False)
class PendingWrite:
    """A proposal that is being written; `load` is what counts against its `held`, with what is granted meanwhile."""

    proposal: Proposal
    load: Sums

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        """Return the write of a proposal that is sent now."""
        return cls(proposal, dict(proposal.load))

    def loaded(self, scope: str) -> Amounts:
        """What counts against `held` in a scope."""
        return self.load.get(scope, NOTHING)

    def add(self, growth: Sums) -> None:
        """Count a grant that is made while the write is pending."""
        for scope, amounts in growth.items():
            self.load[scope] = self.loaded(scope).plus(amounts)


def free(
    ledger: Ledger, shared: Shared, replica: str, scope: str, pod: PodInfo | None = None
) -> tuple[int | None, ...]:
    """What is free of each sum of a scope beside a pod: below zero if the sum is over, None if it is not bounded."""
    balance = ledger.balance(scope)
    taken = balance.committed.plus(balance.unseen).plus(held_by_others(ledger, shared, replica, scope, pod))
    return tuple(None if b is None else b - t for b, t in zip(balance.scope_limits.bound, taken, strict=True))


def fits(ledger: Ledger, shared: Shared, replica: str, pod: PodInfo) -> bool:
    """Say whether a pod can be booked by rule 2 of allotment.py, on top of what is reserved here.

    A pod whose name is paid for already adds nothing, but the sums must still be within their bounds: the view may be
    behind, the pod that paid may be gone, and another replica may have booked its room.
    """
    for scope in ledger.charge(pod).scopes:
        growth, asked = ledger.growth(pod, scope), ledger.asked(pod, scope)
        for index, left in enumerate(free(ledger, shared, replica, scope, pod)):
            if left is not None and asked[index] and growth[index] > left:
                return False
    return True


def owing(shared: Shared, replica: str, silent: Collection[str], view: int) -> list[Holding]:
    """The holdings of other living replicas that may have something to hand back.

    A replica has nothing to hand back if its holding is lean and was written with a view of at least the revision
    `view`: at that revision the newest pod that is charged here and was not granted here was first shown.
    """
    return [
        holding
        for other, holding in shared.holdings.items()
        if other != replica and other not in silent and holding.held and not (holding.lean and holding.view >= view)
    ]


def view_of(ledger: Ledger, pod: PodInfo) -> int:
    """Return the revision that the view of a replica must have reached to answer a call for a pod.

    For a resize, that is at least the revision of the reviewed object: a replica that granted an earlier attempt then
    knows what became of it.
    """
    known = pod.before.revision <= ledger.pod_revision  # no answer may wait for a revision that may never exist
    return max(ledger.born_revision, pod.before.revision if known else 0)


def must_call(shared: Shared, replica: str, silent: Collection[str], view: int) -> bool:
    """Say whether a replica may have something to hand back and has no open call that asks for such a view."""
    debtors = owing(shared, replica, silent, view)
    return any(view > shared.called_at or holding.answered >= shared.call for holding in debtors)


def is_spent(ledger: Ledger, shared: Shared, replica: str, silent: Collection[str], pod: PodInfo) -> bool:
    """Say whether a pod does not fit, and no living replica can hand back what would make room for it (rule 6)."""
    if fits(ledger, shared, replica, pod):
        return False
    if not fits(ledger, Shared(shared.epoch, shared.open), replica, pod):
        return True  # it does not fit even without what others hold
    if pod.before.revision > ledger.pod_revision:
        return False  # a view behind the reviewed object cannot tell what others owe
    return not owing(shared, replica, silent, view_of(ledger, pod))


def block(room: int, sharers: int) -> int:
    """How much of what is free one of several replicas books to spare: less and less as the bound comes near.

    Any part is safe. This one leaves the other replicas something to book without a call.
    """
    return room // (2 * sharers)


Tell = Callable[[Ask, Shared], None]
"""Called just before an ask is booked, with the state that it is booked on: the ledger has what is reserved by then."""


def _tell_nobody(_ask: Ask, _shared: Shared) -> None:
    pass


class Draft:
    """The next state while it is worked out; call `settle`, `reserve` and `proposal` once each, in this order."""

    def __init__(
        self,
        replica: str,
        ledger: Ledger,
        credit: Credit,
        before: Shared,
        silent: Collection[str],
        tell: Tell | None = None,
    ) -> None:
        self.base = before
        self._tell = tell or _tell_nobody
        self._replica = replica
        self._ledger = ledger
        self._credit = credit
        self._silent = silent
        self._mine = before.holdings.get(replica, Holding(0))
        self._retired: tuple[Named, ...] = ()
        self._tentative: list[Named] = []
        self._renewed: list[Named] = []
        self._booked: list[Ask] = []
        self._unfit: list[Ask] = []
        self._open_in: set[str] | None = None  # scopes with open reservations; None while their number does not matter
        self._text = 0  # bytes of the text for them

    @property
    def bookable(self) -> bool:
        """Say whether anything may be booked: the object is open, and the view has reached the floor (rules 2, 7)."""
        return self.base.open and self._ledger.revision >= self.base.floor and not self._ledger.outdated

    @property
    def answers(self) -> bool:
        """Say whether this is an answer to a call (rule 6)."""
        return self.base.call > self._mine.answered

    def settle(self, expired: Collection[str], *, opens: bool) -> None:
        """Retire what is settled, expire these replicas, and open the object if `opens` (rules 3, 5 and 7)."""
        self._retired = self._ledger.reservations.settled()
        floor = max([self.base.floor, *(r.seen_at_revision or 0 for _, r in self._retired)])
        if expired or opens:
            floor = max(floor, self._ledger.pod_revision)
        self.base = replace(
            self.base,
            open=self.base.open or opens,
            serial=self.base.serial + 1,
            floor=floor,
            holdings={r: h for r, h in self.base.holdings.items() if r not in expired},
        )

    def reserve(self, asks: Iterable[Ask], now: float, *, may_book: bool) -> None:
        """Reserve for each ask that fits; if one does not, call the other replicas to hand back (rule 6).

        An ask that is beyond its credit by now is skipped, or, if policy lets it in, admitted without a reservation.
        """
        lapsed = {r.key for _, r in self._retired if r.seen_at_revision == 0}  # granted again only once retired
        for ask in asks:
            known = self._ledger.reservations.get(ask.pod.name, ask.pod.key)
            if known is not None and known.charge == self._ledger.charge(ask.pod):
                self._renewed.append((ask.pod.name, known))  # a repeated review: its pod is reserved for already
                self._booked.append(ask)
                continue
            forced = ask.forced and (not ask.on_trial or (may_book and self._is_spent(ask.pod)))
            if self._credit.shortfall(ask.pod, now) is not None:
                if forced:
                    self._let_in(ask)
            elif not self._can_hold(ask):
                if ask.forced:
                    self._let_in(ask)
                else:
                    self._unfit.append(ask)
            elif forced or (may_book and self._fits(ask.pod) and ask.pod.key not in lapsed):
                self._book(ask, now)
            else:
                self._unfit.append(ask)
        view = max((view_of(self._ledger, ask.pod) for ask in self._unfit), default=0)
        if self._unfit and self.bookable and must_call(self.base, self._replica, self._silent, view):
            self.base = replace(self.base, call=self.base.call + 1, called_at=max(self.base.called_at, view))

    def proposal(self, renewal: int, keep: Sums, now: float, *, lean: bool, leaving: bool) -> Proposal:
        """Return the proposal; `keep` is what this replica has to spare now, `lean` says to book nothing to spare."""
        load = {scope: self._ledger.reservations.open(scope) for scope in self._ledger.accounting.scopes}
        names = named(self._ledger.reservations, self.base, self._replica)
        spare = dict.fromkeys(load, NOTHING) if lean or leaving else self._spare_told(load, keep, names)
        held = {scope: load[scope].plus(spare[scope]) for scope in load}
        others = {r: h for r, h in self.base.holdings.items() if r != self._replica}
        if leaving and not self._ledger.reservations.still_open:
            holdings = others
        else:
            holdings = {**others, self._replica: self._holding(renewal, held, spare, names)}
        return Proposal(
            replace(self.base, holdings=holdings),
            now,
            held,
            self._ledger.reservations.settled(),  # including those that a booking has replaced
            tuple(self._booked),
            tuple(self._unfit),
            tuple(self._tentative),
            tuple(self._renewed),
            load,
        )

    def _can_hold(self, ask: Ask) -> bool:
        """Say whether a pod can be reserved for, and this write has room for its scopes (size.py)."""
        if not size.can_hold(self._ledger, ask.pod, forced=ask.forced):
            return False
        if not size.is_tight(self._ledger, self.base, self._replica):
            return True
        if self._open_in is None:
            self._open_in = size.open_scopes(self._ledger)
            self._text = min(size.for_scopes(self.base, self._replica), self._left())
        new = set(self._ledger.charge(ask.pod).scopes) - self._open_in
        return not new or size.of_open(self._open_in | new) <= self._text

    def _left(self) -> int:
        """How many bytes of the text the other replicas leave."""
        return size.LEFT - size.by_others(self.base, self._replica)

    def _fits(self, pod: PodInfo) -> bool:
        return self.bookable and fits(self._ledger, self.base, self._replica, pod)

    def _is_spent(self, pod: PodInfo) -> bool:
        return self.bookable and is_spent(self._ledger, self.base, self._replica, self._silent, pod)

    def _let_in(self, ask: Ask) -> None:
        self._tell(ask, self.base)
        self._booked.append(ask)

    def _book(self, ask: Ask, now: float) -> None:
        self._let_in(ask)
        if ask.forced and self._ledger.sets_apart(ask.pod):
            return  # it does not count until it is bound
        granted = self._ledger.grant(ask.pod, now)
        if self._open_in is not None:
            self._open_in |= set(granted.charge.scopes)
        if ask.on_trial or not ask.forced:
            self._tentative.append((ask.pod.name, granted))

    def _spare_told(self, load: Sums, keep: Sums, names: dict[str, Sums]) -> Sums:
        """Return what to book to spare, in as many scopes as the text has room for once that is spent."""
        spare = {scope: self._spare(scope, keep) for scope in load}
        if not size.is_tight(self._ledger, self.base, self._replica):
            return spare
        left = min(size.share(self.base, self._replica), self._left()) - size.BARE
        left -= size.of_open(scope for scope in load if load[scope] != NOTHING) + size.of_names(names)
        for scope in load:
            if load[scope] == NOTHING and spare[scope] != NOTHING:
                left -= (taken := size.of_open((scope,)))
                if left < 0:
                    left += taken
                    spare[scope] = NOTHING
        return spare

    def _holding(self, renewal: int, held: Sums, spare: Sums, names: dict[str, Sums]) -> Holding:
        view = self._ledger.revision
        answered = self.base.call if view >= self.base.called_at else self._mine.answered
        has_room = size.has_room_for_spare(self._ledger, self.base, self._replica)
        return Holding(
            renewal,
            view,
            answered,
            lean=all(amounts == NOTHING for amounts in spare.values()),
            held={scope: amounts for scope, amounts in held.items() if amounts != NOTHING},
            named=names,
            spare={scope: amounts for scope, amounts in spare.items() if has_room and amounts != NOTHING},
            lapsed=self._ledger.history.levels_to_report(size.levels(self.base, self._replica)),
        )

    def _spare(self, scope: str, keep: Sums) -> Amounts:
        if not self.base.open:
            return NOTHING
        left = free(self._ledger, self.base, self._replica, scope)
        room = Amounts._make(0 if each is None else max(0, each) for each in left)
        if not self.bookable:
            return keep.get(scope, NOTHING).upto(room)
        sharers = 1 + sum(r != self._replica and r not in self._silent for r in self.base.holdings)
        return Amounts._make(block(each, sharers) for each in room)

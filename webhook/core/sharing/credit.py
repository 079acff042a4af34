"""Credit: how much one owner, or one namespace, may have open at a time.

Others may refuse a pod after Headroom has admitted it: a ResourceQuota, another webhook, or the API server because the
name is taken. What was granted is then held until it lapses, and one owner that asks again and again would hold all
headroom without ever running a pod. So a pod is admitted only if what its subjects (subjects.py) have open stays
within their credit:

    left                     bound - committed - unseen - what other replicas have open
    in good standing         half of (left + what the subject has open), or a 32nd of the bound, if that is more
    otherwise (history.py)   a 16th of (left + open) for an owner, a quarter for a namespace
    one pod, at least        where the subject has nothing open; not before its pause is over
    a name that is taken     a 16th of left, for what the pod asks beyond the pod that lives there

A pod that needs more waits until earlier pods are seen. Half is the smallest part with which a burst is never delayed
where there is twice the room that it needs, even if all of it is open at once. The 32nd lets a subject fill the last of
a bound at full speed. A namespace in bad standing keeps a quarter, so one broken owner does not shut out its neighbours
there.

Under a name that already has an open grant, a pod costs all that it asks beyond the living pod, not only what it adds
to the open grant: it would hold the room of the name for longer. The same is true where another replica says that it
has the name open (name_claims.py), because the replicas would hold that room in turn. A lapse is held against a subject
only if the subject had more open than the small credit of bad standing; less does no harm.

Credit refuses and never grants. The argument of docs/protocol.md does not need it.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from msgspec import Struct

from webhook.core.ledger.history import Standing
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN, Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Named, Reservation
from webhook.core.ledger.rules import bounded_sums, near_sums
from webhook.core.ledger.subjects import as_seen, is_namespace, subjects_of
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import NOTHING, Amounts


class Shares(NamedTuple):
    """The parts of what is left that the table above gives, each as the divisor: 16 means one 16th."""

    good: int = 2
    of_bound: int = 32
    owner: int = 16
    namespace: int = 4
    taken: int = 16

    def small(self, subject: str) -> int:
        """Return the divisor for a subject that is not in good standing."""
        return self.namespace if is_namespace(subject) else self.owner


SHARES: Final = Shares()


class Cause(Enum):
    """Why a pod is beyond the credit of its subjects."""

    EARLIER = "earlier pods have not been seen"
    PAUSED = "earlier pods never came"
    TAKEN = "the name is taken"


class Shortfall(Struct, frozen=True, gc=False):
    """Why a pod is not admitted for now, though there is room.

    `pods` pods of the subject have `awaited` open of the sum at `index` (bytes or millicores). The oldest of them is
    `example`, admitted at `since`; `again_at` is when it lapses or, where waiting for pods is in vain, when the subject
    may ask again. Under a name that is taken, `awaited` is what the pod asks beyond the living pod, and up to `most` it
    would be admitted. Times are seconds of the replica's own clock.
    """

    cause: Cause
    subject: str
    index: int
    awaited: int = 0
    pods: int = 0
    example: str = ""
    since: float = 0.0
    again_at: float = 0.0
    most: int = 0


class Worse(NamedTuple):
    """A subject whose standing became worse because a pod of it never came."""

    subject: str
    standing: Standing
    example: str


class _Room(Struct, frozen=True, gc=False):
    """What is left of one bounded sum of one scope, and what a pod costs there."""

    scope: str
    index: int
    bound: int
    left: int
    cost: int


class Credit:
    """The credit that one replica gives to subjects. The caller holds the one lock that guards this and the ledger.

    With `shares` None there is no limit.
    """

    def __init__(self, ledger: Ledger, lapse: float, shares: Shares | None = SHARES) -> None:
        self._ledger = ledger
        self._lapse = lapse
        self._shares = shares
        self._elsewhere: Sums = {}  # by scope: what other replicas have open
        self._named: dict[str, Sums] = {}  # by name, if others name it: the most that one of them has open for it

    # -- questions -----------------------------------------------------------------------------------------------------

    def is_roomy(self, pod: PodInfo) -> bool:
        """Say whether there is so much room that a pod comes near no bound and is within the credit of any subject.

        The answer is True only for a pod whose name is new. Up to where a bound is near (`warnAt`) there must be room
        for a multiple of the pod and of all that is open, which is more than any one subject has open. Most pods need
        no closer look.
        """
        ledger, shares = self._ledger, self._shares
        if not ledger.is_unknown(pod.name):
            return False
        part = 1 if shares is None else shares.owner if ledger.history.any else shares.good
        reservations, near = ledger.reservations, ledger.accounting.config.warn_at.thousandths
        for scope in ledger.charge(pod).scopes:
            asked = pod.footprint if pod.before == UNBORN else ledger.asked(pod, scope)
            scope_limits, elsewhere = ledger.capacity.scope_limits(scope), self._elsewhere.get(scope, NOTHING)
            committed, unseen = ledger.committed(scope, scope_limits), reservations.unseen(scope)
            for index, _, line in near_sums(scope_limits.bound, near):
                wanted = asked[index]
                if wanted and committed[index] + elsewhere[index] + part * (unseen[index] + wanted) > line:
                    return False
        return True

    def shortfall(self, pod: PodInfo, now: float) -> Shortfall | None:
        """Say why a pod is beyond the credit of its subjects; None if it is within."""
        shares = self._shares
        if shares is None:
            return None
        is_taken = pod.before == UNBORN and self._ledger.is_taken(pod.name)
        rooms = list(self._rooms(pod))
        if is_taken:
            for room in rooms:
                if room.cost * shares.taken > room.left:
                    most = room.left // shares.taken
                    return Shortfall(Cause.TAKEN, pod.name, room.index, room.cost, most=most)
        found = [short for room in rooms for short in self._short(pod, room, shares, now)]
        # PAUSED goes first, because waiting is in vain.
        return min(found, key=lambda short: short.cause is Cause.EARLIER, default=None)

    def _rooms(self, pod: PodInfo) -> Iterator[_Room]:
        for scope in self._ledger.charge(pod).scopes:
            cost = self._ledger.asked_beyond_live(pod, scope)
            for index, bound, left in self._left(scope):
                if cost[index]:
                    yield _Room(scope, index, bound, left, cost[index])

    def _left(self, scope: str) -> Iterator[tuple[int, int, int]]:
        """Yield the index, the bound and what is left of each bounded sum of a scope."""
        balance, elsewhere = self._ledger.balance(scope), self._elsewhere.get(scope, NOTHING)
        for index, bound in bounded_sums(balance.scope_limits.bound):
            left = bound - balance.committed[index] - balance.unseen[index] - elsewhere[index]
            yield index, bound, max(0, left)

    def _short(self, pod: PodInfo, room: _Room, shares: Shares, now: float) -> Iterator[Shortfall]:
        named = self._named.get(pod.name, {})  # open elsewhere, for some owner: counts for both
        for subject in subjects_of(pod.name, pod.owner):
            awaited = self._ledger.reservations.subjects.awaited(subject)
            own = awaited.in_scope(room.scope)[room.index] + named.get(room.scope, NOTHING)[room.index]
            standing = self._ledger.history.standing(subject)
            free, wanted = room.left + own, own + room.cost
            if standing.level == 0:
                within = own == 0 or wanted * shares.good <= free or wanted * shares.of_bound <= room.bound
            else:
                within = wanted * shares.small(subject) <= free or (own == 0 and now >= standing.until)
            if not within:
                in_vain = now < standing.until and room.cost * shares.small(subject) > free
                cause = Cause.PAUSED if in_vain else Cause.EARLIER
                example, since = self._oldest(awaited.names or {pod.name: None}, now)
                again_at = standing.until if in_vain else since + self._lapse
                yield Shortfall(cause, subject, room.index, own, len(awaited.names), example, since, again_at)

    def _oldest(self, names: dict[str, None], now: float) -> tuple[str, float]:
        name = next(iter(names), "")
        return name, self._ledger.reservations.granted_first(name, now)

    # -- changes -------------------------------------------------------------------------------------------------------

    def hear(self, shared: Shared, replica: str, now: float) -> None:
        """Take in from the shared object what other replicas have open, and whose pods they saw lapse."""
        others = [holding for other, holding in shared.holdings.items() if other != replica]
        self._elsewhere, self._named = {}, {}
        for holding in others:
            for name, sums in holding.named.items():
                most = self._named.setdefault(name, {})
                for scope, amounts in sums.items():
                    most[scope] = most.get(scope, NOTHING).or_more(amounts)
            for scope, held in holding.held.items():
                still_open = held.beyond(holding.spare.get(scope, NOTHING))
                self._elsewhere[scope] = self._elsewhere.get(scope, NOTHING).plus(still_open)
        self._ledger.history.hear([holding.lapsed for holding in others], now, self._lapse)

    def lapsed(self, never_came: Sequence[Named], now: float) -> list[Worse]:
        """Hold it against the subjects that these pods never came, before they are settled; return who stands worse."""
        latest: dict[tuple[str, Amounts], Named] = {}
        for name, reservation in never_came:
            size = self._ledger.accounting.bounded(reservation.most)
            for subject in subjects_of(name, reservation.owner):
                latest[subject, size] = name, reservation  # the newest: a pod that came after it excuses all of them
        return [worse for (subject, size), named in latest.items() for worse in self._judge(subject, size, *named, now)]

    def _judge(self, subject: str, size: Amounts, name: str, reservation: Reservation, now: float) -> Iterable[Worse]:
        subjects, history = self._ledger.reservations.subjects, self._ledger.history
        if not self._matters(subject, reservation.charge.scopes, size):
            return
        if subjects.seen_since(subject, as_seen(reservation.owner), size, reservation.order):
            return
        if history.lapsed(subject, size, reservation.granted_at, now, self._lapse):
            yield Worse(subject, history.standing(subject), name)

    def _matters(self, subject: str, scopes: Iterable[str], size: Amounts) -> bool:
        """Say whether a subject has more open than the small credit, in a sum to which `size` adds."""
        if self._shares is None:
            return False
        awaited, part = self._ledger.reservations.subjects.awaited(subject), self._shares.small(subject)
        for scope in scopes:
            own = awaited.in_scope(scope)
            if any(size[index] and own[index] * part > left + own[index] for index, _, left in self._left(scope)):
                return True
        return False

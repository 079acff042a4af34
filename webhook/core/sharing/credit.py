"""Credit: how much one owner, or one namespace, may have open at a time.

Others say no after Headroom has said yes: a quota, another webhook, the API server where the name is taken. What was
granted is then held until it lapses, and one owner that asks again and again would hold all headroom without ever
running a pod. So a pod is let in only if what its subjects (subjects.py) have open stays within their credit:

    left                     bound - committed - unseen - what other replicas have open
    in good standing         half of (left + what the subject has open), or a 32nd of the bound, if that is more
    otherwise (history.py)   a 16th of (left + open) for an owner, a quarter for a namespace
    one pod, at least        where the subject has nothing open; not before its pause is over
    a name that is taken     a 16th of what is left, for what the pod asks beyond the one that lives there

A pod that needs more waits for earlier pods to be seen. Half is the least that does not hold up a burst for which there
is twice the room, if all of it is open at once. The 32nd lets a subject fill the last of a bound at full speed. A
namespace in bad standing keeps a quarter, so that one broken owner does not shut out its neighbours there.

Of a name that already has a grant open, a pod costs what it asks beyond what lives there: it would hold the name's room
for longer. It would do so too where another replica has the name open, and says so (name_claims.py): the replicas would
hold it in turn. What has lapsed is held against a subject only if it was more than the small credit: less does no harm.

Credit refuses; it never grants. The protocol's argument does not need it.
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
    """The parts of what is free that are given above, each as one over so many."""

    good: int = 2
    of_bound: int = 32
    owner: int = 16
    namespace: int = 4
    taken: int = 16

    def small(self, subject: str) -> int:
        """Return the part that a subject has which is not in good standing."""
        return self.namespace if is_namespace(subject) else self.owner


SHARES: Final = Shares()


class Cause(Enum):
    """Why a pod is beyond the credit."""

    EARLIER = "earlier pods have not been seen"
    PAUSED = "earlier pods never came"
    TAKEN = "the name is taken"


class Shortfall(Struct, frozen=True, gc=False):
    """Why a pod is not let in for now, though there is room.

    `awaited` of the sum at `index` is open for `pods` pods, of which `example` is the oldest, let in at `since`;
    `again_at` is when that one is given up or, where waiting for pods is in vain, when to ask again. Times are seconds
    of the replica's own clock. Under a name that is taken, a pod asks `awaited` beyond what lives there; up to `most`
    it would be let in.
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
    """A subject that stands worse than before, since a pod of it never came."""

    subject: str
    standing: Standing
    example: str


class _Room(Struct, frozen=True, gc=False):
    """What is left of one sum of one scope, and what a pod costs there."""

    scope: str
    index: int
    bound: int
    left: int
    cost: int


class Credit:
    """What one replica lets subjects have open. The caller holds one lock for this and the ledger.

    With no `shares` there is no limit.
    """

    def __init__(self, ledger: Ledger, lapse: float, shares: Shares | None = SHARES) -> None:
        self._ledger = ledger
        self._lapse = lapse
        self._shares = shares
        self._elsewhere: Sums = {}  # by scope: what other replicas have open
        self._named: dict[str, Sums] = {}  # by name, as far as others tell: the most that one of them has open for it

    # -- questions -----------------------------------------------------------------------------------------------------

    def is_roomy(self, pod: PodInfo) -> bool:
        """Say whether there is so much room that a pod comes near no bound, and is within any credit.

        It is a new pod, and with all that is open it comes to such a part of what is left short of where a bound is
        near (`warnAt`) that so does what its subjects have open, whoever they are. Most pods need no closer look.
        """
        ledger, shares = self._ledger, self._shares
        if not ledger.is_unknown(pod.name):
            return False
        part = 1 if shares is None else shares.owner if ledger.history.any else shares.good
        reservations, near = ledger.reservations, ledger.accounting.config.warn_at.thousandths
        for scope in ledger.spread(pod).scopes:
            asked = pod.footprint if pod.before is UNBORN else ledger.asked(pod, scope)
            bearing, elsewhere = ledger.capacity.bearing(scope), self._elsewhere.get(scope, NOTHING)
            committed, unseen = ledger.committed(scope, bearing), reservations.unseen(scope)
            for index, _, line in near_sums(bearing.bound, near):
                wanted = asked[index]
                if wanted and committed[index] + elsewhere[index] + part * (unseen[index] + wanted) > line:
                    return False
        return True

    def shortfall(self, pod: PodInfo, now: float) -> Shortfall | None:
        """Say why a pod is beyond the credit of its subjects; None if it is not."""
        shares = self._shares
        if shares is None:
            return None
        is_taken = pod.before is UNBORN and self._ledger.is_taken(pod.name)
        rooms = list(self._rooms(pod))
        if is_taken:
            for room in rooms:
                if room.cost * shares.taken > room.left:
                    most = room.left // shares.taken
                    return Shortfall(Cause.TAKEN, pod.name, room.index, room.cost, most=most)
        found = [short for room in rooms for short in self._short(pod, room, shares, now)]
        return min(found, key=lambda short: short.cause is Cause.EARLIER, default=None)  # waiting would be in vain

    def _rooms(self, pod: PodInfo) -> Iterator[_Room]:
        for scope in self._ledger.spread(pod).scopes:
            cost = self._ledger.asked_beyond_live(pod, scope)
            for index, bound, left in self._left(scope):
                if cost[index]:
                    yield _Room(scope, index, bound, left, cost[index])

    def _left(self, scope: str) -> Iterator[tuple[int, int, int]]:
        """Yield for each bounded sum its index, its bound, and what is left of it."""
        standing, elsewhere = self._ledger.standing(scope), self._elsewhere.get(scope, NOTHING)
        for index, bound in bounded_sums(standing.bearing.bound):
            left = bound - standing.committed[index] - standing.unseen[index] - elsewhere[index]
            yield index, bound, max(0, left)

    def _short(self, pod: PodInfo, room: _Room, shares: Shares, now: float) -> Iterator[Shortfall]:
        named = self._named.get(pod.name, {})  # by another replica, whose subject nobody tells: surely its namespace
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
        """Take in what the other replicas have open, and whose pods they saw lapse."""
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
        """Hold it against its subjects that these pods never came, while they still count as open; say against whom."""
        latest: dict[tuple[str, Amounts], Named] = {}
        for name, reservation in never_came:
            size = self._ledger.accounting.bounded(reservation.most)
            for subject in subjects_of(name, reservation.owner):
                latest[subject, size] = name, reservation  # the newest: a pod that came since speaks for all of them
        return [worse for (subject, size), named in latest.items() for worse in self._judge(subject, size, *named, now)]

    def _judge(self, subject: str, size: Amounts, name: str, reservation: Reservation, now: float) -> Iterable[Worse]:
        subjects, history = self._ledger.reservations.subjects, self._ledger.history
        if not self._matters(subject, reservation.spread.scopes, size):
            return
        if subjects.seen_since(subject, as_seen(reservation.owner), size, reservation.order):
            return
        if history.lapsed(subject, size, reservation.granted_at, now, self._lapse):
            yield Worse(subject, history.standing(subject), name)

    def _matters(self, subject: str, scopes: Iterable[str], size: Amounts) -> bool:
        """Say whether what a subject has open is more than the small credit, in a sum of this size."""
        if self._shares is None:
            return False
        awaited, part = self._ledger.reservations.subjects.awaited(subject), self._shares.small(subject)
        for scope in scopes:
            own = awaited.in_scope(scope)
            if any(size[index] and own[index] * part > left + own[index] for index, _, left in self._left(scope)):
                return True
        return False

"""Broken rules about what settles a reservation, and about resizes."""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from tests.model.mutants.registry import Patches, mutant
from tests.model.replica import Replica
from tests.model.world import World
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN, Interval
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Named, Reservation, Reservations
from webhook.core.sharing.allotment import Allotment
from webhook.core.sharing.grants import Grants
from webhook.core.values.amounts import NOTHING

# -- rule 4: reservations ----------------------------------------------------------------------------------------------


@mutant("4: a reservation is settled by its own UID alone")
def one_uid_settles_the_name() -> Patches:
    see = Reservations.see

    def whole(self: Reservations, name: str, uid: str, revision: int, *, bound: bool = True) -> bool:
        group = self._names.get(name)
        others = list(group.by_key) if group and uid in group.by_key else []
        return True in [see(self, name, other, revision, bound=bound) for other in others]

    return [(Reservations, "see", whole)]


def _lapse_at(moment: Callable[[Grants], float]) -> Callable[[Grants], list[Named]]:
    def lapse(self: Grants) -> list[Named]:
        lapsed = [n for n in self._ledger.reservations if n[1].is_open and n[1].granted_at <= moment(self)]
        self._ledger.reservations.void(lapsed)
        return lapsed

    return lapse


@mutant("4: lapses only with a view proven fresh after the lapse")
def plain_timeout() -> Patches:
    due = Allotment.due

    def timed(self: Allotment, now: float, *, fresh: bool = False) -> bool:
        self.grants.__dict__["_clock"] = now
        return due(self, now, fresh=fresh)

    lapse = _lapse_at(lambda self: float(self.__dict__.get("_clock", float("-inf"))) - self._lapse)
    return [(Allotment, "due", timed), (Grants, "lapse", lapse)]


@mutant("4: lapses only after the lapse")
def early_lapse() -> Patches:
    return [(Grants, "lapse", _lapse_at(lambda self: self._ledger.proven_since - self._lapse / 3))]


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

    def forget(self: Ledger, pods: Iterable[PodInfo], revision: int, since: float) -> None:
        self.reservations.retire(list(self.reservations))
        relist(self, pods, revision, since)

    return [(Ledger, "relist", forget)]


@mutant("4: releases come from the watch")
def delete_reviews_release() -> Patches:
    change = World.change

    def reviewed(self: World, number: int, how: int) -> None:
        """A deletion is reviewed but does not happen: it is a dry run, or another webhook refuses it."""
        change(self, number, how)
        for replica in self.replicas[: 1 + how % 2]:
            for pod in list(replica.view.values())[number % 5 :][:1]:
                replica.ledger.gone(with_revision(pod, replica.ledger.revision))

    return [(World, "change", reviewed)]


def with_revision(pod: PodInfo, revision: int) -> PodInfo:
    """Return the same pod at another revision."""
    return replace(pod, revision=revision)


# -- resizes -----------------------------------------------------------------------------------------------------------


@mutant("resizes: growth is reserved for")
def resizes_reserve_nothing() -> Patches:
    grant = Ledger.grant

    def careless(self: Ledger, pod: PodInfo, now: float) -> Reservation:
        if pod.before == UNBORN:
            return grant(self, pod, now)
        return Reservation(pod.uid, self.charge(pod), now, pod.before)

    return [(Ledger, "grant", careless)]


@mutant("resizes: settled only by what comes after the object that was reviewed")
def resize_settled_by_what_was_reviewed() -> Patches:
    see = Reservations.see

    def early(self: Reservations, name: str, uid: str, revision: int, *, bound: bool = True) -> bool:
        return see(self, name, uid, revision + 1, bound=bound) and (see(self, name, uid, revision, bound=bound) or True)

    return [(Reservations, "see", early)]


@mutant("resizes: growth upon growth costs all of it")
def growths_of_one_pod_overlap() -> Patches:
    and_also = Interval.and_also

    def largest(self: Interval, other: Interval) -> Interval:
        if NOTHING in {self.low, other.low}:
            return and_also(self, other)
        return self if sum(self.cost) >= sum(other.cost) else other

    return [(Interval, "and_also", largest)]


@mutant("resizes: what is not raised reaches no further")
def no_growth_reaches_further() -> Patches:
    def hull(self: Interval, other: Interval) -> Interval:
        return Interval(self.low.upto(other.low), self.high.or_more(other.high))

    return [(Interval, "and_also", hull)]


@mutant("confinements: a pod that is confined later is reserved for in its pool")
def confinements_reserve_nothing() -> Patches:
    return [(Ledger, "before", lambda _, pod: pod.before)]

"""Reservations: what a name costs, what settles a grant, and what that frees."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from webhook.core.account.extent import NOWHERE, UNBORN, Before, Spread
from webhook.core.account.reservations import Reservation, Reservations
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

SCOPES = (CLUSTER, "p")


def spread(size: int, pool: str | None = None) -> Spread:
    return Spread(Amounts(memory_requests=size), pool)


def grant(uid: str, size: int = 5, at: float = 0.0, pool: str | None = None) -> Reservation:
    return Reservation(uid, spread(size, pool), at)


class Names:
    """Reservations over a table of what lives under each name."""

    def __init__(self) -> None:
        self.live: dict[str, Spread] = {}
        self.reservations = Reservations(lambda name: self.live.get(name, NOWHERE))

    def put(self, name: str, what: Spread) -> None:
        self.live[name] = what
        self.reservations.refresh(name)

    def costs(self, scope: str = CLUSTER) -> tuple[int, int, int]:
        """Bytes of what is unseen, open and unretired."""
        kept = self.reservations
        return tuple(each(scope).memory_requests for each in (kept.unseen, kept.open, kept.unretired))  # type: ignore[return-value]  # three


def test_two_hundred_duplicates_of_a_name_cost_one_footprint() -> None:
    names = Names()
    for number in range(200):
        names.reservations.add("ns/a", grant(f"u{number}", size=1 + number % 5))
    assert names.costs() == (5, 5, 5)


def test_a_name_costs_the_larger_of_what_lives_and_what_may_come() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5))
    names.put("ns/a", spread(3))
    assert names.costs() == (2, 5, 5)
    names.put("ns/a", spread(8))
    assert names.costs() == (0, 5, 5)


def test_a_pool_is_charged_only_for_what_is_confined_to_it() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5, pool="p"))
    names.reservations.add("ns/b", grant("u2", 3))
    assert names.costs("p") == (5, 5, 5)
    assert names.costs() == (8, 8, 8)


def test_seeing_settles_its_own_uid_alone_and_frees_nothing_between_replicas() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5))
    names.reservations.add("ns/a", grant("u2", 4))
    names.reservations.see("ns/a", "u1", 7)
    names.put("ns/a", spread(5))
    assert names.costs() == (0, 4, 5)
    names.put("ns/a", NOWHERE)  # deleted again: the slower create may still succeed
    assert names.costs() == (4, 4, 5)


def test_a_stranger_settles_nothing() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1"))
    names.reservations.see("ns/a", "u9", 7)
    names.reservations.see("ns/b", "u1", 7)
    assert names.reservations.oldest_open() == 0.0


def test_a_resize_is_settled_only_beyond_the_object_that_was_reviewed() -> None:
    names = Names()
    names.reservations.add("ns/a", Reservation("u1", spread(5), 0.0, Before(7)))
    names.reservations.see("ns/a", "u1", 7)
    assert names.reservations.oldest_open() == 0.0
    names.reservations.see("ns/a", "u1", 8)
    assert names.reservations.oldest_open() == float("inf")


def test_what_lapsed_is_known_no_more_and_still_holds_its_part_of_the_allotment() -> None:
    names = Names()
    never_came = grant("u1")
    names.reservations.add("ns/a", never_came)
    names.reservations.void([("ns/a", never_came)])
    assert names.reservations.get("ns/a", "u1") is None
    assert names.costs() == (0, 0, 5)
    names.reservations.retire([("ns/a", never_came)])
    assert names.costs() == (0, 0, 0)
    assert list(names.reservations) == []


def test_retiring_leaves_alone_what_was_granted_anew_under_the_same_uid() -> None:
    names = Names()
    old, new = grant("u1"), grant("u1", at=9.0)
    names.reservations.add("ns/a", old)
    names.reservations.add("ns/a", new)
    names.reservations.retire([("ns/a", old)])
    assert names.reservations.get("ns/a", "u1") is new


def test_what_a_name_holds_can_be_told_without_some_of_it() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5))
    names.reservations.add("ns/a", grant("u2", 3))

    def more(name: str, *without: str) -> int:
        growth = names.reservations.growth_of(name, spread(9), UNBORN, without=frozenset(without))
        return growth[CLUSTER].memory_requests

    assert (more("ns/a"), more("ns/a", "u1"), more("ns/a", "u9"), more("ns/b")) == (4, 6, 4, 9)


class Sums(RuleBasedStateMachine):
    """The sums that are kept up are those that a plain count comes to."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()
        self.known: dict[tuple[str, str], Reservation] = {}

    name = st.sampled_from(("a", "b", "c"))
    uid = st.sampled_from(("1", "2", "3"))
    size = st.integers(0, 5)
    pool = st.sampled_from((None, "p"))

    @rule(name=name, uid=uid, size=size, pool=pool)
    def add(self, name: str, uid: str, size: int, pool: str | None) -> None:
        self.known[name, uid] = grant(uid, size, pool=pool)
        self.names.reservations.add(name, self.known[name, uid])

    @rule(name=name, size=size, pool=pool)
    def live(self, name: str, size: int, pool: str | None) -> None:
        self.names.put(name, spread(size, pool))

    @rule(name=name, uid=uid)
    def see(self, name: str, uid: str) -> None:
        self.names.reservations.see(name, uid, 7)
        self.names.reservations.refresh(name)

    @rule(name=name, uids=st.sets(uid), retire=st.booleans())
    def settle(self, name: str, uids: set[str], *, retire: bool) -> None:
        found = [(name, self.known[name, uid]) for uid in sorted(uids) if (name, uid) in self.known]
        if retire:
            self.names.reservations.retire(found)
            for _, reservation in found:
                del self.known[name, reservation.uid]
        else:
            self.names.reservations.void([named for named in found if named[1].is_open])

    @invariant()
    def sums_are_true(self) -> None:
        for scope in SCOPES:
            unseen = still_open = unretired = 0
            for name in {name for name, _ in self.known}:
                mine = [r for (of, _), r in self.known.items() if of == name]
                largest = max((_size(r.spread, scope) for r in mine if r.is_open), default=0)
                still_open += largest
                unseen += max(0, largest - _size(self.names.live.get(name, NOWHERE), scope))
                unretired += max(_size(r.spread, scope) for r in mine)
            assert self.names.costs(scope) == (unseen, still_open, unretired)


def _size(where: Spread, scope: str) -> int:
    return where.in_scope(scope).memory_requests


TestSums = Sums.TestCase
TestSums.settings = settings(max_examples=30, stateful_step_count=30)

"""Reservations: what a name costs, what settles a grant, and what that frees."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.examples import examples
from webhook.core.ledger.interval import NOWHERE, UNBORN, Before, Charge, Interval
from webhook.core.ledger.reservations import Reservation, Reservations
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

SCOPES = (CLUSTER, "p")


def charge(size: int, pool: str | None = None) -> Charge:
    return Charge(Amounts(memory_requests=size), pool)


def grant(uid: str, size: int = 5, at: float = 0.0, pool: str | None = None) -> Reservation:
    return Reservation(uid, charge(size, pool), at)


class Names:
    """Reservations over a table of what lives under each name."""

    def __init__(self) -> None:
        self.live: dict[str, Charge] = {}
        self.reservations = Reservations(lambda name: self.live.get(name, NOWHERE))

    def put(self, name: str, what: Charge) -> None:
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
    names.put("ns/a", charge(3))
    assert names.costs() == (2, 5, 5)
    names.put("ns/a", charge(8))
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
    names.put("ns/a", charge(5))
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
    names.reservations.add("ns/a", Reservation("u1", charge(5), 0.0, Before(7)))
    names.reservations.see("ns/a", "u1", 7)
    assert names.reservations.oldest_open() == 0.0
    names.reservations.see("ns/a", "u1", 8)
    assert names.reservations.oldest_open() == float("inf")


def test_who_is_answered_again_counts_from_now_and_is_the_oldest_no_longer() -> None:
    names = Names()
    first, second, seen = grant("u1", at=0.0), grant("u2", at=1.0), grant("u3", at=2.0)
    for name, reservation in (("ns/a", first), ("ns/b", second), ("ns/c", seen)):
        names.reservations.add(name, reservation)
    names.reservations.see("ns/c", "u3", 7)
    names.reservations.renew(first, 5.0)
    assert names.reservations.oldest_open() == 1.0
    names.reservations.renew(second, 0.5)
    assert second.granted_at == 1.0, "time does not run backwards"
    names.reservations.renew(seen, 9.0)
    assert names.reservations.still_open == 2, "what is settled is not opened by that"


def test_the_most_that_a_grant_adds_is_what_it_adds_to_the_pool_that_it_confines_its_pod_to() -> None:
    moved = Before(7, Amounts(memory_requests=2), "+1", elsewhere=True)
    assert Reservation("u", charge(5, "p"), 0.0, moved).most.memory_requests == 5
    assert Reservation("u", charge(5, "p"), 0.0, moved._replace(elsewhere=False)).most.memory_requests == 3
    assert Reservation("u", charge(5), 0.0, moved._replace(elsewhere=False)).most.memory_requests == 3
    assert grant("u", 5).most.memory_requests == 5


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


@pytest.mark.parametrize(("before", "after"), [(5, 5), (9, 4)])
def test_a_resize_that_raises_nothing_lets_no_more_come_under_its_name(before: int, after: int) -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 2))
    growth = names.reservations.growth_of("ns/a", charge(after), Before(7, Amounts(before)))
    assert growth[CLUSTER] == NOTHING
    names.reservations.add("ns/a", Reservation("u2", charge(after), 0.0, Before(7, Amounts(before))))
    assert names.costs() == (2, 2, 2)
    assert names.reservations.open_from_nothing("ns/a") == {CLUSTER: Amounts(2)}


def test_nor_does_a_pod_for_a_sum_that_it_asks_nothing_of_beside_growth() -> None:
    names = Names()
    names.reservations.add("ns/a", Reservation("u1", charge(9), 0.0, Before(7, Amounts(5))))
    names.reservations.add("ns/a", Reservation("u2", Charge(Amounts(0, 3)), 0.0))
    assert names.reservations.unretired(CLUSTER) == Amounts(4, 3)
    assert names.reservations.open_from_nothing("ns/a") == {CLUSTER: Amounts(0, 3)}


def test_a_pod_that_is_charged_to_another_pool_by_now_holds_both_until_a_write() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5, pool="p"))
    anew = grant("u1", 5)
    names.reservations.add("ns/a", anew)
    assert names.reservations.get("ns/a", "u1") is anew
    assert (names.costs("p"), names.costs()) == ((0, 0, 5), (5, 5, 5))
    names.reservations.add("ns/a", grant("u1", 5, pool="p"))
    assert names.costs("p") == (5, 5, 5)
    names.reservations.retire(names.reservations.settled())
    assert (names.costs("p"), names.costs()) == ((5, 5, 5), (5, 5, 5))
    assert names.reservations.settled() == ()
    assert [reservation.key for _, reservation in names.reservations] == ["u1"]


def test_one_that_was_seen_and_is_granted_anew_elsewhere_still_says_where_it_was_seen() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5, pool="p"))
    names.reservations.see("ns/a", "u1", 7)
    names.reservations.add("ns/a", grant("u1", 5))
    assert [reservation.seen_at_revision for _, reservation in names.reservations.settled()] == [7]


def test_a_name_is_repeated_if_several_may_come_or_one_beside_what_lives_there() -> None:
    names = Names()
    for name in ("ns/a", "ns/b", "ns/c"):
        names.reservations.add(name, grant("u1"))
    assert names.reservations.repeated.keys() == set()
    names.reservations.add("ns/a", grant("u2"))
    names.put("ns/b", charge(1))
    names.reservations.see("ns/c", "u1", 7)
    names.put("ns/c", charge(5))
    assert names.reservations.repeated.keys() == {"ns/a", "ns/b"}
    names.put("ns/b", NOWHERE)
    assert names.reservations.repeated.keys() == {"ns/a", "ns/b"}
    names.reservations.retire(list(names.reservations))
    assert names.reservations.repeated.keys() == set()


def test_what_may_come_from_nothing_is_told_by_scope_and_growth_is_not() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5, pool="p"))
    names.reservations.add("ns/a", grant("u2", 7))
    names.reservations.add("ns/b", Reservation("u1", charge(9), 0.0, Before(7, Amounts(4))))
    told = names.reservations.open_from_nothing
    assert told("ns/a") == {CLUSTER: Amounts(7), "p": Amounts(5)}
    assert (told("ns/b"), told("ns/c")) == ({CLUSTER: NOTHING}, {})
    names.reservations.see("ns/a", "u2", 7)
    names.reservations.refresh("ns/a")
    assert told("ns/a") == {CLUSTER: Amounts(5), "p": Amounts(5)}
    names.reservations.see("ns/a", "u1", 8)
    names.reservations.refresh("ns/a")
    assert told("ns/a") == {}


@pytest.mark.parametrize(
    ("live", "ours", "others", "added"),
    [
        (0, None, 5, 5),
        (3, None, 5, 2),
        (9, None, 5, 0),
        (0, (0, 4), 5, 1),
        (2, (0, 4), 5, 1),
        (0, (0, 6), 5, 0),
        (2, (2, 6), 5, 0),
        (2, (4, 6), 5, 2),  # what lies between what lives and what it may grow from
        (2, (4, 6), 9, 5),  # and what lies beyond
    ],
)
def test_creates_of_others_add_what_neither_lives_nor_may_come_of_ours(
    live: int, ours: tuple[int, int] | None, others: int, added: int
) -> None:
    names = Names()
    names.live["ns/a"] = charge(live)
    if ours:
        names.reservations.add("ns/a", Reservation("u1", charge(ours[1]), 0.0, Before(7, Amounts(ours[0]))))
    assert names.reservations.growth_by_others("ns/a", Amounts(others), CLUSTER) == Amounts(added)
    assert names.reservations.growth_by_others("ns/b", Amounts(others), CLUSTER) == Amounts(others)


def test_one_more_grant_takes_over_what_others_add_as_far_as_it_reaches() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 2))
    more = Interval(NOTHING, Amounts(4))
    assert names.reservations.growth_by_others("ns/a", Amounts(5), CLUSTER, more) == Amounts(1)
    assert names.reservations.growth_by_others("ns/b", Amounts(5), CLUSTER, more) == Amounts(1)


def test_what_a_name_holds_can_be_told_without_some_of_it() -> None:
    names = Names()
    names.reservations.add("ns/a", grant("u1", 5))
    names.reservations.add("ns/a", grant("u2", 3))

    def more(name: str, *without: str) -> int:
        growth = names.reservations.growth_of(name, charge(9), UNBORN, without=frozenset(without))
        return growth[CLUSTER].memory_requests

    assert (more("ns/a"), more("ns/a", "u1"), more("ns/a", "u9"), more("ns/b")) == (4, 6, 4, 9)


class Sums(RuleBasedStateMachine):
    """The sums that are kept up are those that a plain count comes to."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()
        self.known: dict[tuple[str, str], Reservation] = {}
        self.set_aside: list[tuple[str, Reservation]] = []  # what a grant elsewhere took the place of

    name = st.sampled_from(("a", "b", "c"))
    uid = st.sampled_from(("1", "2", "3"))
    size = st.integers(0, 5)
    pool = st.sampled_from((None, "p"))

    @rule(name=name, uid=uid, size=size, pool=pool)
    def add(self, name: str, uid: str, size: int, pool: str | None) -> None:
        before = self.known.get((name, uid))
        self.known[name, uid] = grant(uid, size, pool=pool)
        if before is not None and before.charge != self.known[name, uid].charge:
            self.set_aside.append((name, before))
        self.names.reservations.add(name, self.known[name, uid])

    @rule(name=name, size=size, pool=pool)
    def live(self, name: str, size: int, pool: str | None) -> None:
        self.names.put(name, charge(size, pool))

    @rule(name=name, uid=uid)
    def see(self, name: str, uid: str) -> None:
        self.names.reservations.see(name, uid, 7)
        self.names.reservations.refresh(name)

    @rule(name=name, uids=st.sets(uid), retire=st.booleans())
    def settle(self, name: str, uids: set[str], *, retire: bool) -> None:
        found = [(name, self.known[name, uid]) for uid in sorted(uids) if (name, uid) in self.known]
        if retire:
            self.names.reservations.retire([*found, *self.set_aside])
            self.set_aside.clear()
            for _, reservation in found:
                del self.known[name, reservation.uid]
        else:
            self.names.reservations.void([named for named in found if named[1].is_open])

    @invariant()
    def sums_are_true(self) -> None:
        for scope in SCOPES:
            unseen = still_open = unretired = 0
            for name in {name for name, _ in self.known} | {name for name, _ in self.set_aside}:
                mine = [r for (of, _), r in self.known.items() if of == name]
                mine += [r for of, r in self.set_aside if of == name]
                largest = max((_size(r.charge, scope) for r in mine if r.is_open), default=0)
                still_open += largest
                unseen += max(0, largest - _size(self.names.live.get(name, NOWHERE), scope))
                unretired += max(_size(r.charge, scope) for r in mine)
            assert self.names.costs(scope) == (unseen, still_open, unretired)


def _size(where: Charge, scope: str) -> int:
    return where.in_scope(scope).memory_requests


TestSums = Sums.TestCase
TestSums.settings = settings(max_examples=examples(30), stateful_step_count=30)

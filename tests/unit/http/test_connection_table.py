"""Who makes room: the table beside a plain list that is sorted each time."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from webhook.http.connection_table import ConnectionTable, Rank

LIMIT, PER_ADDRESS = 6, 3
ADDRESSES = ("a", "b", "c")
UNPROVEN = {Rank.IDLE, Rank.UNFINISHED}


def table(*entries: tuple[str, str, Rank], limit: int = 100, per_address: int = 100) -> ConnectionTable[str]:
    made = ConnectionTable[str](limit, per_address)
    for name, address, rank in entries:
        made.add(name, address)
        made.place(name, rank)
    return made


@pytest.mark.parametrize("missing", range(4))
def test_who_never_sent_a_review_goes_first_then_strangers_then_who_idles_for_longest(missing: int) -> None:
    entries = [
        *(("in flight", "a", Rank.ANSWERED), ("known 1", "a", Rank.KNOWN), ("late", "a", Rank.KNOWN_BUSY)),
        *(("stranger 1", "a", Rank.UNFINISHED), ("idle 1", "a", Rank.IDLE), ("idle 2", "a", Rank.IDLE)),
        *(("stranger 2", "a", Rank.UNFINISHED), ("known 2", "a", Rank.KNOWN)),
    ]
    order = ["idle 1", "idle 2", "stranger 1", "stranger 2", "known 1", "known 2", "late"]
    made = table(*entries, limit=len(entries))
    for name in order[:missing]:
        assert made.gives_way("b") == name
        made.remove(name)
        made.add(f"for {name}", "a")
        made.place(f"for {name}", Rank.ANSWERED)
    assert made.gives_way("b") == order[missing]


def test_nobody_has_to_go_while_there_is_room_and_nobody_can_who_has_a_review_in_flight() -> None:
    assert table(("idle", "a", Rank.IDLE), limit=2).gives_way("a") is None
    full = table(("one", "a", Rank.ANSWERED), ("two", "a", Rank.ANSWERED), limit=2)
    assert (full.is_full(), full.gives_way("b")) == (True, None)


def test_strangers_go_from_the_address_that_most_of_them_come_from() -> None:
    made = table(
        ("api server", "a", Rank.UNFINISHED), ("1", "b", Rank.UNFINISHED), ("2", "b", Rank.UNFINISHED), limit=3
    )
    assert made.gives_way("a") == "1"


def test_an_address_makes_room_for_itself_once_it_has_too_many_that_never_sent_a_review() -> None:
    entries = [("known", "a", Rank.KNOWN), ("stranger", "a", Rank.UNFINISHED), ("idle", "a", Rank.IDLE)]
    made = table(*entries, ("other", "b", Rank.IDLE), per_address=2)
    assert made.gives_way("a") == "idle"
    assert made.gives_way("b") is None
    made.remove("idle")
    assert made.gives_way("a") is None


def test_a_step_does_not_make_an_unfinished_one_younger() -> None:
    made = table(("first", "a", Rank.UNFINISHED), ("second", "a", Rank.UNFINISHED), limit=2)
    made.place("first", Rank.UNFINISHED)
    assert made.gives_way("b") == "first"
    made.place("first", Rank.IDLE)
    made.place("second", Rank.IDLE)
    made.place("first", Rank.IDLE)  # it asked again
    assert made.gives_way("b") == "second"


def test_what_is_gone_takes_no_place() -> None:
    made = table(("one", "a", Rank.IDLE))
    for _ in range(2):
        made.remove("one")
        made.place("one", Rank.KNOWN)
    assert (len(made), list(made), made.rank("one")) == (0, [], None)


@dataclass
class Entry:
    address: str
    rank: Rank
    since: int = field(default=0)


class Beside(RuleBasedStateMachine):
    """The same done to a list."""

    def __init__(self) -> None:
        super().__init__()
        self.table = ConnectionTable[int](LIMIT, PER_ADDRESS)
        self.entries: dict[int, Entry] = {}
        self.clock, self.names = count(1), count()

    def expected(self, address: str) -> int | None:
        own = [n for n, e in self.entries.items() if e.address == address and e.rank in UNPROVEN]
        candidates = list(self.entries)
        if len(own) >= PER_ADDRESS:
            candidates = own
        elif len(self.entries) < LIMIT:
            return None
        candidates = [n for n in candidates if self.entries[n].rank is not Rank.ANSWERED]
        if not candidates:
            return None
        rank = min(self.entries[n].rank for n in candidates)
        candidates = [n for n in candidates if self.entries[n].rank is rank]
        if rank is Rank.UNFINISHED:
            crowd = Counter(self.entries[n].address for n in candidates)
            candidates = [n for n in candidates if crowd[self.entries[n].address] == max(crowd.values())]
        return min(candidates, key=lambda n: self.entries[n].since)

    @rule(address=st.sampled_from(ADDRESSES))
    def comes(self, address: str) -> None:
        leaving = self.table.gives_way(address)
        wanted = self.expected(address)
        if leaving is not None and wanted is not None and leaving != wanted:
            # Two addresses may have as many unfinished ones; whose is the older does not matter then.
            one, other = self.entries[leaving], self.entries[wanted]
            assert one.rank is other.rank is Rank.UNFINISHED
            assert one.address != other.address
            numbers = Counter(e.address for e in self.entries.values() if e.rank is Rank.UNFINISHED)
            assert numbers[one.address] == numbers[other.address]
            assert one.since == min(
                e.since for e in self.entries.values() if (e.rank, e.address) == (one.rank, one.address)
            )
        else:
            assert leaving == wanted
        if leaving is not None:
            self.table.remove(leaving)
            del self.entries[leaving]
        if len(self.entries) < LIMIT:
            name = next(self.names)
            self.table.add(name, address)
            self.entries[name] = Entry(address, Rank.UNFINISHED, next(self.clock))

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), rank=st.sampled_from(Rank))
    def steps(self, data: st.DataObject, rank: Rank) -> None:
        name = data.draw(st.sampled_from(sorted(self.entries)))
        entry = self.entries[name]
        if rank is not entry.rank or rank in {Rank.IDLE, Rank.KNOWN}:
            entry.rank, entry.since = rank, next(self.clock)
        self.table.place(name, rank)

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.entries)))
        self.table.remove(name)
        del self.entries[name]

    @invariant()
    def agree(self) -> None:
        assert {name: self.table.rank(name) for name in self.table} == {n: e.rank for n, e in self.entries.items()}
        assert len(self.table) <= LIMIT


TestBeside = Beside.TestCase


@given(st.lists(st.sampled_from(ADDRESSES)))
def test_nothing_is_kept_of_addresses_that_are_gone(addresses: list[str]) -> None:
    made = ConnectionTable[int](100, 100)
    for number, address in enumerate(addresses):
        made.add(number, address)
    for number in range(len(addresses)):
        made.remove(number)
    assert made._addresses == {}

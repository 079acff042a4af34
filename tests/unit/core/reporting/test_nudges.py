"""Who is touched next when room comes back, and how often at most."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI
from tests.support.refusing import balances, blocked, owner
from webhook.core.events.reference import Reference
from webhook.core.reporting.nudges import CLAIM, LONGEST, PAUSE, Nudges

FREE = [balances(room) for room in range(9)]
FIRST, SECOND = blocked("a", 1), blocked("b", 2)


def who(touched: object) -> str | None:
    return getattr(touched, "owner", Reference("", "", "", "", "")).name or None


def test_they_are_touched_in_order_each_as_far_as_the_room_reaches() -> None:
    nudges, room = Nudges(), balances(2)
    assert who(nudges.next([FIRST, SECOND], room, 0)) == "a"
    assert who(nudges.next([FIRST, SECOND], room, 0.5)) == "b"
    assert nudges.next([FIRST, SECOND], room, 1.0) is None


def test_the_room_that_a_touched_owner_wants_is_left_to_it_for_a_while() -> None:
    nudges, room = Nudges(), balances(2)
    wants_two = blocked("a", 1, missing=2)
    assert who(nudges.next([wants_two, SECOND], room, 0)) == "a"
    assert nudges.next([wants_two, SECOND], room, CLAIM - 0.1) is None
    assert who(nudges.next([wants_two, SECOND], room, CLAIM)) == "b"


def test_no_room_is_left_to_an_owner_that_is_gone() -> None:
    nudges, room = Nudges(), balances(2)
    wants_two = blocked("a", 1, missing=2)
    assert who(nudges.next([wants_two, SECOND], room, 0)) == "a"
    nudges.gone(wants_two.owner)
    assert who(nudges.next([wants_two, SECOND], room, 0)) == "b", "another replica may still show it"


def test_who_does_not_fit_is_passed_over() -> None:
    nudges = Nudges()
    large = blocked("large", 0, asks=3)
    assert who(nudges.next([large, FIRST], balances(2), 0)) == "a"
    assert Nudges().next([large], balances(2), 0) is None
    assert Nudges().next([FIRST], {}, 0) is None


def test_pods_without_a_controller_are_not_touched() -> None:
    assert Nudges().next([blocked(owner=owner("lonely", kind="Pod"))], balances(8), 0) is None


def test_touching_in_vain_is_repeated_ever_less_often() -> None:
    nudges, room = Nudges(), balances(8)
    times = [half / 2 for half in range(2 * 3000) if nudges.next([FIRST], room, half / 2) is not None]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:4] == [PAUSE, 2 * PAUSE, 4 * PAUSE, 8 * PAUSE]
    assert max(pauses) == LONGEST


def test_it_begins_again_once_there_was_no_room_in_between() -> None:
    nudges = Nudges()
    assert nudges.next([FIRST], balances(1), 0)
    assert nudges.next([FIRST], balances(1), PAUSE)
    assert nudges.next([FIRST], balances(0), 2 * PAUSE) is None
    assert nudges.next([FIRST], balances(1), 2 * PAUSE + 0.5)


def test_who_is_not_blocked_any_more_is_forgotten() -> None:
    nudges = Nudges()
    nudges.next([FIRST], balances(1), 0)
    nudges.next([], balances(1), 1)
    assert who(nudges.next([FIRST], balances(1), 2)) == "a"


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=6),
    st.lists(st.integers(0, 8), min_size=1, max_size=40),
)
def test_what_is_touched_fits_beside_what_was_just_touched(asks: list[tuple[int, int]], free: list[int]) -> None:
    known = [blocked(f"o{n}", n, asks=size, missing=pods) for n, (size, pods) in enumerate(asks)]
    nudges, touched = Nudges(), list[tuple[float, str, int]]()
    for half, room in enumerate(free):
        now = half / 2
        found = nudges.next(known, FREE[room], now)
        if found is None:
            continue
        claimed = sum(size for at, _, size in touched if now < at + CLAIM)
        assert found.asks.memory_requests <= (room - claimed) * GI
        assert not any(name == found.owner.name and now < at + PAUSE for at, name, _ in touched)
        touched.append((now, found.owner.name, (found.missing or 1) * found.asks.memory_requests // GI))

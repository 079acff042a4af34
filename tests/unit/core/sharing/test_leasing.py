"""Leasing: at most one replica believes that it holds the Lease, and a silent holder is replaced."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.sharing.leasing import DURATION, EVERY, HOLD, Leasing


def test_a_free_lease_may_be_taken_at_once_and_is_held_for_less_than_others_wait() -> None:
    one = Leasing("one")
    assert not one.held(0)
    assert one.may_take("", "1", 0)
    one.wrote("2", 0)
    assert one.held(HOLD - 0.01)
    assert not one.held(HOLD)
    assert EVERY * 2 < HOLD < DURATION


def test_a_holder_may_renew_and_counts_from_the_sending() -> None:
    one = Leasing("one")
    one.wrote("2", 0)
    assert one.may_take("one", "2", 9)
    one.wrote("3", 9)
    assert one.held(18.9)
    assert not one.held(19)


def test_another_takes_it_only_after_it_has_seen_it_unchanged_for_the_whole_duration() -> None:
    other = Leasing("other")
    assert not other.may_take("one", "2", 100)
    assert not other.may_take("one", "2", 100 + DURATION - 0.01)
    assert not other.may_take("one", "3", 100 + DURATION), "it was renewed"
    assert not other.may_take("one", "3", 100 + 2 * DURATION - 0.01)
    assert other.may_take("one", "3", 100 + 2 * DURATION)


def test_who_sees_another_holder_does_not_believe_in_its_own_lease_any_longer() -> None:
    one = Leasing("one")
    one.wrote("2", 0)
    assert not one.may_take("other", "3", 1)
    assert not one.held(1)


def test_who_gives_it_up_does_not_hold_it() -> None:
    one = Leasing("one")
    one.wrote("2", 0)
    one.lose()
    assert not one.held(0)


class Cell:
    """The Lease as etcd keeps it: written by compare-and-swap."""

    def __init__(self) -> None:
        self.holder, self.revision = "", 1

    def swap(self, seen: int, holder: str) -> bool:
        if seen != self.revision:
            return False
        self.holder, self.revision = holder, seen + 1
        return True


Step = tuple[int, str, float]
steps = st.tuples(
    st.integers(0, 2), st.sampled_from(["try", "read", "write", "lose"]), st.floats(0, 20, allow_nan=False)
)


def play(script: list[Step], rules: type[Leasing] = Leasing) -> int:
    """Let three replicas take steps, each with a clock of its own; return how many held it at once, at most."""
    cell, now, most = Cell(), 0.0, 0
    offsets = (0.0, 1e6, -300.0)
    replicas = [rules(str(number)) for number in range(3)]
    under_way: dict[int, tuple[int, float]] = {}
    for number, step, pause in script:
        now += pause
        replica, clock = replicas[number], now + offsets[number]
        if step in ("try", "read") and replica.may_take(cell.holder, str(cell.revision), clock):
            under_way[number] = (cell.revision, clock)
        if step in ("try", "write") and number in under_way:
            seen, sent = under_way.pop(number)
            if cell.swap(seen, str(number)):
                replica.wrote(str(cell.revision), sent)
        if step == "lose":
            replica.lose()
            under_way.pop(number, None)
        most = max(most, sum(each.held(now + offset) for each, offset in zip(replicas, offsets, strict=True)))
    return most


@given(st.lists(steps, max_size=60))
def test_never_do_two_hold_it(script: list[Step]) -> None:
    assert play(script) <= 1


def test_the_simulation_notices_a_holder_that_believes_for_too_long() -> None:
    class Stubborn(Leasing):
        def held(self, now: float) -> bool:
            return super().held(now - DURATION)

    script: list[Step] = [(0, "try", 0), (1, "try", 1), (1, "try", DURATION)]
    assert play(script) == 1
    assert play(script, Stubborn) == 2


@pytest.mark.parametrize("fields", [{"holder": "one"}, {"holder": ""}])
def test_a_lease_that_was_made_again_counts_from_then(fields: dict[str, Any]) -> None:
    other = Leasing("other")
    other.may_take("one", "2", 0)
    assert other.may_take(fields["holder"], "9", DURATION) is (fields["holder"] == "")

"""Blocked owners: they come with a refusal, and leave when they have their pods, are gone, or are not heard of."""

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.refusing import at, blocked, owner, refused
from webhook.core.events.reference import Reference
from webhook.core.reporting.blocked import BARE, EVERY, SETTLED, SOON, UNTRIED, Blocked, BlockedOwners, both, in_order

WEB, BARE_POD, CUSTOM = owner(), owner("lonely", kind="Pod"), owner("flow", kind="Workflow")
TOP = Reference("apps/v1", "Deployment", "default", "web", "uid-web")


def refuse(owners: BlockedOwners, who: Reference = WEB, now: float = 0.0) -> None:
    owners.refused(refused(who, now), None, now)


def read(owners: BlockedOwners, now: float, missing: int | None, who: Reference = WEB) -> bool:
    owners.begin_read(who, now)
    return owners.read(who, missing, stuck=False)


def fits(_: Blocked) -> bool:
    return True


def full(_: Blocked) -> bool:
    return False


def test_refusals_of_one_owner_are_counted_from_the_first_to_the_last() -> None:
    owners = BlockedOwners()
    for second in range(3):
        refuse(owners, now=float(second))
    (shown,) = owners.owners()
    assert (shown.owner, shown.count, shown.since, shown.last) == (WEB, 3, at(0), at(2))


def test_who_has_its_pods_leaves_and_who_lacks_some_stays() -> None:
    owners = BlockedOwners()
    refuse(owners)
    assert read(owners, SETTLED, 2)
    assert [each.missing for each in owners.owners()] == [2]
    assert read(owners, SETTLED + 1, 0)
    assert not owners.owners()


def test_what_is_read_right_after_a_refusal_does_not_end_it() -> None:
    """A StatefulSet reports the pod that it has just deleted, until its next report."""
    owners = BlockedOwners()
    refuse(owners)
    read(owners, SETTLED - 0.1, 0)
    assert WEB in owners
    refuse(owners, now=10.0)
    read(owners, 10.0 + SETTLED - 0.1, 0)
    assert WEB in owners


def test_a_report_from_before_the_last_edit_says_nothing() -> None:
    owners = BlockedOwners()
    refuse(owners)
    read(owners, SETTLED, 2)
    assert not read(owners, SETTLED + 1, None)
    assert [each.missing for each in owners.owners()] == [2]


def test_a_controller_is_read_at_once_then_seldom_and_soon_while_one_would_fit() -> None:
    owners = BlockedOwners()
    refuse(owners)
    assert owners.due(0.0, full) == [WEB]
    read(owners, 0.0, 1)
    refuse(owners, now=0.1)
    assert owners.due(SOON - 0.1, fits) == []
    assert owners.due(SOON, fits) == [WEB]
    assert owners.due(EVERY - 0.1, full) == []
    assert owners.due(EVERY, full) == [WEB]


def test_a_read_that_fails_waits_for_its_turn_and_who_waited_longest_is_read_first() -> None:
    owners = BlockedOwners()
    names = [owner(name) for name in "abc"]
    for who in names:
        refuse(owners, who)
    owners.begin_read(names[0], 1.0)  # and nothing came of it
    owners.begin_read(names[1], 0.5)
    assert owners.due(EVERY + 1, full) == [names[2], names[1], names[0]]


def test_nobody_reads_a_pod_without_a_controller_and_it_leaves_after_a_while() -> None:
    owners = BlockedOwners()
    refuse(owners, BARE_POD)
    assert owners.due(EVERY, fits) == []
    assert not owners.expire(BARE - 1)
    assert owners.expire(BARE)
    assert not owners.owners()


def test_a_controller_that_cannot_be_read_leaves_after_the_longest_backoff() -> None:
    owners = BlockedOwners()
    refuse(owners, CUSTOM)
    refuse(owners, WEB)
    read(owners, 100.0, 1)
    assert owners.expire(UNTRIED)
    assert [each.owner for each in owners.owners()] == [WEB]
    assert UNTRIED > 1000


def test_the_top_owner_is_kept_and_a_deleted_owner_leaves_at_once() -> None:
    owners = BlockedOwners()
    refuse(owners)
    owners.begin_read(WEB, 0.0)
    owners.read(WEB, 1, stuck=True, top=TOP)
    refuse(owners, now=1.0)
    (shown,) = owners.owners()
    assert (shown.top, shown.stuck, shown.missing) == (TOP, True, 1)
    assert owners.gone(WEB)
    assert not owners.gone(WEB)


def test_the_table_is_bounded_and_a_flood_in_one_namespace_does_not_push_out_another() -> None:
    owners = BlockedOwners(most=10)
    refuse(owners, owner("quiet", "quiet"))
    for number in range(100):
        refuse(owners, owner(f"web-{number}", "loud"), float(number))
    assert 10 <= len(owners) <= 12
    assert owners.dropped == 101 - len(owners)
    assert owner("quiet", "quiet") in owners
    assert owner("web-99", "loud") in owners


def test_who_is_adopted_is_counted_with_what_was_known_of_it() -> None:
    owners = BlockedOwners()
    refuse(owners, now=5.0)
    owners.adopt([blocked(seconds=1, count=4, missing=2), blocked("web-2")], 10.0)
    first, second = owners.owners()
    assert (first.owner.name, second.owner.name, second.count, second.since) == ("web-2", "web-1", 5, at(1))
    assert second.missing == 2


def test_two_views_of_one_owner_make_one_whichever_comes_first() -> None:
    older, newer = blocked(seconds=1, missing=3), blocked(seconds=2, count=2, message="newer", top=TOP)
    assert both(older, newer) == both(newer, older)
    joined = both(older, newer)
    assert (joined.message, joined.count, joined.since, joined.missing, joined.top) == ("newer", 3, at(1), 3, TOP)
    assert in_order([newer, older]) == (older, newer)


class _Said(NamedTuple):
    """Something that happened to one owner."""

    at: float
    what: str
    missing: int | None = None


class Tracker(RuleBasedStateMachine):
    """The tracker beside its rules written down plainly: everything that was said is kept, and replayed."""

    def __init__(self) -> None:
        super().__init__()
        self.owners, self.now = BlockedOwners(), 0.0
        self.said: dict[Reference, list[_Said]] = {}

    whom = st.sampled_from([WEB, owner("web-2"), BARE_POD, CUSTOM])

    @rule(who=whom)
    def refuse(self, who: Reference) -> None:
        refuse(self.owners, who, self.now)
        self.said.setdefault(who, []).append(_Said(self.now, "refused"))

    @rule(who=whom, missing=st.sampled_from([None, 0, 0, 3]))
    def read(self, who: Reference, missing: int | None) -> None:
        read(self.owners, self.now, missing, who)
        self.said.setdefault(who, []).append(_Said(self.now, "read", missing))

    @rule(who=whom)
    def delete(self, who: Reference) -> None:
        self.owners.gone(who)
        self.said.setdefault(who, []).append(_Said(self.now, "gone"))

    @rule(seconds=st.sampled_from([0.5, SETTLED, EVERY, BARE, UNTRIED]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.said)
    @rule()
    def expire(self) -> None:
        self.owners.expire(self.now)
        for said in self.said.values():
            said.append(_Said(self.now, "expire"))

    @invariant()
    def those_who_are_blocked_are_shown_with_all_their_refusals(self) -> None:
        expected = {who: count for who, said in self.said.items() if (count := replay(who, said))}
        assert {each.owner: each.count for each in self.owners.owners()} == expected

    @invariant()
    def what_is_read_is_blocked_and_can_be_read(self) -> None:
        due = self.owners.due(self.now, fits)
        assert all(who in self.owners and who.kind != "Pod" for who in due)
        assert len(set(due)) == len(due)


def replay(who: Reference, said: list[_Said]) -> int:
    """Return how many refusals are shown after all this; 0: the owner is not blocked."""
    count, refused_at, heard = 0, 0.0, 0.0
    for each in said:
        if each.what == "refused":
            count, refused_at, heard = count + 1, each.at, each.at
        elif each.what == "gone":
            count = 0
        elif each.what == "read":
            heard = max(heard, each.at)
            if each.missing == 0 and each.at - refused_at >= SETTLED:
                count = 0
        elif each.at - heard >= (BARE if who.kind == "Pod" else UNTRIED):
            count = 0
    return count


Tracker.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestTracker = Tracker.TestCase

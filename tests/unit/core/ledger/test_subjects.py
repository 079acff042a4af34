"""What every subject has open is kept event by event, and equals what is counted from the reservations."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from tests.support.accounts import GI, config, ledger, node, pod
from tests.support.examples import examples
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.recount import recount
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER


def owned(name: str, size: float, owner: str = "web", uid: str | None = None, revision: int = 1) -> PodInfo:
    return replace(pod(name, size, uid=uid, revision=revision), owner=owner)


def open_of(of: Ledger, subject: str) -> float:
    return of.reservations.subjects.awaited(subject).in_scope(CLUSTER).memory_requests / GI


def test_an_owner_and_its_namespace_have_a_grant_open_until_it_is_seen() -> None:
    of = ledger("", node("n", 16))
    of.grant(owned("a", 3), 0.0)
    of.grant(owned("b", 2, "other"), 0.0)
    assert [open_of(of, each) for each in ("default/web", "default/other", "default", "ns")] == [3, 2, 5, 0]
    of.see(owned("a", 3, revision=5))
    assert [open_of(of, each) for each in ("default/web", "default/other", "default")] == [0, 2, 2]
    assert list(of.reservations.subjects.awaited("default").names) == ["default/b"]


def test_a_name_counts_in_full_for_everybody_who_has_a_grant_under_it() -> None:
    of = ledger("", node("n", 16))
    of.grant(owned("a", 3, "one", "u1"), 0.0)
    of.grant(owned("a", 5, "two", "u2"), 0.0)
    assert [open_of(of, each) for each in ("default/one", "default/two", "default")] == [5, 5, 5]


def test_beside_a_living_pod_only_what_is_more_is_open_and_all_of_it_once_that_is_gone() -> None:
    of = ledger("", node("n", 16))
    of.see(owned("a", 3, uid="u1", revision=5))
    of.grant(owned("a", 4, uid="u2"), 0.0)
    assert open_of(of, "default/web") == 1
    of.gone(owned("a", 3, uid="u1", revision=6))
    assert open_of(of, "default/web") == 4


def test_a_sight_speaks_for_what_was_granted_before_it_and_is_no_larger() -> None:
    of = ledger("", node("n", 16))
    subjects = of.reservations.subjects
    before = of.grant(owned("a", 3), 0.0)
    of.see(owned("b", 4, revision=5))  # another replica let it in
    after = of.grant(owned("c", 3), 0.0)
    size, large = owned("x", 3).footprint, Amounts(memory_requests=5 * GI)
    assert subjects.seen_since("default/web", "web", size, before.order)
    assert subjects.seen_since("default", "whoever", size, before.order)
    assert not subjects.seen_since("default/web", "web", large, before.order)
    assert not subjects.seen_since("default/web", "other", size, before.order)
    assert not subjects.seen_since("default/web", "web", size, after.order)


def test_names_are_taken_by_what_lives_or_has_ended_unless_it_is_being_deleted() -> None:
    of = ledger("", node("n", 16))
    of.see(owned("a", 1, revision=5))
    of.see(replace(owned("b", 1, revision=6), counts=False))
    assert [of.is_taken(f"default/{name}") for name in "abc"] == [True, True, False]
    of.see(replace(owned("a", 1, revision=7), deleting=True))
    of.see(replace(owned("b", 1, revision=8), counts=False, deleting=True))
    assert [of.is_taken(f"default/{name}") for name in "ab"] == [False, False]
    of.see(owned("a", 1, uid="again", revision=9))
    assert of.is_taken("default/a")
    of.gone(owned("a", 1, uid="again", revision=10))
    assert not of.is_taken("default/a")
    of.see(owned("c", 1, revision=11))
    of.relist([], 12)
    assert not of.is_taken("default/c")


@pytest.mark.parametrize("granted_here", [True, False])
def test_a_granted_pod_of_which_only_the_end_is_shown_speaks_for_its_owner(*, granted_here: bool) -> None:
    of = ledger("", node("n", 16))
    bad = of.grant(owned("bad", 4), 0.0)
    assert of.history.lapsed("default", bad.charge.footprint, 0.0, 45.0, 45.0)
    if granted_here:
        of.grant(owned("short", 4), 50.0)
    of.gone(owned("short", 4, revision=9))
    assert of.history.standing("default").level == (0 if granted_here else 1)


def test_changes_to_a_pod_that_has_ended_speak_for_nothing() -> None:
    of = ledger("", node("n", 16))
    ended = replace(owned("done", 4, revision=5), counts=False)
    of.see(ended)
    bad = of.grant(owned("bad", 4), 0.0)
    assert of.history.lapsed("default", bad.charge.footprint, 0.0, 45.0, 45.0)
    of.see(replace(ended, revision=6))  # somebody has set a label
    of.relist([replace(ended, revision=7)], 8)
    assert not of.reservations.subjects.seen_since("default", "web", bad.charge.footprint, bad.order)
    assert of.history.standing("default").level == 1
    of.see(replace(ended, uid="again", revision=9))  # another pod under its name, of which only the end was shown
    assert of.reservations.subjects.seen_since("default", "web", bad.charge.footprint, bad.order)


class Subjects(RuleBasedStateMachine):
    """Grants of several owners under few names, seen, gone, lapsed and retired in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.of = Ledger(ledger().accounting)
        self.of.configure(type(self.of.accounting)(config()), 0.0)
        self.of.see_node(node("n", 16), 0.0)
        self.number = 0

    @rule(name=st.sampled_from("abc"), size=st.integers(0, 5), owner=st.sampled_from(("x", "y", "~ann")))
    def grant(self, name: str, size: int, owner: str) -> None:
        self.number += 1
        self.of.grant(owned(name, size, owner, f"u{self.number}"), 0.0)

    @rule(name=st.sampled_from("abc"), size=st.integers(0, 5), which=st.integers(0, 9), gone=st.booleans())
    def tell(self, name: str, size: int, which: int, gone: bool) -> None:
        self.number += 1
        known = owned(name, size, uid=f"u{which}", revision=self.number)
        self.of.gone(known) if gone else self.of.see(known)

    @rule(lapse=st.booleans())
    def settle(self, lapse: bool) -> None:
        reservations = self.of.reservations
        if lapse:
            reservations.void(reservations.granted_by(0.0)[:1])
        else:
            reservations.retire(reservations.settled())

    @rule()
    def add_up(self) -> None:
        list(self.of.reservations.subjects.all())

    @invariant()
    def a_recount_finds_no_drift(self) -> None:
        parts = self.of.parts(0.0)
        assert recount(parts) == ()
        still_open = {grant.name for grant in parts.grants if grant.is_open}
        assert set(self.of.reservations.subjects.awaited("default").names) == still_open


TestSubjects = Subjects.TestCase
TestSubjects.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)

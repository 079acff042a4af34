"""Proposals: what is free beside others, who has to hand back, and what a draft books, retires and says."""

import pytest
from msgspec.structs import replace

from tests.model.hand import Hand, pod
from tests.support.accounts import GI, HIGH_MEM, ledger, node
from tests.support.accounts import pod as gi_pod
from webhook.core.ledger.interval import Before
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.proposal import Ask, Draft, block, fits, free, is_spent, must_call, owing, view_of
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

ME = "me"


def held(gi: float, renewal: int = 1, **more: object) -> Holding:
    made = Holding(renewal, held={CLUSTER: Amounts(memory_requests=int(gi * GI))})
    return replace(made, **more)


def shared(is_open: bool = True, **holdings: Holding) -> Shared:
    return Shared("epoch", is_open, 5, holdings=holdings)


# -- what is free ------------------------------------------------------------------------------------------------------


def test_what_is_free_is_what_neither_lives_nor_is_granted_nor_held_by_others() -> None:
    of = ledger("", node("a", 16))
    of.see(gi_pod("lives", 2, "a"))
    of.grant(gi_pod("comes", 1), 0.0)
    left = free(of, shared(me=held(9), other=held(3), third=held(1)), ME, CLUSTER)
    assert left[0] == (16 - 2 - 1 - 3 - 1) * GI
    assert set(left[1:]) == {None}, "no other sum is bounded"


def test_what_is_free_is_below_zero_past_the_bound() -> None:
    of = ledger("", node("a", 2))
    assert free(of, shared(other=held(3)), ME, CLUSTER)[0] == -GI


def test_a_pod_fits_if_every_scope_and_every_sum_that_it_asks_of_has_room() -> None:
    of = ledger(HIGH_MEM, node("a", 16), node("b", 4, pool="high-mem"))
    confined = {"pool": "high-mem"}
    assert fits(of, shared(), ME, gi_pod("p", 3, confined_to=confined))
    assert not fits(of, shared(), ME, gi_pod("p", 3.5, confined_to=confined)), "75% of 4Gi are 3Gi"
    assert fits(of, shared(), ME, gi_pod("p", 3.5))
    assert not fits(of, shared(other=held(17)), ME, gi_pod("p", 3.5))
    assert fits(of, shared(other=held(21)), ME, gi_pod("p", 0, cpu=9000)), "cpu is not bounded, and memory not asked"


@pytest.mark.parametrize(("sharers", "part"), [(1, 50), (2, 25), (3, 16)])
def test_what_is_booked_to_spare_leaves_something_to_every_other_replica(sharers: int, part: int) -> None:
    assert block(100, sharers) == part
    assert sharers * block(100, sharers) <= 100
    assert block(0, sharers) == block(1, sharers) == 0


# -- who has to hand back ----------------------------------------------------------------------------------------------


def test_others_owe_what_they_hold_unless_they_are_silent_or_lean_with_a_view_far_enough() -> None:
    state = shared(
        me=held(1),
        spares=held(1, view=9),
        behind=held(1, view=3, lean=True),
        lean=held(1, view=7, lean=True),
        empty=Holding(1),
        dead=held(1),
    )
    assert owing(state, ME, {"dead"}, 7) == [state.holdings["spares"], state.holdings["behind"]]
    assert owing(state, ME, {"dead", "spares"}, 3) == []


@pytest.mark.parametrize(
    ("called_at", "answered", "view", "must"),
    [
        (7, 0, 7, False),  # the open call asks for it already
        (7, 0, 8, True),  # for a later view
        (7, 3, 7, True),  # it was answered, and something is owed still
    ],
)
def test_a_call_is_made_only_if_no_open_one_asks_for_as_much(
    called_at: int, answered: int, view: int, must: bool
) -> None:
    state = replace(shared(other=held(1, answered=answered)), call=3, called_at=called_at)
    assert must_call(state, ME, (), view) is must
    assert not must_call(state, ME, {"other"}, view), "nobody is there to answer"


def test_a_pod_is_spent_once_nobody_can_hand_back_what_it_needs() -> None:
    of = ledger("", node("a", 16))
    asked = gi_pod("p", 3)
    assert not is_spent(of, shared(), ME, (), asked)
    assert is_spent(of, shared(), ME, (), gi_pod("p", 17)), "it does not fit even without what others hold"
    assert not is_spent(of, shared(other=held(15)), ME, (), asked), "the other may hand back"
    assert is_spent(of, shared(other=held(15)), ME, {"other"}, asked), "a silent one hands nothing back"
    assert is_spent(of, shared(other=held(15, lean=True, view=99)), ME, (), asked)


def test_a_resize_of_an_object_that_the_view_has_not_reached_is_never_spent() -> None:
    of = ledger("", node("a", 16))
    of.see(gi_pod("p", 1, "a", uid="u", revision=7))
    grown = replace(gi_pod("p", 9, "a", uid="u"), before=Before(8, gi_pod("p", 1).footprint))
    state = shared(other=held(15, lean=True, view=99))
    assert not is_spent(of, state, ME, (), grown)
    assert view_of(of, grown) < 8, "no answer may wait for a revision that may never exist"
    seen = replace(grown, before=Before(7, gi_pod("p", 1).footprint))
    assert view_of(of, seen) >= 7
    assert is_spent(of, state, ME, (), seen)


# -- drafts ------------------------------------------------------------------------------------------------------------


def draft(before: Shared, silent: tuple[str, ...] = ()) -> Draft:
    of = ledger("", node("a", 16))
    of.relist([gi_pod("seen", 0, "a", revision=9)], 10)
    return Draft(ME, of, Credit(of, 45.0, shares=None), before, silent)


@pytest.mark.parametrize(("is_open", "floor", "bookable"), [(True, 10, True), (True, 11, False), (False, 0, False)])
def test_nothing_is_booked_from_a_closed_object_or_behind_its_floor(is_open: bool, floor: int, bookable: bool) -> None:
    of = draft(replace(shared(is_open), floor=floor))
    assert of.bookable is bookable
    of.settle((), opens=False)
    of.reserve([Ask(gi_pod("p", 1))], 1.0, may_book=True)
    made = of.proposal(1, {}, 1.0, lean=False, leaving=False)
    assert ([ask.pod.name for ask in made.booked], [ask.pod.name for ask in made.unfit]) == (
        (["default/p"], []) if bookable else ([], ["default/p"])
    )


def test_a_draft_settles_by_expiring_and_opening_with_a_floor_at_the_newest_pod_of_its_view() -> None:
    of = draft(shared(False, other=held(1), dead=held(2)))
    of.settle(["dead"], opens=True)
    assert of.base.open
    assert of.base.holdings.keys() == {"other"}
    assert (of.base.serial, of.base.floor) == (6, 9)


def test_what_does_not_fit_calls_those_who_may_hand_back() -> None:
    of = draft(shared(other=held(15)))
    of.settle((), opens=False)
    of.reserve([Ask(gi_pod("p", 3))], 1.0, may_book=True)
    made = of.proposal(1, {}, 1.0, lean=False, leaving=False)
    assert (made.booked, len(made.unfit)) == ((), 1)
    assert made.shared.call == 1
    silent = draft(shared(other=held(15)), silent=("other",))
    silent.settle((), opens=False)
    silent.reserve([Ask(gi_pod("p", 3))], 1.0, may_book=True)
    assert silent.base.call == 0


def test_a_proposal_holds_what_is_open_and_half_of_what_is_free() -> None:
    of = draft(shared())
    of.settle((), opens=False)
    of.reserve([Ask(gi_pod("p", 2))], 1.0, may_book=True)
    made = of.proposal(7, {}, 1.0, lean=False, leaving=False)
    mine = made.shared.holdings[ME]
    assert mine.held[CLUSTER].memory_requests == (2 + 7) * GI
    assert (mine.renewal, mine.view, mine.lean) == (7, 10, False)
    assert [name for name, _ in made.tentative] == ["default/p"]


def test_a_lean_proposal_holds_what_is_open_and_nothing_to_spare() -> None:
    of = draft(shared())
    of.settle((), opens=False)
    of.reserve([Ask(gi_pod("p", 2))], 1.0, may_book=True)
    mine = of.proposal(7, {}, 1.0, lean=True, leaving=False).shared.holdings[ME]
    assert (mine.held[CLUSTER].memory_requests, mine.lean, mine.spare) == (2 * GI, True, {})


def test_who_leaves_is_gone_from_the_object_once_nothing_of_it_may_come() -> None:
    idle = draft(shared(me=held(1), other=held(1)))
    idle.settle((), opens=False)
    idle.reserve((), 1.0, may_book=True)
    assert idle.proposal(7, {}, 1.0, lean=False, leaving=True).shared.holdings.keys() == {"other"}
    busy = draft(shared(me=held(1)))
    busy.settle((), opens=False)
    busy.reserve([Ask(gi_pod("p", 2))], 1.0, may_book=True)
    assert busy.proposal(7, {}, 1.0, lean=False, leaving=True).shared.holdings.keys() == {ME}


def test_a_pod_that_policy_lets_in_is_booked_past_the_bound() -> None:
    of = draft(shared())
    of.settle((), opens=False)
    asks = [Ask(gi_pod("fits", 14)), Ask(gi_pod("forced", 9), forced=True), Ask(gi_pod("plain", 1))]
    of.reserve(asks, 1.0, may_book=True)
    made = of.proposal(1, {}, 1.0, lean=False, leaving=False)
    assert [ask.pod.name for ask in made.booked] == ["default/fits", "default/forced"]
    assert [ask.pod.name for ask in made.unfit] == ["default/plain"]
    tentative = [name for name, _ in made.tentative]
    assert tentative == ["default/fits"], "what policy lets in stays reserved if the write fails"


def test_each_booking_is_told_with_the_state_that_it_is_booked_on() -> None:
    told = list[tuple[str, int]]()
    of = ledger("", node("a", 16))
    of.relist([], 10)
    credit = Credit(of, 45.0, shares=None)
    made = Draft(ME, of, credit, shared(), (), lambda ask, base: told.append((ask.pod.name, base.serial)))
    made.settle((), opens=False)
    made.reserve([Ask(gi_pod("fits", 2)), Ask(gi_pod("large", 20))], 1.0, may_book=True)
    assert told == [("default/fits", 6)]


@pytest.mark.parametrize("change", ["none", "other epoch", "other renewal", "gone"])
def test_a_proposal_is_in_a_state_that_has_its_renewal_in_its_epoch(change: str) -> None:
    hand = Hand("a", "b")
    made = hand.write("a", pod("one", 10))
    assert hand.shared is not None
    there, mine = hand.shared, hand.shared.holdings["a"]
    changed = {
        "none": replace(there, serial=there.serial + 1),
        "other epoch": replace(there, epoch="another"),
        "other renewal": replace(there, holdings={**there.holdings, "a": replace(mine, renewal=mine.renewal + 1)}),
        "gone": replace(there, holdings={}),
    }[change]
    assert made.is_in(changed, "a") is (change == "none")

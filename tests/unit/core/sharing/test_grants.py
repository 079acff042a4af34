"""What a replica grants from its allotment, told step by step; docs/protocol.md says why."""

import pytest

from tests.model.hand import TIMING, Hand, pod
from webhook.core.ledger.info import PodInfo
from webhook.core.sharing.allotment import Ask, Proposal
from webhook.core.values.scopes import CLUSTER


def granted(hand: Hand, name: str) -> int:
    """Bytes that a replica's grants hold of its allotment."""
    return hand.ledgers[name].reservations.unretired(CLUSTER).memory_requests


def held(hand: Hand, name: str) -> int:
    """Bytes that a replica may grant from, spent or not."""
    return hand.replicas[name].grants.held(CLUSTER).memory_requests


def test_grants_without_a_call_until_the_allotment_is_spent() -> None:
    hand = Hand("a")
    allotment = hand.replicas["a"]
    room = held(hand, "a")
    assert room == 50  # half of what is free: alone, but somebody might come
    assert allotment.grants.take(pod("one", room - 1), hand.now)
    assert not allotment.grants.take(pod("two", 2), hand.now)
    assert allotment.grants.take(pod("three", 1), hand.now)


def test_grants_nothing_once_its_last_write_is_older_than_its_validity() -> None:
    hand = Hand("a")
    assert hand.replicas["a"].grants.take(pod("one"), hand.now + TIMING.validity - 0.01)
    assert not hand.replicas["a"].grants.take(pod("two"), hand.now + TIMING.validity)


def test_validity_counts_from_when_a_write_was_sent() -> None:
    hand = Hand("a")
    proposal = hand.send("a")
    sent = hand.now
    hand.now += 10
    hand.carry_out(proposal)
    hand.replicas["a"].written(hand.written_at, hand.now)
    assert not hand.replicas["a"].valid(sent + TIMING.validity)


def test_grants_nothing_from_an_object_that_is_closed_or_lost() -> None:
    hand = Hand("a")
    hand.replicas["a"].observe(None, 0, hand.now)
    assert not hand.replicas["a"].grants.take(pod("one"), hand.now)
    hand.replicas["a"].observe(None, 0, hand.now)
    hand.write("a")
    assert hand.shared is not None
    assert not hand.shared.open
    assert not hand.replicas["a"].grants.take(pod("one"), hand.now)


def test_a_pod_that_asks_for_nothing_wants_nothing_held() -> None:
    hand = Hand("a", bound=0)
    assert hand.replicas["a"].grants.take(pod("one", 0), hand.now)


def test_what_is_on_its_way_and_what_is_in_force_must_both_cover_a_grant() -> None:
    hand = Hand("a", "b")
    assert hand.write("b", pod("big", 40)).booked
    hand.tell()
    before = held(hand, "a")
    proposal = hand.send("a")  # less is free now, so less is held to spare
    after = proposal.held[CLUSTER].memory_requests
    assert 0 < after < before
    assert hand.replicas["a"].grants.take(pod("one", after), hand.now)
    assert not hand.replicas["a"].grants.take(pod("two", 1), hand.now)
    hand.replicas["a"].failed()
    assert hand.replicas["a"].grants.take(pod("two", 1), hand.now)


def test_a_booking_is_reserved_at_once_and_undone_if_it_fails() -> None:
    hand = Hand("a")
    hand.send("a", pod("one", 90))
    assert granted(hand, "a") == 90
    assert not hand.replicas["a"].grants.take(pod("two"), hand.now)
    hand.replicas["a"].failed()
    assert granted(hand, "a") == 0
    assert hand.replicas["a"].grants.take(pod("two"), hand.now)


def test_a_review_that_is_repeated_is_answered_from_its_own_grant_but_not_from_a_tentative_one() -> None:
    hand = Hand("a")
    allotment = hand.replicas["a"]
    assert allotment.grants.take(pod("one"), hand.now)
    assert allotment.grants.again(pod("one"), hand.now)
    assert not allotment.grants.again(pod("one", uid="another"), hand.now)
    assert not allotment.grants.again(pod("one", 2), hand.now)  # never the same pod
    proposal = hand.send("a", pod("two"))
    assert not allotment.grants.again(pod("two"), hand.now)
    hand.carry_out(proposal)
    allotment.written(hand.written_at, hand.now)
    assert allotment.grants.again(pod("two"), hand.now)
    assert granted(hand, "a") == 2


def test_a_review_that_is_repeated_while_it_is_booked_for_is_booked_once() -> None:
    hand = Hand("a")
    hand.write("a", pod("one", 90))
    proposal = hand.write("a", pod("one", 90))
    assert proposal.booked == (Ask(pod("one", 90)),)
    assert proposal.tentative == ()
    assert granted(hand, "a") == 90


def test_what_policy_lets_in_is_reserved_though_nothing_is_held_and_then_blocks() -> None:
    hand = Hand("a")
    hand.come(pod("lives", 50))
    hand.send("a")
    hand.replicas["a"].grants.force(pod("one", 90), hand.now)
    hand.replicas["a"].failed()
    assert granted(hand, "a") == 90
    assert not hand.replicas["a"].grants.take(pod("two"), hand.now)
    assert not hand.write("a", pod("two")).booked


def test_what_policy_lets_in_stays_reserved_if_its_booking_fails() -> None:
    hand = Hand("a")
    hand.come(pod("lives", 50))
    proposal = hand.replicas["a"].propose([Ask(pod("one", 90), forced=True)], hand.now, "e")
    hand.replicas["a"].begin(proposal)
    assert proposal.booked
    hand.replicas["a"].failed()
    assert granted(hand, "a") == 90


def on_trial(hand: Hand, name: str, *pods: PodInfo, carried_out: bool = True) -> tuple[Proposal, list[bool]]:
    """Let a replica book pods that policy lets in after a trial; say of each that is booked whether it fitted then."""
    fitted: list[bool] = []
    allotment = hand.replicas[name]
    proposal = allotment.propose(
        [Ask(each, forced=True, on_trial=True) for each in pods],
        hand.now,
        "e",
        tell=lambda ask, shared: fitted.append(allotment.fits(ask.pod, shared)),
    )
    allotment.begin(proposal)
    if carried_out:
        hand.carry_out(proposal)
        allotment.written(hand.written_at, hand.now)
        hand.tell()
    return proposal, fitted


def test_what_is_on_trial_is_booked_past_the_bound_only_once_nobody_can_hand_anything_back() -> None:
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    assert held(hand, "b") > 0
    proposal, fitted = on_trial(hand, "a", pod("all", 90))
    assert (proposal.booked, fitted) == ((), []), "what the other one holds is idle: it is called first"
    assert not hand.replicas["a"].refuses(pod("all", 90), hand.now)
    hand.write("b")
    hand.tell()
    assert on_trial(hand, "a", pod("all", 90))[1] == [True]
    assert hand.replicas["b"].refuses(pod("more", 20), hand.now)
    proposal, fitted = on_trial(hand, "b", pod("more", 20), pod("little", 5))
    assert ([ask.pod.name for ask in proposal.booked], fitted) == (["ns/more", "ns/little"], [False, False])
    assert granted(hand, "b") == 25, "what is let in counts, for all"
    assert not hand.write("a", pod("another", 5)).booked


def test_what_is_on_trial_is_judged_again_if_its_booking_fails() -> None:
    hand = Hand("a", "b")
    assert not hand.write("b", pod("other", 60)).booked
    hand.tell()
    hand.write("a")  # which was called
    hand.tell()
    _, fitted = on_trial(hand, "a", pod("one", 60), carried_out=False)
    assert (fitted, granted(hand, "a")) == ([True], 60)
    assert hand.write("b", pod("other", 60)).booked
    hand.replicas["a"].failed()
    assert granted(hand, "a") == 0
    hand.tell()
    _, fitted = on_trial(hand, "a", pod("one", 60))
    assert (fitted, granted(hand, "a")) == ([False], 60)


def test_what_is_on_trial_is_booked_in_turn_each_on_top_of_those_before() -> None:
    hand = Hand("a")
    _, fitted = on_trial(hand, "a", *(pod(f"p{number}", 30) for number in range(5)))
    assert fitted == [True, True, True, False, False]
    assert granted(hand, "a") == 150


def test_what_was_let_in_while_its_booking_was_on_its_way_is_not_released_after_it() -> None:
    hand = Hand("a")
    proposal, _ = on_trial(hand, "a", pod("one", 60), carried_out=False)
    hand.replicas["a"].grants.force(pod("one", 60), hand.now)
    hand.carry_out(proposal)
    hand.replicas["a"].written(hand.written_at, hand.now)
    hand.replicas["a"].grants.drop("ns/one", "uid-one")
    assert granted(hand, "a") == 60
    assert not hand.replicas["a"].due(hand.now)


def test_a_booking_that_nobody_was_told_of_is_released_by_the_next_write() -> None:
    hand = Hand("a")
    hand.write("a", pod("one", 90))
    hand.replicas["a"].grants.drop("ns/one", "uid-one")
    assert hand.replicas["a"].due(hand.now)
    assert not hand.replicas["a"].grants.take(pod("two", 10), hand.now)
    assert hand.write("a", pod("two", 95)).booked


def test_a_pod_may_ask_anew_after_its_booking_was_released() -> None:
    hand = Hand("a")
    hand.write("a", pod("one", 90))
    hand.replicas["a"].grants.drop("ns/one", "uid-one")
    assert not hand.write("a", pod("one", 90)).booked  # the write that releases it books nothing for it
    assert hand.write("a", pod("one", 90)).booked


@pytest.mark.parametrize("seen", [True, False])
def test_two_hundred_duplicates_of_a_living_name_cost_one_footprint_and_nothing_after_the_lapse(*, seen: bool) -> None:
    hand = Hand("a", "b")
    original = pod("one", 10)
    hand.write("a", original)
    hand.come(original)
    hand.write("a")
    hand.tell()
    for number in range(200):
        name = "ab"[number % 2]
        duplicate = pod("one", 10, uid=f"dup{number}")
        assert hand.replicas[name].grants.take(duplicate, hand.now) or hand.write(name, duplicate).booked
        hand.tell()
        assert max(granted(hand, "a"), granted(hand, "b")) <= 10
    if seen:
        hand.go(pod("one", 10))
    hand.renew_all(TIMING.lapse + 1)
    for name in "ab":
        hand.prove(name)
        assert hand.replicas[name].grants.lapse()
    hand.renew_all(TIMING.renew + 1)
    assert granted(hand, "a") == granted(hand, "b") == 0
    hand.write("a", pod("nobody", 1_000))  # a call: the other hands back
    hand.tell()
    hand.renew_all(1)
    assert hand.write("b", pod("rest", 100 if seen else 90)).booked


def test_a_lapse_frees_nothing_before_a_write_for_a_living_pod_may_have_paid() -> None:
    """Ten bytes live under the name, a duplicate is let in beside them, and the others take all the rest."""
    hand = Hand("a", "b")
    original = pod("one", 10)
    hand.write("a", original)
    hand.come(original)
    hand.write("a", pod("one", 10, uid="duplicate"))
    hand.tell()
    hand.write("b", pod("big", 50))
    hand.tell()
    hand.renew_all(TIMING.lapse)
    hand.prove("a")
    spare = hand.replicas["a"].grants.spare(CLUSTER).memory_requests
    assert [reservation.uid for _, reservation in hand.replicas["a"].grants.lapse()] == ["duplicate"]
    assert hand.replicas["a"].grants.spare(CLUSTER).memory_requests <= spare
    assert not hand.replicas["a"].grants.take(pod("two", spare + 10), hand.now)


def test_a_reservation_lapses_only_with_a_view_that_is_proven_fresh_after_the_lapse() -> None:
    hand = Hand("a")
    hand.replicas["a"].grants.take(pod("one"), hand.now)
    hand.now += TIMING.lapse - 0.1
    assert not hand.replicas["a"].wants_proof(hand.now)
    hand.prove("a")
    hand.now += 100
    assert hand.replicas["a"].grants.lapse() == []
    assert hand.replicas["a"].wants_proof(hand.now)
    hand.prove("a")
    assert [name for name, _ in hand.replicas["a"].grants.lapse()] == ["ns/one"]
    assert not hand.replicas["a"].wants_proof(hand.now)

"""How replicas share one object, told step by step; docs/protocol.md says why."""

from msgspec.structs import replace

from tests.model.hand import TIMING, Hand, pod
from webhook.core.ledger.info import PodInfo
from webhook.core.sharing.shared_state import Holding, Shared, read, write
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER


def test_the_last_byte_is_granted_where_it_is_asked_after_a_call() -> None:
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    last = pod("last", 100)
    assert not hand.write("a", last).booked
    assert not hand.replicas["a"].refuses(last, hand.now)  # the other may have something to hand back
    hand.tell("b")
    assert hand.replicas["b"].due(hand.now)
    hand.write("b")
    hand.tell("a")
    assert hand.replicas["a"].promising(last, hand.now)
    assert hand.write("a", last).booked


def test_a_refusal_is_final_once_the_others_hold_only_what_may_still_come() -> None:
    hand = Hand("a", "b")
    hand.write("b", pod("coming", 10))
    hand.tell()
    last = pod("last", 95)
    hand.write("a", last)
    hand.tell("b")
    hand.write("b")
    hand.tell("a")
    assert not hand.replicas["a"].promising(last, hand.now)
    assert hand.replicas["a"].refuses(last, hand.now)


def test_an_answer_is_worth_nothing_if_its_view_is_behind_the_callers() -> None:
    """The caller's view shows the pod that the other still holds room for: counted twice, it looks like no room."""
    hand = Hand("a", "b")
    coming, last = pod("coming", 10), pod("last", 90)
    hand.write("b", coming)
    hand.tell()
    hand.come(coming, "a")
    hand.write("a", last)
    hand.tell("b")
    hand.write("b")  # hands back, but has not seen its own pod yet
    hand.tell("a")
    assert not hand.replicas["a"].refuses(last, hand.now)
    assert not hand.replicas["b"].due(hand.now)
    hand.ledgers["b"].see(replace(coming, revision=hand.ledgers["a"].revision))
    assert hand.replicas["b"].due(hand.now)
    hand.write("b")
    hand.tell("a")
    assert hand.write("a", last).booked


def test_a_silent_replica_is_not_waited_for() -> None:
    hand = Hand("a", "b")
    hand.write("b", pod("coming", 10))
    hand.tell()
    hand.now += TIMING.validity
    assert list(hand.replicas["a"].silent(hand.now)) == ["b"]
    hand.write("a", pod("last", 95))
    assert hand.replicas["a"].refuses(pod("last", 95), hand.now)


def test_what_others_wrote_meanwhile_is_built_on() -> None:
    """The answer was lost, another replica has written since, and the object is read again."""
    hand = Hand("a", "b")
    proposal = hand.send("a", pod("one"))
    hand.carry_out(proposal)
    hand.tell("b")
    hand.write("b", pod("big", 40))
    hand.tell("a")
    assert hand.replicas["a"].pending is None
    after = hand.write("a")
    assert "b" in after.shared.holdings
    assert after.shared.holdings["b"].held[CLUSTER].memory_requests >= 40


def test_the_watch_may_be_faster_than_the_answer() -> None:
    hand = Hand("a")
    proposal = hand.send("a", pod("one", 90))
    hand.carry_out(proposal)
    hand.tell("a")
    assert hand.replicas["a"].pending is None
    hand.replicas["a"].written(hand.written_at, hand.now)
    assert hand.replicas["a"].grants.again(pod("one", 90), hand.now)


def test_an_answer_that_comes_after_the_write_was_overtaken_changes_nothing() -> None:
    hand = Hand("a", "b")
    proposal = hand.send("a", pod("one", 5))
    written_at = hand.revision + 1
    hand.carry_out(proposal)
    hand.revision += 1
    hand.now += TIMING.release  # nobody takes back before that what a replica holds
    assert hand.shared is not None
    gone = {name: holding for name, holding in hand.shared.holdings.items() if name != "a"}
    hand.shared = replace(hand.shared, serial=hand.shared.serial + 1, holdings=gone)
    hand.replicas["a"].observe(hand.shared, hand.revision, hand.now)
    hand.replicas["a"].written(written_at, hand.now)
    assert hand.replicas["a"].pending is None
    assert hand.replicas["a"].shared == hand.shared
    assert hand.replicas["a"].grants.held(CLUSTER).memory_requests == 0


def test_news_that_is_older_than_what_was_read_is_no_news() -> None:
    hand = Hand("a", "b")
    old, at = hand.shared, hand.written_at
    hand.write("a", pod("one"))
    hand.replicas["a"].observe(old, at, hand.now)
    assert hand.replicas["a"].shared == hand.shared


def test_what_was_lost_does_not_come_back() -> None:
    hand = Hand("a")
    hand.replicas["a"].observe(None, 0, hand.now)
    hand.tell()  # late news of what was there
    assert hand.replicas["a"].shared is None
    hand.written_at += 2  # somebody has put it back
    hand.tell()
    assert hand.replicas["a"].shared is None
    assert hand.replicas["a"].revision == hand.written_at  # so that the next write takes its place


def test_a_name_that_is_paid_for_wants_the_sums_within_their_bounds_all_the_same() -> None:
    """The view still shows the pod that paid; it is gone, and the other has booked its room."""
    hand = Hand("a", "b")
    paid = pod("one", 100)
    hand.write("a", paid)
    live = hand.come(paid)
    hand.write("a")
    hand.tell()
    hand.go(live, "b")
    assert hand.write("b", pod("big", 100)).booked
    hand.tell("a")
    assert not hand.write("a", pod("one", 100, uid="next")).booked


def test_a_booking_needs_a_view_at_the_floor() -> None:
    hand = Hand("a", "b")
    first = pod("one", 60)
    hand.write("a", first)
    hand.come(first, "a")
    hand.write("a")
    hand.tell("b")
    assert not hand.replicas["b"].may_book()
    assert not hand.write("b", pod("two", 30)).booked
    assert not hand.replicas["b"].refuses(pod("two", 90), hand.now)  # its view says nothing


def test_what_a_dead_replica_held_comes_back_after_the_documented_time_and_a_proof() -> None:
    hand = Hand("a", "b")
    assert hand.write("b", pod("lost", 40)).booked
    hand.tell("a")
    del hand.replicas["b"]
    hand.renew_all(TIMING.release - 1)
    hand.prove("a")
    hand.now += 1
    assert hand.replicas["a"].wants_proof(hand.now)
    assert not hand.write("a", pod("next", 70)).booked
    hand.prove("a")
    assert hand.replicas["a"].due(hand.now)
    assert hand.write("a", pod("next", 70)).booked


def test_who_renews_is_not_silent_however_long_it_takes() -> None:
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    hand.renew_all(TIMING.release + 10)
    hand.prove("a")
    assert hand.replicas["a"].silent(hand.now) == {}
    assert "b" in hand.write("a").shared.holdings


def test_of_two_that_renew_at_one_moment_the_one_that_loses_is_due_still() -> None:
    """Else both would meet again whenever a renewal is due, and one that loses each time holds no valid share."""
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    hand.now += TIMING.renew
    hand.send("b")
    hand.write("a")
    hand.tell("b")
    hand.replicas["b"].failed()
    assert hand.replicas["b"].due(hand.now)
    hand.write("b")
    assert not hand.replicas["b"].due(hand.now)
    assert hand.replicas["b"].valid(hand.now + TIMING.validity - 1)


def come_unseen_by_one(hand: Hand, made: PodInfo, last: str) -> None:
    """Let a pod come of which one replica's watch has told all that happened before."""
    live = hand.come(made, *(name for name in hand.replicas if name != last))
    hand.ledgers[last].bookmark(live.revision - 1)


def test_who_takes_back_what_the_dead_held_makes_others_look_as_far_as_it_has_looked() -> None:
    """The dead one's last pod has come, and the view of a third replica is one revision short of it."""
    hand = Hand("a", "dead", "c")
    last = pod("last", 30)
    assert hand.write("dead", last).booked
    hand.tell()
    del hand.replicas["dead"]
    come_unseen_by_one(hand, last, "c")
    hand.renew_all(TIMING.release + 1)
    hand.prove("a")
    assert "dead" not in hand.write("a").shared.holdings
    hand.tell()
    for _ in range(2):  # the second time after what others have handed back
        assert not hand.write("c", pod("next", 80)).booked
        hand.tell()
        hand.write("a")
        hand.tell()
    hand.come(last, "c")
    assert hand.replicas["c"].may_book()


def test_who_was_taken_for_dead_holds_nothing_for_what_it_granted_before() -> None:
    """What it granted never came, but its view is not proven; a duplicate of that name would cost it nothing more."""
    hand = Hand("a", "b")
    assert hand.write("b", pod("one", 30)).booked
    hand.tell()
    for _ in range(int(TIMING.release) + 1):
        hand.now += 1
        if hand.replicas["a"].due(hand.now):
            hand.write("a")
    hand.prove("a")
    assert hand.write("a", pod("all", 100)).booked
    hand.tell("b")
    hand.write("b")
    assert hand.replicas["b"].valid(hand.now)
    assert not hand.replicas["b"].grants.take(pod("one", 30, uid="duplicate"), hand.now)
    assert hand.shared is not None
    assert hand.shared.holdings["b"].held == {}


def test_who_opens_a_new_object_makes_others_look_as_far_as_it_has_looked() -> None:
    """The pod was granted by one who died, from an object that was lost, and comes once others have listed the pods."""
    hand = Hand("a", "dead", "c")
    last = pod("last", 30)
    assert hand.write("dead", last).booked
    hand.tell()
    del hand.replicas["dead"]
    for name in "ac":
        hand.replicas[name].observe(None, 0, hand.now)
    hand.write("a")
    hand.tell()
    hand.relist(*hand.replicas)
    come_unseen_by_one(hand, last, "c")
    hand.renew_all(TIMING.release + 1)
    hand.prove("a")
    assert hand.write("a").shared.open
    hand.tell()
    for _ in range(2):
        assert not hand.write("c", pod("next", 80)).booked
        hand.tell()
        hand.write("a")
        hand.tell()
    hand.come(last, "c")
    assert hand.replicas["c"].may_book()


def test_a_lost_object_is_made_closed_and_opened_after_the_documented_time_and_a_proof() -> None:
    hand = Hand("a")
    hand.replicas["a"].grants.take(pod("one", 7), hand.now)
    hand.replicas["a"].observe(None, 0, hand.now)
    proposal = hand.write("a", fresh=True)  # it cannot be fresh: there was one before
    assert proposal.shared.holdings["a"].held[CLUSTER].memory_requests == 7
    hand.renew_all(TIMING.release - 2)
    assert hand.shared is not None
    assert not hand.shared.open
    hand.now += 5
    hand.prove("a")
    hand.write("a")
    assert not hand.shared.open  # it has waited, but this view may be of what is no more
    hand.now += 1
    hand.ledgers["a"].relist([], hand.revision, hand.now - TIMING.release)
    hand.ledgers["a"].proven_since = float("-inf")
    hand.write("a")
    assert not hand.shared.open  # it has listed the pods, but nothing is proven
    assert hand.replicas["a"].wants_proof(hand.now)
    hand.prove("a")
    assert hand.replicas["a"].due(hand.now)
    assert hand.write("a").shared.open


def test_the_age_of_an_object_counts_from_when_it_was_known_to_be_there() -> None:
    """The replica is stopped between the thought and the deed; another one made, used and lost an object meanwhile."""
    hand = Hand("a")
    hand.replicas["a"].observe(None, 0, hand.now)
    proposal = hand.send("a")
    hand.now += 1_000
    hand.carry_out(proposal)
    hand.replicas["a"].written(hand.written_at, hand.now)
    hand.prove("a")
    assert not hand.write("a").shared.open


def test_an_old_copy_is_damage() -> None:
    hand = Hand("a", "b")
    old = hand.shared
    hand.write("a", pod("one", 40))
    hand.tell()
    hand.shared, hand.written_at = old, hand.revision + 1
    hand.tell()
    assert hand.replicas["a"].shared is None
    assert hand.replicas["b"].shared is None
    assert hand.replicas["b"].revision == hand.written_at  # so that the next write takes its place


def test_an_old_copy_on_which_somebody_has_built_is_damage() -> None:
    """Who was not told of the write that is undone cannot know the copy for old; its writer can."""
    hand = Hand("a", "b")
    old = hand.shared
    hand.write("a", pod("one", 40))
    hand.shared, hand.written_at = old, hand.revision + 1
    hand.revision += 1
    hand.tell("b")
    assert hand.replicas["b"].shared == old
    hand.write("b")
    hand.tell("a")
    assert hand.replicas["a"].shared is None


def test_the_same_state_under_a_new_revision_is_no_damage() -> None:
    """Somebody put a label on the object."""
    hand = Hand("a")
    hand.written_at += 1
    hand.tell()
    assert hand.replicas["a"].shared == hand.shared
    assert hand.replicas["a"].revision == hand.written_at


def test_a_new_object_that_is_open_too_soon_is_damage() -> None:
    hand = Hand("a")
    other = Shared("another", open=True)
    hand.replicas["a"].observe(other, hand.written_at + 1, hand.now + TIMING.release - 0.1)
    assert hand.replicas["a"].shared is None
    hand = Hand("a")
    hand.replicas["a"].observe(other, hand.written_at + 1, hand.now + TIMING.release)
    assert hand.replicas["a"].shared == other


def test_the_right_to_open_at_once_opens_the_first_object_only() -> None:
    hand = Hand("a")  # it has made and opened one
    hand.replicas["a"].observe(None, 0, hand.now)
    hand.write("a", fresh=True)
    assert not hand.replicas["a"].due(hand.now, fresh=True)
    assert not hand.write("a", fresh=True).shared.open


def test_a_replica_that_leaves_keeps_only_what_may_still_come_and_then_nothing() -> None:
    hand = Hand("a", "b")
    coming = pod("coming", 10)
    hand.write("a", coming)
    hand.replicas["a"].grants.take(pod("soon", 1), hand.now)
    proposal = hand.write("a", pod("too late"), leaving=True)
    assert not proposal.booked
    assert proposal.shared.holdings.get("a", Holding(0)).held == {CLUSTER: Amounts(11)}
    assert not hand.replicas["a"].grants.take(pod("too late"), hand.now)
    left_too_early = hand.replicas["a"].left
    assert not left_too_early
    hand.come(coming)
    hand.come(pod("soon", 1))
    assert "a" not in hand.write("a", leaving=True).shared.holdings
    assert hand.replicas["a"].left
    assert not hand.replicas["a"].due(hand.now + 1_000)
    assert hand.shared is not None
    assert hand.shared.floor == hand.ledgers["a"].pod_revision


def test_everything_a_story_leads_to_can_be_written_and_read() -> None:
    hand = Hand("a", "b")
    hand.write("b", pod("one", 40))
    assert hand.shared is not None
    assert read(write(hand.shared)) == hand.shared

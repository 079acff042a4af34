"""Etcd is put back to an older state, told step by step; docs/protocol.md says why what follows is safe."""

import pytest
from msgspec.structs import replace

from tests.model.hand import TIMING, Hand, pod
from webhook.core.ledger.interval import Before
from webhook.core.values.scopes import CLUSTER


def begun_again(*names: str) -> Hand:
    """Replicas that live through a restore which undoes a write and a pod, and know of it but have written nothing."""
    hand = Hand(*names)
    before = hand.save()
    made = pod("undone", 20)
    assert hand.write("a", made).booked
    hand.tell()
    hand.revision += 1_000
    hand.come(made)
    hand.put_back(before)
    for name in names:
        hand.read(name)
    return hand


def made_anew(hand: Hand) -> None:
    """Let the first one make the object anew, and all list the pods and hear of it."""
    hand.relist()
    hand.write("a")
    hand.tell()
    hand.relist()


def opened(hand: Hand) -> None:
    """Let it be opened after its time and a proof."""
    hand.renew_all(TIMING.release + 1)
    hand.relist("a")
    hand.write("a")
    assert hand.shared is not None
    assert hand.shared.open


def test_a_read_that_went_back_shows_that_the_object_is_an_old_copy() -> None:
    hand = begun_again("a", "b")
    for name, allotment in hand.replicas.items():
        assert allotment.restarts == 1
        assert allotment.shared is None
        assert allotment.revision == hand.written_at, "so that the next write takes its place"
        assert not allotment.valid(hand.now)
        assert not allotment.due(hand.now), "before the pods are listed nothing can be said"
        assert not allotment.may_book()
        assert hand.ledgers[name].outdated
    hand.relist()
    made = hand.write("a").shared
    assert not made.open
    assert made.serial == 1


def test_news_that_are_old_show_nothing() -> None:
    """What a watch tells may be older than what was read, and a read may have been sent before what the watch told."""
    hand = Hand("a")
    old, at = hand.shared, hand.written_at
    known = hand.replicas["a"].newest
    hand.write("a", pod("one", 40))
    hand.replicas["a"].observe(old, at, hand.now)
    hand.replicas["a"].observe(old, at, hand.now, known=known)
    assert hand.replicas["a"].restarts == 0
    assert hand.replicas["a"].shared == hand.shared


def test_what_is_told_before_the_list_is_of_what_never_happened() -> None:
    hand = begun_again("a")
    ledger = hand.ledgers["a"]
    ledger.see(replace(pod("ghost", 5), revision=5_000))
    ledger.gone(replace(pod("undone", 20), revision=5_001))
    ledger.bookmark(5_002)
    ledger.prove(hand.now)
    ledger.relist([], 5_003, hand.now - 1)  # which was asked for before
    assert (ledger.revision, ledger.pod_revision, len(ledger)) == (0, 0, 1)
    hand.relist("a")
    assert (ledger.revision, len(ledger)) == (hand.revision, 0)
    assert ledger.proven_since == hand.now
    assert not ledger.outdated


def test_the_new_object_has_a_floor_of_the_new_history() -> None:
    hand = begun_again("a", "b")
    made_anew(hand)
    hand.come(pod("new", 1))
    opened(hand)
    assert hand.shared is not None
    assert 0 < hand.shared.floor <= hand.revision
    hand.tell("b")
    assert hand.replicas["b"].may_book()


def test_a_pod_that_was_seen_and_is_undone_raises_no_floor() -> None:
    hand = begun_again("a")
    made_anew(hand)
    assert hand.shared is not None
    assert hand.shared.floor == 0
    assert CLUSTER not in hand.shared.holdings["a"].held, "it cannot come once more"


def test_a_pod_that_was_let_in_and_has_not_come_may_still_come() -> None:
    hand = Hand("a")
    before = hand.save()
    assert hand.write("a", pod("late", 20)).booked
    hand.put_back(before)
    hand.read("a")
    hand.relist()
    held = hand.write("a").shared.holdings["a"].held
    assert held[CLUSTER].memory_requests == 20
    hand.now += TIMING.lapse
    hand.prove("a")
    assert len(hand.replicas["a"].grants.lapse()) == 1


def test_a_list_that_went_back_makes_the_object_an_old_copy_though_nobody_had_written_it_since() -> None:
    hand = Hand("a")
    before = hand.save()
    hand.come(pod("undone", 20))
    hand.put_back(before)
    hand.replicas["a"].begin_again(hand.now)
    hand.relist("a")
    hand.read("a")
    assert hand.replicas["a"].shared is None
    assert not hand.write("a").shared.open


def test_a_write_that_is_carried_out_before_what_was_known_shows_it_too() -> None:
    """The object is gone, as the copy is from before Headroom, and is made at a revision that was long past."""
    hand = Hand("a")
    allotment = hand.replicas["a"]
    allotment.observe(None, 0, hand.now)
    hand.send("a")
    allotment.written(5, hand.now)
    assert not allotment.valid(hand.now)
    allotment.due(hand.now)
    assert allotment.restarts == 1
    assert hand.ledgers["a"].outdated


def test_an_unknown_copy_that_is_open_is_damage_for_as_long_as_what_was_granted_may_come() -> None:
    """It is from before this replica's time, whose own last write is long ago; others may have granted later."""
    hand = Hand("a", "b")
    other = replace(hand.save().shared, epoch="of-old")
    hand.renew_all(1)
    hand.now += TIMING.release + 1
    hand.put_back(hand.save()._replace(shared=other, written_at=5, revision=5, live={}))
    hand.read("a")
    assert hand.replicas["a"].shared is None


def test_after_an_outage_nothing_is_granted_from_what_was_booked_before() -> None:
    """It may be undone, with room given to pods that are there again."""
    hand = Hand("a")
    allotment = hand.replicas["a"]
    allotment.lose_touch(hand.now)
    assert allotment.grants.take(pod("soon", 1), hand.now + 4.9), "no etcd is put back so fast"
    hand.now += 5
    assert not allotment.grants.take(pod("one", 1), hand.now)
    assert allotment.due(hand.now)
    hand.write("a")
    assert allotment.grants.take(pod("one", 1), hand.now)
    assert not hand.write("a", pod("more", 60)).booked, "the view may be of what never happened"
    hand.relist("a")
    assert hand.write("a", pod("more", 60)).booked


def test_a_write_that_was_sent_before_an_outage_lets_nobody_in_after_it() -> None:
    """It is sent again, and fits the object as it was put back; the view that it came from does not."""
    hand = Hand("a")
    allotment = hand.replicas["a"]
    proposal = hand.send("a", pod("one", 90))
    allotment.lose_touch(hand.now)
    hand.now += 5
    hand.carry_out(proposal)
    allotment.written(hand.written_at, hand.now)
    assert proposal.booked
    assert not allotment.vouches(proposal)
    assert not allotment.valid(hand.now)


def test_nor_does_one_that_was_sent_in_the_middle_of_the_outage() -> None:
    """It waited at the API server for longer than that lasted; the view is of before, and must be listed again."""
    hand = Hand("a")
    allotment = hand.replicas["a"]
    allotment.lose_touch(hand.now)
    hand.now += 1
    proposal = hand.send("a", pod("one", 90))
    hand.now += 4
    hand.carry_out(proposal)
    allotment.written(hand.written_at, hand.now)
    assert proposal.booked
    assert not allotment.vouches(proposal)
    assert not allotment.valid(hand.now)
    assert hand.ledgers["a"].outdated
    assert allotment.due(hand.now), "a write from after it"
    hand.write("a")
    assert allotment.valid(hand.now)


@pytest.mark.parametrize("watched_first", [False, True])
def test_nor_does_it_once_the_pods_were_listed_again(watched_first: bool) -> None:
    """What lives again may have taken the room that it was booked in."""
    hand = Hand("a")
    allotment = hand.replicas["a"]
    proposal = hand.send("a", pod("one", 90))
    allotment.lose_touch(hand.now)
    hand.now += 5
    hand.come(pod("again", 50))
    hand.relist("a")
    hand.carry_out(proposal)
    if watched_first:
        hand.tell("a")
    else:
        allotment.written(hand.written_at, hand.now)
    assert proposal.booked
    assert not hand.ledgers["a"].outdated
    assert not allotment.vouches(proposal)


def test_a_write_that_took_long_while_nothing_was_lost_for_long_lets_in() -> None:
    hand = Hand("a")
    allotment = hand.replicas["a"]
    proposal = hand.send("a", pod("one", 90))
    allotment.lose_touch(hand.now)
    hand.now += 4.9
    hand.carry_out(proposal)
    allotment.written(hand.written_at, hand.now)
    assert allotment.vouches(proposal)
    assert allotment.valid(hand.now)
    hand.now += 5
    assert not allotment.valid(hand.now), "it was sent before touch was lost, and says nothing of what came then"


def test_who_hears_of_an_object_made_anew_books_nothing_before_it_has_listed() -> None:
    """Whoever made it may have known that etcd was put back; the revisions have passed what this one knows."""
    hand = Hand("a", "b")
    hand.replicas["a"].observe(None, 0, hand.now)
    hand.relist("a")
    hand.write("a")
    hand.renew_all(TIMING.release + 2)
    hand.relist("a")
    assert hand.write("a").shared.open
    hand.tell("b")
    hand.prove("b")
    assert not hand.write("b", pod("one", 1)).booked
    hand.tell()
    hand.relist("b")
    assert hand.write("b", pod("one", 1)).booked


def test_a_copy_on_which_others_have_built_further_lacks_what_its_reader_wrote() -> None:
    hand = Hand("a", "b")
    before = hand.save()
    hand.write("a", pod("one", 40))
    hand.shared, hand.written_at = before.shared, hand.revision + 1
    hand.revision += 1
    hand.tell("b")
    for _ in range(3):
        hand.write("b")
    hand.tell("a")
    assert hand.replicas["a"].shared is None


def test_a_copy_from_before_its_readers_time_lacks_it_too_soon() -> None:
    hand = Hand("a")
    before = hand.save()
    hand.start("b")
    hand.write("b", pod("one", 40))
    hand.shared, hand.written_at = before.shared, hand.revision + 1
    hand.revision += 1
    hand.tell("a")
    for _ in range(3):
        hand.write("a")
    hand.tell("b")
    assert hand.replicas["b"].shared is None


def test_a_resize_of_what_is_undone_is_settled_by_whatever_the_pod_is_later() -> None:
    hand = Hand("a")
    live = hand.come(pod("one", 10))
    before = hand.save()
    changed = hand.come(live)
    wanted = replace(
        live, footprint=live.footprint.plus(live.footprint), before=Before(changed.revision, live.footprint)
    )
    hand.write("a", wanted)
    hand.put_back(before)
    hand.read("a")
    hand.relist("a")
    reservations = hand.ledgers["a"].reservations
    assert reservations.still_open == 1, "the pod is there as it was before what was reviewed"
    hand.revision += 5
    hand.come(live)
    assert reservations.still_open == 0


def test_where_an_api_server_shows_the_past_nothing_is_opened_or_booked_before_it_is_restarted() -> None:
    """Its cache is ahead of etcd, and it gives lists from that; a write goes to etcd, and to a lower revision."""
    hand = begun_again("a", "b")
    hand.relist("b")
    ledger = hand.ledgers["a"]
    ledger.relist([], 5_000, hand.now)
    hand.write("a")
    hand.tell("b")
    hand.relist("b")
    hand.renew_all(TIMING.release + 1)
    hand.relist("b")
    ledger.prove(hand.now)
    assert hand.replicas["a"].sees_the_past
    assert not hand.write("a").shared.open
    hand.tell("b")
    assert hand.write("b").shared.open
    hand.tell("a")
    assert not hand.write("a", pod("one", 1)).booked
    hand.replicas["a"].begin_again(hand.now)  # a list went back: the API server was restarted
    hand.relist("a")
    hand.read("a")
    hand.write("a")
    assert not hand.replicas["a"].sees_the_past


def test_a_view_that_etcd_has_caught_up_with_is_of_another_history_all_the_same() -> None:
    hand = begun_again("a")
    ledger, allotment = hand.ledgers["a"], hand.replicas["a"]
    ledger.relist([], hand.revision + 5, hand.now)
    hand.write("a")
    hand.revision += 100
    hand.write("a")
    assert allotment.sees_the_past
    hand.now += TIMING.release
    assert "restart every kube-apiserver" in str(allotment.closed(hand.now + 1))
    allotment.lose_touch(hand.now)  # as it does when the API server is restarted
    hand.relist("a")
    hand.write("a")
    assert not allotment.sees_the_past

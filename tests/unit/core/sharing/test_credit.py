"""How much one owner or namespace may have open: shares of what is left, told step by step with real allotments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.model import hand
from tests.model.hand import Hand
from webhook.core.ledger.history import digest
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.sharing.allotment import Ask
from webhook.core.sharing.credit import SHARES, Cause, Shares
from webhook.core.sharing.shared_state import read, write
from webhook.core.values.amounts import Amounts

LAPSE = hand.TIMING.lapse


def pod(name: str, size: int, owner: str = "web", namespace: str = "ns", uid: str = "") -> PodInfo:
    made = hand.pod(name, size, uid or f"uid-{namespace}-{name}")
    return replace(made, name=f"{namespace}/{name}", owner=owner)


def start(*names: str, bound: int = 100) -> Hand:
    return Hand(*(names or ("a",)), bound=bound, shares=SHARES)


def cause(of: Hand, asked: PodInfo, name: str = "a") -> Cause | None:
    short = of.replicas[name].grants.shortfall(asked, of.now)
    return None if short is None else short.cause


def grant(of: Hand, *pods: PodInfo, name: str = "a") -> None:
    """Let pods in, booked for one by one."""
    for each in pods:
        assert cause(of, each, name) is None
        assert of.write(name, each).booked
    of.tell()


def lapse(of: Hand, name: str = "a") -> None:
    """Let everything that is open lapse, and tell the others."""
    of.now += LAPSE + 1
    of.prove(name)
    assert of.replicas[name].grants.lapse()
    of.write(name)
    of.tell()


def test_an_owner_in_good_standing_may_have_half_of_what_is_left_open_to_the_last_byte() -> None:
    story = start()
    grant(story, *(pod(f"w{number}", 10) for number in range(5)))
    assert cause(story, pod("one-more", 1)) is Cause.EARLIER
    assert cause(story, pod("other", 10, "other", "else")) is None


def test_a_burst_that_is_open_all_at_once_and_fits_twice_does_not_feel_it() -> None:
    story = start(bound=400)
    grant(story, *(pod(f"w{number}", 1, "~ann") for number in range(200)))
    assert cause(story, pod("one-more", 1, "~ann")) is Cause.EARLIER


class Burst:
    """One account creates half of what is free at replicas that learn of one another, and of the pods, when they do."""

    FREE, OTHERS = 40, 20  # what is free at first, and what others commit

    def __init__(self, replicas: int) -> None:
        self.names = "abc"[:replicas]
        self.story = start(*self.names, bound=self.FREE + self.OTHERS)
        self.story.come(pod("lives", self.OTHERS, namespace="else"))
        self.story.renew_all(20)
        self.granted: list[PodInfo] = []
        self.created: list[PodInfo] = []
        self.seen = dict.fromkeys(self.names, 0)

    def take(self, name: str, action: str) -> None:
        """Let one thing happen, at a replica."""
        self.story.now += 0.01
        if action == "grant" and len(self.granted) < self.FREE // 2:
            self._grant(name, pod(f"w{len(self.granted)}", 1, "~ann"))
        elif action == "create" and len(self.created) < len(self.granted):
            made = replace(self.granted[len(self.created)], revision=self.story.revision + 1)
            self.story.revision += 1
            self.created.append(made)
        elif action == "see" and self.seen[name] < len(self.created):
            self._see(name)
        elif action == "write":
            self._catch_up(name)
            self.story.write(name)
        elif action == "tell":
            self.story.tell(name)

    def _grant(self, name: str, asked: PodInfo) -> None:
        assert cause(self.story, asked, name) is None
        if not self.story.replicas[name].grants.take(asked, self.story.now):
            self._catch_up(name)
            assert self.story.write(name, asked).booked
        self.granted.append(asked)

    def _see(self, name: str) -> None:
        self.story.ledgers[name].see(self.created[self.seen[name]])
        self.seen[name] += 1

    def _catch_up(self, name: str) -> None:
        """Be told of what stands before a write that succeeds."""
        self.story.tell(name)
        while self.seen[name] < len(self.created):
            self._see(name)


actions = st.sampled_from(["grant", "grant", "create", "see", "write", "tell"])


@given(st.integers(1, 3), st.lists(st.tuples(actions, st.integers(0, 2), st.integers(1, 12)), max_size=40))
def test_a_burst_that_fits_twice_never_feels_it_however_it_falls_on_replicas(
    replicas: int, steps: list[tuple[str, int, int]]
) -> None:
    burst = Burst(replicas)
    for action, number, times in steps:
        for _ in range(times):
            burst.take(burst.names[number % replicas], action)


def test_a_namespace_has_no_more_however_many_owners_it_makes() -> None:
    story = start()
    grant(story, *(pod(f"w{number}", 10, f"owner-{number}") for number in range(5)))
    assert cause(story, pod("w5", 10, "owner-5")) is Cause.EARLIER


def test_one_pod_is_let_in_however_large_where_nothing_is_open() -> None:
    story = start()
    grant(story, pod("w0", 100))
    lived = start()
    grant(lived, pod("small", 4))
    assert cause(lived, pod("large", 90)) is Cause.EARLIER


def test_what_is_seen_is_open_no_longer() -> None:
    story = start()
    first = pod("w0", 60)
    grant(story, first)
    assert cause(story, pod("w1", 30)) is Cause.EARLIER
    story.come(first)
    assert cause(story, pod("w1", 30)) is None


def test_the_last_of_a_bound_is_filled_without_waiting() -> None:
    story = start(bound=320)
    story.come(pod("lives", 300, namespace="else"))
    grant(story, *(pod(f"w{number}", 5) for number in range(2)))
    assert cause(story, pod("w2", 1)) is Cause.EARLIER
    tight = start(bound=320)
    tight.come(pod("lives", 310, namespace="else"))
    grant(tight, *(pod(f"w{number}", 5) for number in range(2)))


def test_a_duplicate_of_an_open_name_costs_what_it_asks_or_it_would_be_held_for_ever() -> None:
    story = start()
    grant(story, pod("w0", 60))
    story.now += 40.0
    assert cause(story, pod("w0", 60, uid="again")) is Cause.EARLIER


def test_a_duplicate_of_a_name_that_another_replica_has_open_costs_as_much() -> None:
    story = start("a", "b")
    story.come(replace(pod("w0", 4), deleting=True))  # as long as it has a finalizer its name stays taken
    grant(story, pod("w0", 90))
    story.renew_all(20)  # the name is told as soon as it is repeated
    assert cause(story, pod("w0", 90, uid="again"), "b") is Cause.EARLIER
    assert cause(story, pod("w0", 4, uid="again"), "b") is None
    lapse(story)
    assert cause(story, pod("w0", 90, uid="again"), "b") is Cause.PAUSED


def test_duplicates_of_a_small_name_and_of_one_that_lives_are_let_in() -> None:
    story = start()
    for number in range(20):
        grant(story, pod("w0", 6, uid=f"u{number}"))
    assert story.ledgers["a"].reservations.subjects.awaited("ns/web").sums["cluster"] == Amounts(memory_requests=6)
    story.come(pod("w0", 6, uid="u3"))
    grant(story, pod("w0", 6, uid="late"))


def test_what_other_replicas_have_open_is_not_left_but_what_they_have_to_spare_is() -> None:
    story = start("a", "b")
    story.write("b")
    story.tell()
    assert story.shared is not None
    assert story.shared.holdings["b"].spare
    grant(story, *(pod(f"w{number}", 10) for number in range(5)))
    # Half of what a has left: 25 of the 50 beyond it.
    grant(story, pod("v0", 20), name="b")
    assert cause(story, pod("v1", 6), "b") is Cause.EARLIER
    assert cause(story, pod("probe", 10, "other", "else"), "b") is None


def test_together_several_replicas_leave_something_to_others() -> None:
    story = start("a", "b", "c")
    for number in range(60):
        for name in story.replicas:
            asked = pod(f"w{name}{number}", 1)
            if cause(story, asked, name) is None:
                story.write(name, asked)
                story.tell()
    assert sum(ledger.balance("cluster").unseen.memory_requests for ledger in story.ledgers.values()) <= 76


def test_whose_pods_lapse_has_a_small_credit_and_a_pause_then_one_try() -> None:
    story = start()
    grant(story, pod("w0", 90))
    lapse(story)
    assert cause(story, pod("w1", 7)) is Cause.PAUSED  # a sixteenth is 6
    assert cause(story, pod("w1", 6)) is None
    short = story.replicas["a"].grants.shortfall(pod("w1", 90), story.now)
    assert short is not None
    story.renew_all(short.again_at - story.now - 1)
    assert cause(story, pod("w1", 90)) is Cause.PAUSED
    story.renew_all(2)
    grant(story, pod("w1", 90))
    assert cause(story, pod("w2", 8)) is Cause.EARLIER


def test_a_namespace_in_bad_standing_keeps_a_quarter_for_its_other_owners_and_no_large_pod_of_new_ones() -> None:
    story = start()
    grant(story, pod("w0", 90))
    lapse(story)
    assert cause(story, pod("good", 25, "good")) is None
    assert cause(story, pod("new", 26, "new")) is Cause.PAUSED
    assert cause(story, pod("new", 90, "new", "else")) is None


def test_the_other_replicas_know_it_before_they_can_grant_what_came_free() -> None:
    story = start("a", "b")
    grant(story, pod("w0", 90))
    lapse(story)
    assert cause(story, pod("w1", 90), "b") is Cause.PAUSED
    assert story.shared is not None
    assert story.shared.holdings["a"].lapsed == {digest("ns/web"): 1, digest("ns"): 1}
    assert read(write(story.shared)) == story.shared


def test_a_pod_as_large_that_comes_clears_it_everywhere_and_a_small_one_does_not() -> None:
    story = start("a", "b")
    grant(story, pod("w0", 60))
    lapse(story)
    story.come(pod("tiny", 1))
    assert cause(story, pod("w1", 60)) is Cause.PAUSED
    story.come(pod("w2", 60))
    assert cause(story, pod("w3", 40)) is None
    assert story.replicas["a"].due(story.now)
    story.write("a")
    story.tell()
    assert cause(story, pod("w3", 40), "b") is None


def test_what_was_small_when_it_lapsed_is_held_against_nobody() -> None:
    story = start()
    grant(story, pod("w0", 6))
    lapse(story)
    assert not story.ledgers["a"].history


def test_who_has_some_refused_and_others_come_is_not_shut_out() -> None:
    story = start()
    grant(story, pod("w0", 20), pod("w1", 20))
    story.come(pod("w1", 20))
    lapse(story)
    assert not story.ledgers["a"].history
    grant(story, pod("w2", 20))
    lapse(story)
    assert story.ledgers["a"].history


def test_what_was_open_during_an_outage_is_held_against_nobody() -> None:
    story = start()
    grant(story, pod("w0", 60))
    story.now += 5
    story.ledgers["a"].history.excuse(story.now)
    lapse(story)
    assert cause(story, pod("w1", 60)) is None


def test_a_create_under_a_name_that_is_taken_has_a_small_credit_beyond_what_lives_there() -> None:
    story = start()
    story.come(pod("w0", 4))
    assert cause(story, pod("w0", 11, uid="again")) is Cause.TAKEN  # a sixteenth of 96 is 6
    assert cause(story, pod("w0", 10, uid="again")) is None
    assert cause(story, pod("w0", 4, uid="again")) is None
    story.come(replace(pod("w0", 4), deleting=True))
    assert cause(story, pod("w0", 60, uid="again")) is None


def test_a_resize_has_the_credit_of_the_pods_owner() -> None:
    story = start()
    live = story.come(pod("w0", 10))
    grown = replace(pod("w0", 60), revision=0, before=Before(live.revision, live.footprint))
    grant(story, grown)
    assert cause(story, pod("w1", 30)) is Cause.EARLIER
    assert cause(story, pod("w1", 30, "other")) is Cause.EARLIER  # of its namespace
    lapse(story)
    assert cause(story, grown) is Cause.PAUSED


def test_a_resize_that_is_asked_for_again_and_again_is_not_held_for_ever() -> None:
    story = start()
    live = story.come(pod("w0", 10))
    for attempt in range(12):
        before = Before(live.revision, live.footprint, review=f"review-{attempt}")
        asked = replace(pod("w0", 90), revision=0, before=before)
        allotment = story.replicas["a"]
        if not allotment.grants.again(asked, story.now) and cause(story, asked) is None:
            story.write("a", asked)
        story.renew_all(10)
        story.prove("a")
        allotment.grants.lapse()
    assert story.ledgers["a"].balance("cluster").unseen.memory_requests == 0
    assert story.ledgers["a"].history.standing("ns").level == 1


def test_what_policy_lets_in_is_reserved_within_the_credit_only() -> None:
    story = start()
    allotment, subjects = story.replicas["a"], story.ledgers["a"].reservations.subjects
    allotment.grants.force(pod("w0", 60), story.now)
    allotment.grants.force(pod("w1", 60), story.now)
    assert list(subjects.awaited("ns").names) == ["ns/w0"]
    proposal = allotment.propose([Ask(pod("w2", 60), forced=True), Ask(pod("v", 30, "v", "v"), True)], story.now, "e")
    assert [ask.pod.name for ask in proposal.booked] == ["ns/w2", "v/v"]
    assert (list(subjects.awaited("ns").names), list(subjects.awaited("v").names)) == (["ns/w0"], ["v/v"])


def test_those_who_are_booked_for_together_stay_within_the_credit_together() -> None:
    story = start()
    asked = [pod(f"w{number}", 20) for number in range(5)]
    assert all(cause(story, each) is None for each in asked)
    proposal = story.write("a", *asked)
    assert (len(proposal.booked), proposal.unfit) == (2, ())


@pytest.mark.parametrize("shares", [None, SHARES])
def test_without_shares_there_is_no_limit(shares: Shares | None) -> None:
    story = Hand("a", shares=shares)
    assert story.write("a", pod("w0", 60)).booked
    assert len(story.write("a", pod("w1", 40)).booked) == (0 if shares else 1)

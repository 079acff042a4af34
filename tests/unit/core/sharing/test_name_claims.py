"""What replicas hold for one name at once, told step by step: they tell each other, and it counts once."""

import pytest
from msgspec.structs import replace

from tests.model.hand import TIMING, Hand, pod
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.sharing.name_claims import MOST
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER


def lives(hand: Hand, made: PodInfo) -> PodInfo:
    """Let the first replica grant a pod that comes, and that everybody sees."""
    first = next(iter(hand.replicas))
    assert hand.write(first, made).booked
    live = hand.come(made)
    hand.write(first)
    hand.tell()
    return live


def duplicate(hand: Hand, *names: str, of: str = "one", size: int = 10, number: int = 2) -> None:
    """Let replicas be asked about so many more pods of one name each."""
    for name in names:
        for each in range(number):
            made = pod(of, size, uid=f"{of}-{name}-{each}")
            assert hand.replicas[name].grants.take(made, hand.now) or asked(hand, name, made)


def asked(hand: Hand, name: str, made: PodInfo) -> bool:
    """Ask a replica, and let it call the others if it cannot tell; say whether the pod was let in."""
    if not hand.write(name, made).booked:
        hand.tell()
        for other in hand.replicas:
            if other != name:
                hand.write(other)
                hand.tell()
        if not hand.write(name, made).booked:
            assert hand.replicas[name].refuses(made, hand.now)
            return False
    hand.tell()
    return True


def resize(live: PodInfo, size: int) -> PodInfo:
    """The review of a resize."""
    before = Before(live.revision, live.footprint)
    return PodInfo(live.name, live.uid, 0, Amounts(memory_requests=size), before=before)


def told(hand: Hand, name: str) -> dict[str, int]:
    """The names that a replica tells, and how many bytes it holds for each."""
    assert hand.shared is not None
    return {of: sums[CLUSTER].memory_requests for of, sums in hand.shared.holdings[name].named.items()}


# -- duplicates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["a", "b", "c"])
def test_beside_a_living_pod_its_duplicates_at_any_number_of_replicas_cost_nothing(last: str) -> None:
    hand = Hand("a", "b", "c")
    lives(hand, pod("one", 10))
    duplicate(hand, "a", "b", "c", number=200)
    assert asked(hand, last, pod("rest", 90))
    assert not asked(hand, last, pod("more", 1))


@pytest.mark.parametrize("last", ["a", "b", "c"])
def test_once_the_living_pod_is_gone_its_duplicates_cost_one_footprint_in_all(last: str) -> None:
    hand = Hand("a", "b", "c")
    live = lives(hand, pod("one", 10))
    duplicate(hand, "a", "b", "c", number=200)
    hand.go(live)
    assert not asked(hand, last, pod("too much", 91))
    assert asked(hand, last, pod("rest", 90))


def test_once_one_is_gone_duplicates_elsewhere_cost_one_footprint() -> None:
    """As the stories before, with a replica that has granted none of them, and of which nothing else is in the way."""
    hand = Hand("a", "b", "c")
    live = lives(hand, pod("one", 10))
    duplicate(hand, "a", "b")
    hand.go(live)
    assert not asked(hand, "c", pod("too much", 91))
    assert asked(hand, "c", pod("rest", 90))


def test_the_grants_of_a_replica_count_with_what_others_hold_for_the_same_name() -> None:
    hand = Hand("a", "b")
    live = lives(hand, pod("one", 10))
    duplicate(hand, "a", "b")
    hand.go(live)
    assert asked(hand, "a", pod("rest", 90))


def test_after_the_lapse_duplicates_cost_nothing_and_are_told_no_more() -> None:
    hand = Hand("a", "b", "c")
    hand.go(lives(hand, pod("one", 10)))
    duplicate(hand, "a", "b", "c")
    hand.renew_all(TIMING.lapse + 1)
    for name in "abc":
        hand.prove(name)
        assert hand.replicas[name].grants.lapse()
    hand.renew_all(TIMING.renew + 1)
    assert told(hand, "a") == told(hand, "b") == told(hand, "c") == {}
    assert asked(hand, "b", pod("rest", 100))


def test_a_duplicate_of_what_others_hold_room_for_needs_no_more() -> None:
    hand = Hand("a", "b", "c")
    live = lives(hand, pod("one", 10))
    duplicate(hand, "a", "b")
    hand.go(live)
    assert asked(hand, "c", pod("rest", 90))
    assert not asked(hand, "c", pod("one", 11, uid="larger"))
    assert asked(hand, "c", pod("one", 10, uid="as large"))


def test_of_duplicates_of_several_sizes_the_largest_counts_wherever_it_was_granted() -> None:
    hand = Hand("a", "b", "c")
    lives(hand, pod("one", 10))
    for size, name in ((5, "a"), (30, "b"), (20, "c")):
        duplicate(hand, name, size=size)
    assert not asked(hand, "a", pod("too much", 71))
    assert [told(hand, name)["ns/one"] for name in "abc"] == [5, 30, 20]
    assert asked(hand, "a", pod("rest", 70))


def test_what_came_and_was_seen_is_not_told_for_it_is_not_held_any_more() -> None:
    """Ten bytes live, and two are held beside them; what the first replica has to spare, the other may not book."""
    hand = Hand("a", "b")
    large, small = pod("one", 10, uid="large"), pod("one", 2, uid="small")
    assert hand.write("a", large, small).booked
    hand.come(large)
    hand.write("a")
    hand.tell()
    assert told(hand, "a") == {"ns/one": 2}
    spare = hand.replicas["a"].grants.spare(CLUSTER).memory_requests
    assert spare > 0
    assert not hand.write("b", pod("too much", 91 - spare)).booked
    assert hand.write("b", pod("rest", 90 - spare)).booked


# -- which names -------------------------------------------------------------------------------------------------------


def test_a_name_that_one_pod_has_is_not_told() -> None:
    hand = Hand("a", "b")
    hand.write("a", pod("one", 10), pod("two", 10))
    assert told(hand, "a") == {}


def test_a_name_that_another_replica_tells_is_told_too() -> None:
    hand = Hand("a", "b")
    duplicate(hand, "a")
    hand.write("a")
    hand.tell()
    duplicate(hand, "b", number=1)
    hand.write("b")
    assert told(hand, "b") == {"ns/one": 10}


def test_of_many_names_the_largest_are_told_and_the_others_cost_what_every_replica_holds() -> None:
    hand = Hand("a", "b", "c")
    for size in range(1, MOST + 3):
        lives(hand, pod(f"p{size}", size))
        duplicate(hand, "a", "b", of=f"p{size}", size=size)
    for name in "ab":
        hand.write(name)
        hand.tell()
        assert told(hand, name) == {f"ns/p{size}": size for size in range(3, MOST + 3)}
    living, twice = sum(range(1, MOST + 3)), 2 * (1 + 2)
    assert not asked(hand, "c", pod("too much", 100 - living - twice + 1))
    assert asked(hand, "c", pod("rest", 100 - living - twice))


def test_names_of_one_size_are_chosen_by_all_replicas_alike() -> None:
    hand = Hand("a", "b")
    for name, order in (("a", range(MOST + 2)), ("b", reversed(range(MOST + 2)))):
        for number in order:
            duplicate(hand, name, of=f"p{number}", size=1)
        hand.write(name)
        hand.tell()
    assert told(hand, "a") == told(hand, "b") == {f"ns/p{number}": 1 for number in range(MOST)}


def test_who_has_nothing_to_spare_tells_at_once_that_a_name_is_repeated_by_now() -> None:
    """It is not asked to hand anything back, so nobody else would hear of it before a refusal."""
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    original = pod("one", 10)
    hand.write("a", original)
    hand.write("a", pod("nobody", 1_000))  # a call
    hand.tell()
    assert hand.write("b", pod("one", 10, uid="another")).booked  # the answer
    assert told(hand, "b") == {}
    assert not hand.replicas["b"].due(hand.now)
    hand.come(original)
    assert hand.replicas["b"].due(hand.now)
    hand.write("b")
    assert not hand.replicas["b"].due(hand.now)
    hand.tell()
    assert asked(hand, "a", pod("rest", 90))


def test_who_has_something_to_spare_tells_of_a_name_when_it_writes_the_next_time() -> None:
    hand = Hand("a")
    duplicate(hand, "a")
    assert hand.replicas["a"].grants.spare(CLUSTER).memory_requests > 0
    assert not hand.replicas["a"].due(hand.now)


def test_who_tells_as_many_names_as_it_may_is_not_due_for_one_more() -> None:
    hand = Hand("a", "b")
    hand.write("b")
    hand.tell()
    hand.write("a", pod("nobody", 1_000))  # a call
    hand.tell()
    hand.write("b", *(pod(f"p{number}", uid=f"{number}-{each}") for number in range(MOST + 1) for each in range(2)))
    assert len(told(hand, "b")) == MOST
    assert not hand.replicas["b"].due(hand.now)


def test_a_write_is_known_again_where_another_has_left_its_names_out() -> None:
    """As one does that knows nothing of names; it holds as much as before."""
    hand = Hand("a", "b")
    proposal = hand.send("a", pod("one", 1, uid="1"), pod("one", 1, uid="2"))
    holding = proposal.shared.holdings["a"]
    assert holding.named
    hand.carry_out(proposal)
    assert hand.shared is not None
    holdings = {**hand.shared.holdings, "a": replace(holding, named={})}
    hand.shared, hand.written_at = replace(hand.shared, holdings=holdings), hand.written_at + 1
    hand.tell("a")
    assert hand.replicas["a"].pending is None
    assert hand.replicas["a"].grants.held(CLUSTER) == holding.held[CLUSTER]


# -- resizes -----------------------------------------------------------------------------------------------------------


def test_growth_is_not_told_for_it_comes_on_top_of_what_lives() -> None:
    hand = Hand("a", "b")
    live = lives(hand, pod("one", 20))
    hand.write("a", resize(live, 50), resize(live, 40))  # two attempts from one object
    assert told(hand, "a") == {}
    hand.tell()
    assert not asked(hand, "b", pod("too much", 51))
    assert asked(hand, "b", pod("rest", 50))


def test_growth_beside_duplicates_counts_from_what_lives() -> None:
    hand = Hand("a", "b", "c")
    live = lives(hand, pod("one", 20))
    duplicate(hand, "b", "c", size=20)
    assert asked(hand, "a", resize(live, 50))
    assert not asked(hand, "a", pod("too much", 51))
    assert asked(hand, "a", pod("rest", 50))


def test_where_a_replica_lets_duplicates_in_and_growth_the_name_costs_the_larger() -> None:
    hand = Hand("a", "b")
    live = lives(hand, pod("one", 20))
    duplicate(hand, "a", size=20)
    assert hand.write("a", resize(live, 50)).booked
    assert told(hand, "a") == {"ns/one": 50}
    hand.tell()
    assert not asked(hand, "b", pod("too much", 51))
    assert asked(hand, "b", pod("rest", 50))


# -- pools -------------------------------------------------------------------------------------------------------------

POOLED = """
{apiVersion: headroom.internal/v1, kind: HeadroomConfig, thresholds: {memory: {requests: 100%}},
 pools: [{name: p, nodeSelector: {pool: p}, thresholds: {memory: {requests: 100%}}}]}
"""
IN_POOL = (("pool", "p"),)


def test_what_is_told_of_a_name_is_held_until_a_write_though_its_pods_are_charged_elsewhere_by_now() -> None:
    """The node that they name has left the pool, and their reviews are repeated."""
    hand = Hand("a")
    replica, ledger = hand.replicas["a"], hand.ledgers["a"]
    ledger.configure(AccountingRules(parse(POOLED)), hand.now)
    ledger.see_node(NodeInfo("node", Allocatable(100, 0), ready=True, labels=IN_POOL), hand.now)
    ledger.see_node(NodeInfo("moves", Allocatable(0, 0), ready=True, labels=IN_POOL), hand.now)
    footprint, way = Amounts(memory_requests=10), Way((), ("moves",))
    one, other = (PodInfo("ns/one", uid, 0, footprint, confined_to=(way,)) for uid in ("one", "other"))
    assert hand.write("a", one, other).booked
    assert hand.shared is not None
    assert hand.shared.holdings["a"].named == {"ns/one": {CLUSTER: footprint, "p": footprint}}
    spare = replica.grants.spare("p").memory_requests
    ledger.see_node(NodeInfo("moves", Allocatable(0, 0), ready=True), hand.now)
    for each in (one, other):
        assert not replica.grants.again(each, hand.now)
        assert replica.grants.take(each, hand.now)
    more = PodInfo("ns/more", "more", 0, Amounts(memory_requests=spare + 1), confined_to=(Way(IN_POOL),))
    assert not replica.grants.take(more, hand.now)
    assert replica.due(hand.now)
    hand.write("a")
    assert hand.shared.holdings["a"].named == {"ns/one": {CLUSTER: footprint}}
    assert replica.grants.spare("p").memory_requests > spare


def test_what_a_booking_takes_the_place_of_is_retired_by_the_same_write() -> None:
    hand = Hand("a")
    ledger = hand.ledgers["a"]
    ledger.configure(AccountingRules(parse(POOLED)), hand.now)
    ledger.see_node(NodeInfo("node", Allocatable(100, 0), ready=True, labels=IN_POOL), hand.now)
    one = PodInfo("ns/one", "one", 0, Amounts(memory_requests=60), confined_to=(Way((), ("node",)),))
    hand.write("a", one)
    ledger.see_node(NodeInfo("node", Allocatable(100, 0), ready=True), hand.now)
    assert hand.write("a", one).booked
    assert ledger.reservations.settled() == ()
    assert ledger.reservations.unretired("p").memory_requests == 0
    assert ledger.reservations.unretired(CLUSTER).memory_requests == 60

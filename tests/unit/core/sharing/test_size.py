"""The shared object stays small whatever is asked for, and what a replica holds open is never left out of it."""

import json
from random import Random

import pytest

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.reservations import Reservations
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.sharing import name_claims as naming
from webhook.core.sharing.allotment import Allotment, Ask, Proposal, Timing
from webhook.core.sharing.shared_state import Shared, read, write
from webhook.core.sharing.size import LARGEST, LEFT
from webhook.core.values.amounts import NOTHING, Amounts

TI = 1 << 40
OBJECT = 64 << 10  # bytes


def configured(pools: int) -> HeadroomConfig:
    """A configuration with as many pools, whose names are as long as may be; each bounds requests of memory alone."""
    listed = [
        {"name": _pool(number), "nodeSelector": {"p": str(number)}, "thresholds": {"memory": {"requests": "100%"}}}
        for number in range(pools)
    ]
    whole = {"apiVersion": "headroom.internal/v1", "kind": "HeadroomConfig", "pools": listed}
    return parse(json.dumps(whole | {"thresholds": {"memory": {"requests": "100%"}}}))


def _pool(number: int) -> str:
    return f"{number:03}".ljust(63, "p")


def asked(random: Random, pools: int, *, names: int) -> PodInfo:
    """A pod with a name and a uid as long as may be, for any pool or none; what nothing bounds it asks for in full."""
    confined = (Way((("p", str(random.randrange(pools))),)),) if pools and random.random() < 0.9 else ()
    vast = random.choice((0, 1, 2**63 - 1, 10**6 * (2**63 - 1)))
    footprint = Amounts(random.choice((0, 1, 7, TI)), vast, vast, 1, vast, vast, vast, 1)
    name = f"{'n' * 63}/{random.randrange(names)}".ljust(317, "x")
    return PodInfo(name, f"{random.random()}".ljust(128, "u"), 0, footprint, confined_to=confined)


class Crowd:
    """Replicas with one shared object, each of whose writes is carried out at once; nothing ever comes."""

    def __init__(self, pools: int) -> None:
        self.config = configured(pools)
        self.shared: Shared | None = None
        self.written = 0
        self.now = 1000.0
        self.largest = 0
        self.replicas: list[Allotment] = []
        self.ledgers: list[Ledger] = []
        self.pools = pools

    def join(self) -> None:
        ledger = Ledger(AccountingRules(self.config))
        labelled = [(("p", str(number)),) for number in range(self.pools)] + [()]
        nodes = [
            NodeInfo(f"n{number}", Allocatable(1000 * TI, 0), ready=True, labels=labels)
            for number, labels in enumerate(labelled)
        ]
        ledger.relist_nodes(nodes, self.now)
        ledger.relist([], 10)
        self.ledgers.append(ledger)
        self.replicas.append(Allotment(f"{len(self.replicas):08}", ledger, Timing()))
        self.replicas[-1].observe(self.shared, self.written, self.now)
        self.write(len(self.replicas) - 1)
        self.write(len(self.replicas) - 1)

    def write(self, number: int, *asks: Ask) -> Proposal:
        replica = self.replicas[number]
        proposal = replica.propose(asks, self.now, "epoch", fresh=True)
        replica.begin(proposal)
        text = write(proposal.shared)
        self.largest = max(self.largest, len(text), _as_json(text) - (OBJECT - LARGEST))
        assert len(text) <= LARGEST, f"{len(text):,} bytes by {len(self.replicas)} replicas"
        self.shared, self.written = read(text), self.written + 1
        replica.written(self.written, self.now)
        for other in self.replicas:
            if other is not replica:
                other.observe(self.shared, self.written, self.now)
        self.check(number)
        return proposal

    def check(self, number: int) -> None:
        """All that is open is told; names are part of it, and so is what is granted since."""
        assert self.shared is not None
        replica, ledger = self.replicas[number], self.ledgers[number]
        mine = self.shared.holdings[replica.replica]
        for scope in ledger.accounting.scopes:
            assert ledger.reservations.open(scope).within(mine.held.get(scope, NOTHING)), scope
        assert not mine.names_more_than_it_holds

    def review(self, number: int, pod: PodInfo, *, forced: bool) -> bool:
        """What a review comes to; one that is forced and cannot be booked for is let in all the same."""
        replica = self.replicas[number]
        if replica.grants.take(pod, self.now):
            return True
        if forced and pod.uid[-2] in "0123":
            replica.grants.force(pod, self.now)
            return True
        return bool(self.write(number, Ask(pod, forced)).booked)


def _as_json(text: str) -> int:
    return len(json.dumps(text)) + 800  # with what the API server writes around it, managed fields and all


@pytest.mark.parametrize(
    ("pools", "replicas", "names"), [(0, 3, 30), (3, 2, 5), (40, 3, 40), (150, 3, 2), (120, 8, 20)]
)
def test_it_is_small_whatever_is_asked_for(pools: int, replicas: int, names: int) -> None:
    random = Random(pools * 100 + replicas)  # noqa: S311 - a schedule, and no secret
    crowd = Crowd(pools)
    crowd.join()
    let_in = 0
    for step in range(250):
        if len(crowd.replicas) < replicas and step % 10 == 9:
            crowd.join()
        number = random.randrange(len(crowd.replicas))
        let_in += crowd.review(number, asked(random, pools, names=names), forced=random.random() < 0.3)
        crowd.now += 0.01
        if step % 40 == 0:
            crowd.write(number)
    for number in range(len(crowd.replicas)):
        crowd.write(number)
        assert not crowd.replicas[number].due(crowd.now), "it would write again and again"
    assert let_in > 40
    assert crowd.largest <= LARGEST
    print(f"{pools} pools, {replicas} replicas: {crowd.largest:,} bytes, {let_in} of 250 let in")


def test_names_are_left_out_before_anything_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "MOST", 100)
    crowd = Crowd(0)
    crowd.join()
    for number in range(60):
        for uid in ("a", "b"):
            pod = PodInfo(f"ns/{number}".ljust(317, "x"), f"{number}{uid}", 0, Amounts(1))
            assert crowd.review(0, pod, forced=False)
    crowd.write(0)
    assert crowd.shared is not None
    mine = crowd.shared.holdings[crowd.replicas[0].replica]
    assert 8 <= len(mine.named) < 60
    assert mine.held["cluster"].memory_requests >= 60


def test_what_is_not_told_waits_for_a_write_and_is_booked_where_there_is_room() -> None:
    """In more pools than can be told, nothing is granted in one that the last write did not tell."""
    crowd = Crowd(200)
    crowd.join()
    ways = [(Way((("p", str(number)),)),) for number in range(200)]
    pods = [PodInfo(f"ns/{n}", f"u{n}", 0, Amounts(1, 2**63), confined_to=way) for n, way in enumerate(ways)]
    booked = crowd.write(0, *(Ask(pod) for pod in pods)).booked
    assert 20 < len(booked) < 200, "as many as can be told"
    again = crowd.write(0, *(Ask(pod) for pod in pods[len(booked) :])).booked
    assert not again
    for ask in booked:  # they come, and their room in the text is free with the next write
        crowd.ledgers[0].see(PodInfo(ask.pod.name, ask.pod.uid, 20, ask.pod.footprint, confined_to=ask.pod.confined_to))
    crowd.write(0)
    assert crowd.write(0, *(Ask(pod) for pod in pods[len(booked) :])).booked


@pytest.mark.parametrize("forced", [False, True])
def test_what_asks_for_nothing_that_is_bounded_is_told_as_well(forced: bool) -> None:
    crowd = Crowd(200)
    crowd.join()
    crowd.join()
    vast = 10**20
    for number, replica in enumerate(crowd.replicas):
        for pool in range(200):
            asks = Amounts(0, vast, vast, 1, vast, vast, vast, 1)
            pod = PodInfo(f"ns/{pool}", f"{number}-{pool}", 0, asks, confined_to=(Way((("p", str(pool)),)),))
            replica.grants.force(pod, crowd.now) if forced else replica.grants.take(pod, crowd.now)
        crowd.write(number)
    assert crowd.largest <= LARGEST


def test_there_is_room_for_a_few_that_join_at_once() -> None:
    crowd = Crowd(200)
    for _ in range(8):
        crowd.join()
    assert crowd.largest <= LARGEST
    assert LEFT < LARGEST


def test_a_name_with_many_scopes_is_left_out() -> None:
    reservations = Reservations(lambda _: None)  # type: ignore[arg-type,return-value]  # nothing is asked of it
    many: Sums = {f"{number:063}": Amounts(10**30) for number in range(200)}
    reservations.repeated = {"ns/wide": None, "ns/one": None}
    costs: dict[str, Sums] = {"ns/wide": {"cluster": Amounts(2), **many}, "ns/one": {"cluster": Amounts(1)}}
    reservations.open_from_nothing = costs.__getitem__  # type: ignore[method-assign,assignment]
    told = naming.named(reservations, Shared("e", open=True), "me")
    assert list(told) == ["ns/one"]

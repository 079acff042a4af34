"""Two replicas and one object: what they grant together never passes the bound, and reaches it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.support.accounts import pod
from tests.support.booking_replicas import Replica, is_ready, replica, state_of, until
from tests.support.fake_configmaps import FakeConfigMaps
from tests.support.replica import response, review
from webhook.core.ledger.info import PodInfo
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.allotment import Timing

# A pod that is made later than the lapse after it was let in may well be one too many, as on any cluster: where pods
# are counted, no machine is to be so busy.
TIMING = Timing(validity=20.0, lapse=20.0, renew=0.3, lean=0.3)
SOON = Timing(validity=2.0, lapse=1.0, renew=0.3, lean=0.3)


class Cluster:
    """The pods that were made, and how far each replica's watch has come: it shows them late, and in order."""

    def __init__(self) -> None:
        self.pods: list[PodInfo] = []
        self._shown: dict[str, int] = {}
        self._lock = threading.Lock()

    def make(self, name: str, memory: float) -> None:
        """Write a pod, as the API server does once a review has let it in."""
        with self._lock:
            self.pods.append(pod(name, memory, "node", uid=f"pod-{name}", revision=101 + len(self.pods)))

    def show(self, to: Replica, most: int | None = None) -> None:
        """Let a replica's watch bring some more."""
        with self._lock:
            begin = self._shown.get(to.admission.state._guarded.allotment.replica, 0)
            news = self.pods[begin : None if most is None else begin + most]
            self._shown[to.admission.state._guarded.allotment.replica] = begin + len(news)
            for each in news:
                to.admission.state.see_pod(each)

    def prove(self, to: Replica) -> None:
        """Bring all there is, which proves how fresh it is."""
        since = time.monotonic()
        self.show(to)
        to.admission.state.prove(since)


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[FakeConfigMaps, Cluster, list[Replica]]]:
    """Two replicas on a node with that many Gi, so timed."""
    cluster, replicas = Cluster(), list[Replica]()
    memory, timing = request.param
    with FakeConfigMaps() as server, ExitStack() as stack:
        for index, name in enumerate(("r1", "r2")):
            made = replica(
                server,
                name,
                memory,
                timing=timing,
                seconds=time.monotonic,
                prove=lambda index=index: cluster.prove(replicas[index]),  # type: ignore[misc]  # index is bound here
            )
            replicas.append(stack.enter_context(made))
        until(lambda: all(map(is_ready, replicas)))
        yield server, cluster, replicas


def ask(cluster: Cluster, of: Replica, name: str, memory: int, *, lost: bool = False) -> bool:
    """Create a pod as the API server does; `lost`: nothing comes of it though it was let in."""
    while True:
        answer = of.answer(of.judge.ask(review(name, f"{memory}Gi"), timeout=30.0))
        if answer.status == 200:
            break
        time.sleep(0.05)
    allowed: bool = response(answer)["allowed"]
    if allowed and not lost:
        cluster.make(name, memory)
    return allowed


@pytest.mark.parametrize("pair", [(40, TIMING)], indirect=True)
def test_a_storm_ends_at_exactly_the_bound(pair: tuple[FakeConfigMaps, Cluster, list[Replica]]) -> None:
    _, cluster, replicas = pair
    over = threading.Event()

    def show() -> None:
        while not over.wait(0.01):
            cluster.show(random.choice(replicas), most=random.randrange(4))  # noqa: S311 - any order will do

    def create(index: int) -> bool:
        return ask(cluster, replicas[index % 2], f"w{index}", 1)

    watch = threading.Thread(target=show)
    watch.start()
    try:
        with ThreadPoolExecutor(16) as clients:
            allowed = sum(clients.map(create, range(80)))
    finally:
        over.set()
        watch.join()
    assert allowed == len(cluster.pods) == 40


@pytest.mark.parametrize("pair", [(10, TIMING)], indirect=True)
def test_the_last_byte_is_granted_by_whichever_replica_is_asked(
    pair: tuple[FakeConfigMaps, Cluster, list[Replica]],
) -> None:
    server, cluster, (one, two) = pair
    until(lambda: bool(state_of(server).holdings["r1"].held) and bool(state_of(server).holdings["r2"].held))
    assert ask(cluster, two, "all", 10), "the other one hands back what it does not need"
    assert one.booking.tally.hand_backs >= 1
    cluster.show(one)
    assert not ask(cluster, one, "more", 1)
    assert not ask(cluster, two, "more", 1)


@pytest.mark.parametrize("pair", [(10, SOON)], indirect=True)
def test_what_a_dead_replica_held_comes_back_after_validity_and_lapse(
    pair: tuple[FakeConfigMaps, Cluster, list[Replica]],
) -> None:
    server, cluster, (one, two) = pair
    assert ask(cluster, one, "lost", 4, lost=True)
    until(lambda: state_of(server).holdings["r1"].held["cluster"].memory_requests >= 4 << 30)
    one.end_booking()
    died = time.monotonic()
    answer = two.answer(two.judge.ask(review("all", "10Gi"), timeout=1.0))
    assert response(answer)["status"]["code"] == 503, "nobody can tell while a dead replica may still hold it"
    until(lambda: "r1" not in state_of(server).holdings, 60.0)
    assert time.monotonic() - died >= SOON.lapse
    assert ask(cluster, two, "all", 10)


@pytest.mark.parametrize("pair", [(24, TIMING)], indirect=True)
@pytest.mark.parametrize(("mode", "decision"), [("warn", Decision.WARN), ("audit", Decision.AUDIT)])
def test_a_burst_on_trial_is_reported_by_both_together_as_enforcing_would_refuse_it(
    pair: tuple[FakeConfigMaps, Cluster, list[Replica]], mode: str, decision: Decision
) -> None:
    _, cluster, replicas = pair
    for each in replicas:
        each.judge.configure(f"mode: {mode}")
    over = threading.Event()

    def show() -> None:
        while not over.wait(0.02):
            cluster.show(random.choice(replicas), most=random.randrange(3))  # noqa: S311 - any order will do

    watch = threading.Thread(target=show)
    watch.start()
    try:
        with ThreadPoolExecutor(36) as clients:
            assert all(clients.map(lambda index: ask(cluster, replicas[index % 2], f"w{index}", 1), range(36)))
    finally:
        over.set()
        watch.join()
    said = Counter((d.verdict.decision, d.verdict.reason) for each in replicas for d in each.judge.decided)
    assert said == {(Decision.ALLOW, Reason.FITS): 24, (decision, Reason.MEMORY): 12}

"""Whatever the cluster: a reserve brings the pods of drained nodes back, and a cordon by itself gives nothing.

As in test_losses.py, each property holds for every sum and scope at once.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clusters import COUNTED, Cluster, Lost, Sums, clusters
from webhook.core.ledger.info import PodInfo
from webhook.core.values.amounts import NOTHING

Step = Callable[[], None]
choices = st.lists(st.integers(0, 99), min_size=5, max_size=30)
names = st.sampled_from(["n0", "n1", "n2", "n3", "n4"])
of_counted_nodes = clusters(st.integers(1, 3), st.just(COUNTED), st.just([]))
some = st.lists(names, unique=True, max_size=5)


class Drain:
    """Nodes are drained in any order, one by one or together: cordoned, emptied, then deleted or taken back."""

    def __init__(self, cluster: Cluster, most: int) -> None:
        self.cluster, self._most = cluster, most
        self._out: set[str] = set()
        self._waiting: list[PodInfo] = []  # were evicted and have no replacement yet
        self._numbers = count()

    def step(self, choice: int) -> None:
        """Do one of the things that can be done next."""
        returns = [partial(self._replace, pod, choice) for pod in self._waiting]
        possible: list[Step] = [*self._cordons(), *self._steps(), *returns]
        if possible:
            possible[choice % len(possible)]()

    def _cordons(self) -> Iterator[Step]:
        for name in sorted(self.cluster.nodes.keys() - self._out):
            if len(self._out) < self._most:
                yield partial(self._cordon, name)

    def _steps(self) -> Iterator[Step]:
        for name in sorted(self._out & self.cluster.nodes.keys()):
            pods = [pod for pod in self.cluster.pods if pod.node == name]
            yield partial(self._uncordon, name)
            yield from (partial(self._evict, pod) for pod in pods)
            if not pods:
                yield partial(self.cluster.lose, Lost(name, deleted=True))

    def _cordon(self, name: str) -> None:
        self._out.add(name)
        self.cluster.cordon(name)

    def _uncordon(self, name: str) -> None:
        self._out.discard(name)
        self.cluster.cordon(name, on=False)

    def asked(self) -> Sums:
        """What the pods that are there ask for, wherever they are."""
        asked = dict.fromkeys(self.cluster.ledger.accounting.scopes, NOTHING)
        for pod in self.cluster.pods:
            for scope in self.cluster.ledger.charge(pod).scopes:
                asked[scope] = asked[scope].plus(pod.footprint)
        return {(scope, index): asked[scope][index] for scope, index in self.cluster.headroom()}

    def _evict(self, pod: PodInfo) -> None:
        self.cluster.ledger.gone(pod)
        self.cluster.pods.remove(pod)
        self._waiting.append(pod)

    def _replace(self, pod: PodInfo, number: int) -> None:
        self._waiting.remove(pod)
        nodes = ["", *sorted(self.cluster.nodes.keys() - self._out)]
        name = f"default/again{next(self._numbers)}"
        again = PodInfo(name, name, 2, pod.footprint, nodes[number % len(nodes)])
        self.cluster.ledger.see(again)
        self.cluster.pods.append(again)


@given(of_counted_nodes, choices)
def test_with_a_reserve_every_evicted_pod_can_be_replaced_at_any_moment_of_a_drain(
    cluster: Cluster, choices: list[int]
) -> None:
    """What is free and what is asked for come to the same all the time: an eviction frees all that it takes back."""
    drain = Drain(cluster, least_reserve(cluster))
    asked, before = drain.asked(), cluster.headroom()
    for choice in choices:
        drain.step(choice)
        free, now = cluster.headroom(), drain.asked()
        assert {key: free[key] + now[key] for key in free} == {key: before[key] + asked[key] for key in free}


@given(clusters(), some)
def test_who_uncordons_has_what_there_was(cluster: Cluster, names: list[str]) -> None:
    there = [name for name in names if name in cluster.nodes and not cluster.nodes[name].cordoned]
    before = cluster.headroom()
    for on in (True, False):
        for name in there:
            cluster.cordon(name, on=on)
    assert cluster.headroom() == before


@given(of_counted_nodes, some, some)
def test_a_replica_that_starts_during_a_drain_has_what_the_others_have(
    cluster: Cluster, cordoned: list[str], emptied: list[str]
) -> None:
    for name in cordoned:
        if name in cluster.nodes:
            cluster.cordon(name)
    for pod in [pod for pod in cluster.pods if pod.node in emptied]:
        cluster.ledger.gone(pod)
        cluster.pods.remove(pod)
    fresh = Cluster(cluster.ledger.accounting.config, list(cluster.nodes.values()), cluster.pods)
    assert fresh.headroom() == cluster.headroom()


@given(clusters(), names)
def test_the_planned_end_of_an_empty_node_changes_nothing(cluster: Cluster, name: str) -> None:
    if name not in cluster.nodes or not cluster.ledger.capacity.leaving(name):
        return
    for pod in [pod for pod in cluster.pods if pod.node == name]:
        cluster.ledger.gone(pod)
    before = cluster.headroom_beside_waiting()
    cluster.lose(Lost(name, deleted=True))
    assert cluster.headroom_beside_waiting() == before


def least_reserve(cluster: Cluster) -> int:
    """For how many nodes there is a reserve in every scope."""
    config = cluster.ledger.accounting.config
    return min(config.reserve.nodes, *(config.reserve_of(pool).nodes for pool in config.pools))

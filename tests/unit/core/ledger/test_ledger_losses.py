"""Whatever the cluster: to take nodes out gives no headroom, and a reserve is there for what a loss asks of it.

Each property holds for every sum and scope at once, and for clusters to which something has happened already. Amounts
are small numbers of bytes, so that rounding shows. Drains have a file of their own, test_drains.py.
"""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.clusters import (
    COUNTED,
    TAINT,
    Change,
    Cluster,
    Lost,
    Sums,
    _nth,
    amounts,
    clusters,
    on,
    pooled,
    rooms,
)
from tests.support.examples import examples
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.values.amounts import Amounts

READY = st.sampled_from([COUNTED, COUNTED, (True, True, False)])
takings: st.SearchStrategy[Change] = st.sampled_from(
    [lambda info: replace(info, cordoned=True), lambda info: replace(info, repelling_taints=TAINT)]
)
numbers = st.sampled_from([0, 0, 0, 1, 2, 3, 4])


def within(these: Sums, those: Sums, more: Sums | None = None) -> bool:
    return all(amount <= those[key] + (more or {}).get(key, 0) for key, amount in these.items())


@settings(max_examples=examples(300))
@given(clusters(), numbers, takings)
def test_to_cordon_or_taint_a_node_never_gives_headroom(cluster: Cluster, number: int, take_out: Change) -> None:
    before, room = cluster.headroom(), cluster.room()
    cluster.change(_nth(cluster, number), take_out)
    assert within(cluster.room(), room)
    assert within(cluster.borne(), before)


@given(clusters(), numbers)
def test_to_take_a_node_back_in_never_takes_headroom(cluster: Cluster, number: int) -> None:
    name, before = _nth(cluster, number), cluster.room()
    assume(cluster.nodes[name].ready)  # a lost one had used up some of the reserve, which is kept again
    cluster.change(name, lambda info: replace(info, cordoned=False, repelling_taints=frozenset()))
    assert within(before, cluster.room())


@given(clusters(st.just(0)), numbers, st.booleans())
def test_without_a_reserve_the_loss_of_a_node_never_gives_headroom(
    cluster: Cluster, number: int, deleted: bool
) -> None:
    before, room = cluster.headroom(), cluster.room()
    cluster.lose(Lost(_nth(cluster, number), deleted))
    assert within(cluster.room(), room)
    assert within(cluster.borne(), before)


@given(clusters(), numbers, st.booleans())
def test_a_loss_gives_at_most_the_headroom_for_the_replacements_of_its_pods(
    cluster: Cluster, number: int, deleted: bool
) -> None:
    name = _nth(cluster, number)
    counted, before, bounds = cluster.ledger.capacity.counts(name), cluster.headroom(), cluster.bounds()
    room, excused = cluster.room(), cluster.excused(name)
    cluster.lose(Lost(name, deleted))
    assert within(cluster.room(), room, excused)
    assert within(cluster.borne(), before, excused)
    assert within(cluster.bounds(), bounds, None if counted else excused)


@given(
    clusters(st.integers(1, 3), READY, st.just([])),
    st.lists(
        st.builds(Lost, st.sampled_from(["n0", "n1", "n2", "n3", "n4"]), st.booleans()), unique_by=lambda x: x.name
    ),
)
def test_a_reserve_lets_in_the_replacements_of_as_many_nodes_as_it_is_for(cluster: Cluster, losses: list[Lost]) -> None:
    config_of = cluster.ledger.accounting.config
    least = min(config_of.reserve.nodes, *(config_of.reserve_of(pool).nodes for pool in config_of.pools))
    losses = [lost for lost in losses if lost.name in cluster.nodes]
    # A cordon is a planned loss: what it uses up is not there for another node.
    cordoned = [name for name, info in cluster.nodes.items() if info.cordoned]
    losses = losses[: max(0, least - len(set(cordoned) - {lost.name for lost in losses}))]
    assume(losses and len({*cordoned, *(lost.name for lost in losses)}) <= least)
    wanted = {
        key: left + sum(cluster.excused(lost.name)[key] for lost in losses)
        for key, left in cluster.headroom_beside_waiting().items()
        if cluster.bounds()[key]  # else there is less room than is to be kept of it
    }
    for lost in losses:
        cluster.lose(lost)
    left = cluster.headroom_beside_waiting()
    assert all(left[key] >= amount for key, amount in wanted.items())
    for pod in cluster.pods:
        if pod.node in [lost.name for lost in losses]:
            cluster.ledger.gone(pod)
    left = cluster.headroom_beside_waiting()
    assert all(left[key] >= amount for key, amount in wanted.items())


@given(clusters(), amounts, on)
def test_a_pod_costs_at_most_its_footprint_and_gives_at_most_that_back(
    cluster: Cluster, amount: Amounts, node: str
) -> None:
    before = cluster.headroom()
    pod = PodInfo("default/new", "new", 2, amount, node)
    cluster.ledger.see(pod)
    after = cluster.headroom()
    assert all(before[scope, index] - amount[index] <= left for (scope, index), left in after.items())
    cluster.ledger.gone(pod)
    assert cluster.headroom() == before


@given(clusters(), rooms, pooled, st.sampled_from([(False, False), (False, True), (True, True)]))
def test_a_node_that_joins_gives_no_headroom_before_it_counts(
    cluster: Cluster, room: Allocatable, labels: tuple[tuple[str, str], ...], state: tuple[bool, bool]
) -> None:
    before = cluster.headroom_beside_waiting()
    ready, cordoned = state
    cluster.join(NodeInfo("new", room, ready, cordoned, labels=labels))
    assert cluster.headroom_beside_waiting() == before


@given(clusters(st.integers(0, 1)), rooms, pooled)
def test_a_node_that_joins_gives_at_most_its_room_and_takes_nothing(
    cluster: Cluster, room: Allocatable, labels: tuple[tuple[str, str], ...]
) -> None:
    """With a reserve for more than one node, a larger one may: the reserve has to be whole for it as well."""
    before = cluster.headroom_beside_waiting()
    cluster.join(NodeInfo("new", room, True, labels=labels))
    bears = cluster.ledger.accounting.bound_of_node
    more = {(s, i): bears(s, room)[i] + 1 for s, i in before}  # a bound is rounded once
    assert within(before, cluster.headroom_beside_waiting())
    assert within(cluster.headroom_beside_waiting(), before, more)

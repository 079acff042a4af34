"""Foresight: with everything else still, what is said to fit is what the pod webhook lets in, pod by pod."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.accounts import node
from tests.support.workloads import MI, Json, Pods, account, template, workload
from webhook.core.api.workloads import Workload
from webhook.core.forecast.fit import Foresight, Obstacle, facts_of, foresee, look
from webhook.core.forecast.plan import Edit, Plan, plan
from webhook.core.ledger.ledger import Ledger
from webhook.core.pods.defaults import pod_of
from webhook.core.values.scopes import CLUSTER

BOTH = "thresholds: {memory: {requests: 100%, limits: 150%}}"
POOLS = "pools: [{name: small, nodeSelector: {pool: small}, thresholds: {memory: {requests: 50%}}}]"

sizes = st.integers(1, 9)
templates = st.builds(lambda memory, more: template(memory, memory + more), sizes, st.integers(0, 9))


def planned(kind: str, new: Workload, old: Workload | None = None) -> Plan:
    made = plan(kind, Edit(new, old))
    assert made is not None
    return made


def foreseen(of: Ledger, made: Plan, *, refused: bool = True) -> Foresight | None:
    return foresee(made, look(of, *facts_of("default", made)), refused=refused)


def living(of: Ledger, made_of: Json, count: int, name: str = "old") -> Pods:
    pods = Pods(of, pod_of(workload(of=made_of).spec.template), name)
    pods.come(count)
    return pods


@given(templates, st.integers(0, 60), st.integers(0, 8), st.integers(1, 12))
def test_of_a_growth_exactly_so_many_are_let_in(made_of: Json, room: int, before: int, wanted: int) -> None:
    of = account(room, BOTH)
    pods = living(of, made_of, before)
    assume(wanted > pods.alive and wanted != before)
    made = planned("Deployment", workload(wanted, made_of), workload(before, made_of, {"replicas": pods.alive}))
    found = foreseen(of, made)
    pods.come(wanted)
    assert pods.alive == (wanted if found is None else found.fit)
    assert found is None or (found.obstacle, found.of) == (Obstacle.SHORT, wanted)
    assert found is None or all(s.short_by > 0 for s in found.sums)


@given(templates, templates, st.integers(0, 80), st.integers(1, 8), st.integers(1, 8))
def test_after_a_recreation_exactly_so_many_are_let_in(old: Json, new: Json, room: int, held: int, wanted: int) -> None:
    of = account(room, BOTH)
    before = living(of, old, held)
    assume(old != new)
    edit = workload(wanted, new, strategy={"type": "Recreate"}), workload(held, old, {"replicas": before.alive})
    found = foreseen(of, planned("Deployment", *edit))
    before.go(0)
    after = living(of, new, wanted, "new")
    assert after.alive == (wanted if found is None else found.fit)


@given(templates, templates, st.integers(0, 80), st.integers(1, 8), st.integers(1, 8))
def test_a_stateful_set_comes_as_far_as_is_said(old: Json, new: Json, room: int, held: int, wanted: int) -> None:
    of = account(room, BOTH)
    before = living(of, old, held)
    assume(old != new)
    edit = workload(wanted, new), workload(held, old, {"replicas": before.alive})
    found = foreseen(of, planned("StatefulSet", *edit))
    before.go(min(before.alive, wanted))
    after = living(of, new, wanted - before.alive, "new")  # what misses comes first
    while before.alive and after.alive + before.alive == wanted:
        before.go(before.alive - 1)
        after.come(after.alive + 1)
    assert (after.alive == wanted) is (found is None)
    if found is not None and found.obstacle is Obstacle.STALL:
        assert after.alive == found.fit


def roll(old: Pods, new: Pods, wanted: int, surge: int, unavailable: int) -> int:
    """Do what the Deployment controller does until nothing moves; return how many of the first surge were refused."""
    old_size, new_size, missed = max(wanted, 0), 0, -1
    while True:
        was = (old_size, new_size, old.alive, new.alive)
        old.come(old_size)
        new_size += min(max(0, wanted + surge - old_size - new_size), wanted - new_size)
        new.come(new_size)
        missed = new_size - new.alive if missed < 0 else missed
        may_go = old_size + new_size - (wanted - unavailable) - (new_size - new.alive)
        if may_go > 0:
            old_size -= min(may_go, old_size - min(old.alive, old_size))  # unhealthy ones first
            old_size -= min(max(0, old.alive + new.alive - (wanted - unavailable)), old_size)
            old.go(old_size)
        if was == (old_size, new_size, old.alive, new.alive):
            return missed


counts = st.integers(1, 8)
fenceposts = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)


@settings(max_examples=300)
@given(templates, templates, st.integers(0, 80), counts, counts, fenceposts)
def test_a_rolling_update_gets_as_far_as_is_said(
    old: Json, new: Json, room: int, held: int, wanted: int, fences: tuple[int, int]
) -> None:
    of, (surge, unavailable) = account(room, BOTH), fences
    before = living(of, old, held)
    assume(old != new)
    strategy = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    edit = workload(wanted, new, strategy=strategy), workload(held, old, {"replicas": before.alive})
    found = foreseen(of, planned("Deployment", *edit))
    before.go(min(before.alive, wanted))
    after = Pods(of, pod_of(edit[0].spec.template), "new")
    missed = roll(before, after, wanted, surge, min(unavailable, wanted))
    obstacle = found.obstacle if found else None
    assert (after.alive == wanted) is (obstacle in {None, Obstacle.SURGE})
    if found is None:
        assert missed == 0
    elif obstacle is Obstacle.SURGE:
        assert missed == found.of - found.fit
    elif obstacle is Obstacle.STALL:
        assert after.alive == found.fit
        assert bool(found.advice) is (unavailable == 0 and _rolls(of, before, after, edit[0]))


def _rolls(of: Ledger, before: Pods, after: Pods, new: Workload) -> bool:
    """Say whether the update that stalled goes through with `maxSurge: 0, maxUnavailable: 1`."""
    roll(before, after, new.spec.replicas, 0, 1)
    return after.alive == new.spec.replicas


def test_where_pods_are_let_in_all_the_same_no_update_stalls() -> None:
    of = account(3 * 512)
    living(of, template(), 3)
    edit = workload(3, template(image="b")), workload(3, status={"replicas": 3})
    stalled, told = (foreseen(of, planned("Deployment", *edit), refused=refused) for refused in (True, False))
    assert (stalled and stalled.obstacle, told and told.obstacle) == (Obstacle.STALL, Obstacle.SURGE)


def test_what_misses_of_the_old_pods_comes_before_the_new_ones() -> None:
    of = account(6)
    living(of, template(1), 4)
    new = workload(6, template(1, image="b"), strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    found = foreseen(of, planned("Deployment", new, workload(4, template(1), {"replicas": 4})))
    assert found is not None
    assert (found.obstacle, found.fit, found.advice) == (Obstacle.STALL, 0, "maxSurge: 0, maxUnavailable: 1")


def test_a_pool_is_in_the_way_before_the_cluster_is_and_only_for_its_own_pods() -> None:
    of = account(8, POOLS)
    of.relist_nodes([node("a", 8 / 1024), node("b", 8 / 1024, pool="small")], 0.0)
    there = template(1, nodeSelector={"pool": "small"})
    found = foreseen(of, planned("Deployment", workload(20, there)))
    assert found is not None
    assert [(s.scope, s.bound // MI) for s in found.sums] == [("small", 4), (CLUSTER, 16)]
    assert (found.fit, found.each) == (4, MI)
    assert foreseen(of, planned("Deployment", workload(16, template(1)))) is None


def test_old_pods_give_nothing_back_to_a_pool_that_they_were_not_confined_to() -> None:
    of = account(8, POOLS)
    of.relist_nodes([node("a", 0), node("b", 8 / 1024, pool="small")], 0.0)
    living(of, template(1), 2)
    recreated = workload(5, template(1, nodeSelector={"pool": "small"}), strategy={"type": "Recreate"})
    found = foreseen(of, planned("Deployment", recreated, workload(2, template(1), {"replicas": 2})))
    assert found is not None
    assert [(s.scope, s.asked // MI) for s in found.sums] == [("small", 5)]


@pytest.mark.parametrize(("room", "grows"), [(1, False), (3, True)])
def test_a_plan_that_raises_nothing_is_told_of_but_does_not_grow(room: int, grows: bool) -> None:
    of = account(4)
    living(of, template(1), 4)
    of.relist_nodes([node("a", room / 1024)], 1.0)
    size = 2 if grows else 1
    found = foreseen(
        of,
        planned(
            "Deployment",
            workload(4, template(size, image="b"), strategy={"type": "Recreate"}),
            workload(4, template(1), {"replicas": 4}),
        ),
    )
    assert found is not None
    assert found.grows is grows


def test_a_billion_replicas_cost_no_more_than_three() -> None:
    of = account(1 << 40)
    found = foreseen(of, planned("Deployment", workload(2_000_000_000, template(1024))))
    assert found is not None
    assert found.fit == 1 << 30


def test_nothing_is_in_the_way_of_pods_that_ask_for_nothing() -> None:
    assert foreseen(account(0), planned("Deployment", workload(5, {"spec": {"containers": [{"name": "a"}]}}))) is None

"""Foresight: with everything else still, what is said to fit is what the pod webhook lets in, pod by pod."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.accounts import node
from tests.support.examples import examples
from tests.support.workloads import MI, Json, Pods, ledger_of, template, workload
from webhook.core.api.workloads import Workload
from webhook.core.forecast.fit import Foresight, Obstacle, foresee, infos_of, look
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
    return foresee(made, look(of, *infos_of("default", made)), refused=refused)


def living(of: Ledger, made_of: Json, count: int, name: str = "old") -> Pods:
    pods = Pods(of, pod_of(workload(of=made_of).spec.template), name)
    pods.come(count)
    return pods


@given(templates, st.integers(0, 60), st.integers(0, 8), st.integers(1, 12))
def test_of_a_growth_exactly_so_many_are_let_in(made_of: Json, room: int, before: int, wanted: int) -> None:
    of = ledger_of(room, BOTH)
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
    of = ledger_of(room, BOTH)
    before = living(of, old, held)
    assume(old != new)
    edit = workload(wanted, new, strategy={"type": "Recreate"}), workload(held, old, {"replicas": before.alive})
    found = foreseen(of, planned("Deployment", *edit))
    before.go(0)
    after = living(of, new, wanted, "new")
    assert after.alive == (wanted if found is None else found.fit)


def came_about(found: Foresight, before: int, wanted: int, old: Pods, new: Pods) -> None:
    """What was said of an update is where it ended: so many are new, and so many that ran and are wanted are gone."""
    assert (found.fit, found.of) == (new.alive, wanted)
    assert found.lost == max(0, min(before, wanted) - old.alive - new.alive)


@given(templates, templates, st.integers(0, 80), st.integers(1, 8), st.integers(1, 8), st.integers(1, 4))
def test_a_stateful_set_comes_as_far_as_is_said(
    old: Json, new: Json, room: int, held: int, wanted: int, unavailable: int
) -> None:
    of = ledger_of(room, BOTH)
    before = living(of, old, held)
    assume(old != new)
    edit = (
        workload(wanted, new, updateStrategy={"rollingUpdate": {"maxUnavailable": unavailable}}),
        workload(held, old, {"replicas": before.alive}),
    )
    found, alive = foreseen(of, planned("StatefulSet", *edit)), before.alive
    after = Pods(of, pod_of(edit[0].spec.template), "new")
    replace_in_place(before, after, wanted, unavailable)
    if found is not None:
        came_about(found, alive, wanted, before, after)
    elif unavailable == 1:
        assert after.alive == wanted


def replace_in_place(old: Pods, new: Pods, wanted: int, unavailable: int) -> None:
    """Do what the StatefulSet controller does: missing pods first, then so many at one time, none after a refusal."""
    new.come(max(0, wanted - old.alive))
    if old.alive + new.alive < wanted:
        return
    old.go(min(old.alive, wanted))
    while old.alive and old.alive + new.alive == wanted:
        old.go(max(0, old.alive - unavailable))
        new.come(wanted - old.alive)


def roll(old: Pods, new: Pods, wanted: int, surge: int, unavailable: int, turns: Callable[[], Sequence[int]]) -> int:
    """Do what the controllers of a Deployment do, each when its turn comes, until nothing moves.

    Returns the most pods that there were. `turns` gives a round, in which each has a turn: 0 and 1 are those of the old
    and new ReplicaSet, each for one pod.
    """
    sizes = [wanted, 0]  # what the Deployment asks of the old ReplicaSet, and of the new one
    most, was = old.alive, tuple[int, ...]()
    while was != (was := (*sizes, old.alive, new.alive)):
        for turn in turns():
            match turn:
                case 0:
                    old.come(min(sizes[0], old.alive + 1))
                case 1:
                    new.come(min(sizes[1], new.alive + 1))
                case 2:
                    sizes[1] += min(max(0, wanted + surge - sum(sizes)), wanted - sizes[1])
                case _:
                    _scale_down(old, new, sizes, wanted - min(unavailable, wanted))
            most = max(most, old.alive + new.alive)
    return most


def _scale_down(old: Pods, new: Pods, sizes: list[int], least: int) -> None:
    """`reconcileOldReplicaSets`: old pods that are not there go first."""
    may_go = sum(sizes) - least - (sizes[1] - new.alive)
    if may_go > 0:
        sizes[0] -= min(may_go, sizes[0] - min(old.alive, sizes[0]))
        sizes[0] -= min(max(0, old.alive + new.alive - least), sizes[0])
        old.go(sizes[0])


counts = st.integers(1, 8)
fenceposts = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)


@settings(max_examples=examples(200))
@given(templates, templates, st.integers(0, 80), counts, counts, fenceposts, st.integers(0, 40), st.randoms())
def test_a_rolling_update_ends_as_is_said_whichever_controller_is_quicker(
    old: Json,
    new: Json,
    room: int,
    held: int,
    wanted: int,
    fences: tuple[int, int],
    over: int,
    chance: random.Random,
) -> None:
    of, (surge, unavailable) = ledger_of(room, BOTH), fences
    before = living(of, old, held)
    assume(old != new)
    of.relist_nodes([node("a", max(0, room - over) / 1024)], 1.0)
    strategy = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    edit = workload(wanted, new, strategy=strategy), workload(held, old, {"replicas": before.alive})
    found, alive = foreseen(of, planned("Deployment", *edit)), before.alive
    before.go(min(before.alive, wanted))
    after = Pods(of, pod_of(edit[0].spec.template), "new")
    most = roll(before, after, wanted, surge, unavailable, lambda: chance.sample((0, 0, 1, 1, 2, 3), 6))
    if found is None:
        return
    if found.obstacle is Obstacle.SURGE:
        assert after.alive == wanted
        assert most < max(alive, wanted) + found.of
        return
    came_about(found, alive, wanted, before, after)
    if found.advice:
        more = int(found.advice.rpartition("maxUnavailable: ")[2]) if "maxUnavailable" in found.advice else 1
        roll(before, after, wanted, 0, max(more, unavailable), lambda: chance.sample((0, 0, 1, 1, 2, 3), 6))
        assert after.alive == found.reach


@given(templates, templates, st.integers(0, 80), counts, fenceposts)
def test_of_a_settled_deployment_whatever_is_in_the_way_is_said(
    old: Json, new: Json, room: int, held: int, fences: tuple[int, int]
) -> None:
    of, (surge, unavailable) = ledger_of(room, BOTH), fences
    before = living(of, old, held)
    assume(old != new and before.alive == held)
    strategy = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    edit = workload(held, new, strategy=strategy), workload(held, old, {"replicas": held})
    found = foreseen(of, planned("Deployment", *edit))
    after = Pods(of, pod_of(edit[0].spec.template), "new")
    roll(before, after, held, surge, unavailable, lambda: (0, 2, 1, 3))
    assert (after.alive == held) is (found is None or found.obstacle is Obstacle.SURGE)


@given(templates, templates, st.integers(0, 80), counts, counts, st.booleans(), st.integers(1, 4))
def test_a_daemon_set_ends_as_is_said(
    old: Json, new: Json, room: int, nodes: int, held: int, surging: bool, most: int
) -> None:
    of = ledger_of(room, BOTH)
    before = living(of, old, min(held, nodes))
    assume(old != new and not (surging and before.alive < nodes))
    asked = {"maxSurge": most, "maxUnavailable": 0} if surging else {"maxUnavailable": most}
    status = {"replicas": 0, "currentNumberScheduled": before.alive, "desiredNumberScheduled": nodes}
    edit = (
        workload(1, new, updateStrategy={"rollingUpdate": asked}),
        workload(1, old, {**status, "updatedNumberScheduled": before.alive}),
    )
    made = plan("DaemonSet", Edit(*edit, tuple(node(f"n{number}") for number in range(nodes))))
    assert made is not None
    assert not made.unsettled
    found, alive = foreseen(of, made), before.alive
    after = Pods(of, pod_of(edit[0].spec.template), "new")
    while True:
        was = before.alive, after.alive
        if surging:
            after.come(min(nodes, nodes - before.alive + min(most, nodes)))
            before.go(nodes - after.alive)
        else:
            after.come(nodes - before.alive)
            if before.alive + after.alive == nodes:  # else one was refused, and nothing goes on
                before.go(max(0, before.alive - most))
                after.come(nodes - before.alive)
        if was == (before.alive, after.alive):
            break
    if found is None:
        assert after.alive == nodes or (most > 1 and not surging)
    elif found.obstacle is not Obstacle.SURGE:
        came_about(found, alive, nodes, before, after)


def test_where_pods_are_let_in_all_the_same_no_update_stalls() -> None:
    of = ledger_of(3 * 512)
    living(of, template(), 3)
    edit = workload(3, template(image="b")), workload(3, status={"replicas": 3})
    stalled, told = (foreseen(of, planned("Deployment", *edit), refused=refused) for refused in (True, False))
    assert (stalled and stalled.obstacle, told and told.obstacle) == (Obstacle.STALL, Obstacle.SURGE)


def rolled(of: Ledger, wanted: int, alive: int, replicas: int, fences: tuple[int | str, int | str]) -> Foresight | None:
    """Foresee a new image of pods of 1Mi, so many of which there are."""
    living(of, template(1), alive)
    strategy = {"rollingUpdate": {"maxSurge": fences[0], "maxUnavailable": fences[1]}}
    new = workload(wanted, template(1, image="b"), strategy=strategy)
    return foreseen(of, planned("Deployment", new, workload(replicas, template(1), {"replicas": alive})))


def test_whether_old_pods_that_miss_come_before_the_new_ones_is_not_known() -> None:
    assert rolled(ledger_of(6), 6, 4, 4, (1, 0)) is None, (
        "2 old ones may come first, and then no new one, or 2 new ones"
    )
    found = rolled(ledger_of(4), 6, 4, 4, (1, 0))
    assert found is not None
    assert (found.obstacle, found.fit, found.lost) == (Obstacle.STALL, 0, 0), "no room for either"


def test_an_update_into_a_full_bound_is_not_one_where_fewer_fit() -> None:
    found = rolled(ledger_of(23), 30, 23, 30, ("25%", "25%"))
    assert found is not None
    assert (found.obstacle, found.fit, found.of, found.lost) == (Obstacle.STALL, 0, 30, 0)
    assert (found.advice, found.reach) == ("maxSurge: 0, maxUnavailable: 8", 23)


def test_an_update_over_a_bound_takes_good_pods_away_and_brings_none() -> None:
    of = ledger_of(33)
    living(of, template(1), 33)
    of.relist_nodes([node("a", 24 / 1024)], 1.0)
    new = workload(33, template(1, image="b"))
    found = foreseen(of, planned("Deployment", new, workload(33, template(1), {"replicas": 33})))
    assert found is not None
    assert (found.obstacle, found.fit, found.of, found.lost) == (Obstacle.STALL, 0, 33, 8)
    assert (found.advice, found.reach) == ("maxSurge: 0, maxUnavailable: 10", 24)
    recreated = workload(33, template(1, image="b"), strategy={"type": "Recreate"})
    found = foreseen(of, planned("Deployment", recreated, workload(33, template(1), {"replicas": 33})))
    assert found is not None
    assert (found.obstacle, found.fit, found.of, found.lost) == (Obstacle.SHORT, 24, 33, 9)


def test_a_larger_template_stops_a_stateful_set_at_its_first_pod() -> None:
    of = ledger_of(6)
    living(of, template(1), 6)
    edit = workload(6, template(2)), workload(6, template(1), {"replicas": 6})
    found = foreseen(of, planned("StatefulSet", *edit))
    assert found is not None
    assert (found.obstacle, found.fit, found.of, found.lost, found.advice) == (Obstacle.STALL, 0, 6, 1, "")


def test_a_pool_is_in_the_way_before_the_cluster_is_and_only_for_its_own_pods() -> None:
    of = ledger_of(8, POOLS)
    of.relist_nodes([node("a", 8 / 1024), node("b", 8 / 1024, pool="small")], 0.0)
    there = template(1, nodeSelector={"pool": "small"})
    found = foreseen(of, planned("Deployment", workload(20, there)))
    assert found is not None
    assert [(s.scope, s.bound // MI) for s in found.sums] == [("small", 4), (CLUSTER, 16)]
    assert (found.fit, found.each) == (4, MI)
    assert foreseen(of, planned("Deployment", workload(16, template(1)))) is None


def test_old_pods_give_nothing_back_to_a_pool_that_they_were_not_confined_to() -> None:
    of = ledger_of(8, POOLS)
    of.relist_nodes([node("a", 0), node("b", 8 / 1024, pool="small")], 0.0)
    living(of, template(1), 2)
    recreated = workload(5, template(1, nodeSelector={"pool": "small"}), strategy={"type": "Recreate"})
    found = foreseen(of, planned("Deployment", recreated, workload(2, template(1), {"replicas": 2})))
    assert found is not None
    assert [(s.scope, s.asked // MI) for s in found.sums] == [("small", 5)]


@pytest.mark.parametrize(("room", "grows"), [(1, False), (3, True)])
def test_a_plan_that_raises_nothing_is_told_of_but_does_not_grow(room: int, grows: bool) -> None:
    of = ledger_of(4)
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
    of = ledger_of(1 << 40)
    found = foreseen(of, planned("Deployment", workload(2_000_000_000, template(1024))))
    assert found is not None
    assert found.fit == 1 << 30


def test_nothing_is_in_the_way_of_pods_that_ask_for_nothing() -> None:
    assert foreseen(ledger_of(0), planned("Deployment", workload(5, {"spec": {"containers": [{"name": "a"}]}}))) is None

"""Presence: an early answer goes by the pods that the account has, and they must be those that a status speaks of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.support.accounts import node
from tests.support.workloads import Json, ledger_of, template, workload
from webhook.core.forecast.plan import Edit, Plan, plan
from webhook.core.forecast.presence import Names, doubt, doubt_of, own
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.ledger import Ledger
from webhook.core.pods.defaults import pod_of

WEB = ("web-5d4f6b-bcdfg", "web-5d4f6b-2456z")


def info(name: str, made_of: Json | None = None, **changes: Any) -> PodInfo:
    made = pod_info(pod_of(workload(of=made_of or template()).spec.template), f"shop/{name}", f"uid-{name}")
    return structs.replace(made, **changes)


def holding(*pods: PodInfo, settings: str = "") -> Ledger:
    of = ledger_of(1 << 20, settings)
    for pod in pods:
        of.see(pod)
    return of


def doubted(
    of: Ledger,
    kind: str = "Deployment",
    exist: int = 2,
    made: Plan | None = None,
    before: tuple[list[str], int] | None = None,
) -> str:
    found = made or plan("Deployment", Edit(workload(9), workload(2, status={"replicas": 2})))
    assert found is not None
    found = found._replace(exist=exist)
    new = info("", template(image="b"))
    names, mark = before or of.names()
    known = Names(own(kind, "shop/web", names), mark)
    return doubt(of, kind=kind, name="shop/web", known=known, plan=found, new=new, old=info(""))


def rolled() -> Plan:
    found = plan("Deployment", Edit(workload(2, template(image="b")), workload(2, status={"replicas": 2})))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "its", "others"),
    [
        (
            "Deployment",
            WEB,
            ("web-bcdfg", "web-canary-5d4f6b-bcdfg", "web-x-5d4f6b-bcdfg", "web-0", "webs-5d4f6b-bcdfg"),
        ),
        ("ReplicaSet", ("web-bcdfg", "web-2456z"), ("web-5d4f6b-bcdfg", "web-0", "web-canary")),
        ("DaemonSet", ("web-bcdfg", "web-2456z"), ("web-5d4f6b-bcdfg", "web-abcde", "web-bcdfgh")),
        ("StatefulSet", ("web-0", "web-11"), ("web-db-0", "web-x", "web-bcdfg", "web")),
        ("Job", ("web-bcdfg", "web-7-2456z"), ("web-x-2456z", "web-5d4f6b-bcdfg", "web-0")),
    ],
)
def test_pods_are_known_by_the_names_that_their_controller_gives(
    kind: str, its: tuple[str, ...], others: tuple[str, ...]
) -> None:
    of = holding(*map(info, (*its, *others)))
    of.see(structs.replace(info(its[0]), name=f"other/{its[0]}"))
    assert not doubted(of, kind)
    assert doubted(of, kind, 1)
    assert doubted(of, kind, 3)


def test_pods_on_their_way_out_or_in_are_in_doubt() -> None:
    assert not doubted(holding(*map(info, WEB)))
    assert doubted(holding(info(WEB[0]), info(WEB[1], deleting=True)))
    assert not doubted(holding(*map(info, WEB), info("web-canary-5d4f6b-bcdfg", deleting=True)))
    coming = holding(*map(info, WEB))
    coming.grant(info("web-5d4f6b-99999"), 0.0)
    assert doubted(coming)
    coming.see(info("web-5d4f6b-99999", revision=7))
    assert not doubted(coming, exist=3)


@given(st.lists(st.tuples(st.sampled_from(("see", "end", "go", "change")), st.integers(0, 7))), st.integers(0, 20))
def test_what_came_and_went_since_the_names_were_looked_through_is_taken_in(
    events: list[tuple[str, int]], after: int
) -> None:
    of = holding(info("other"), *map(info, WEB))
    alive, before = {*WEB}, of.names()
    for number, (event, which) in enumerate(events):
        if number == after:
            before = of.names()
        name = f"web-5d4f6b-bcd{'fghjkmnp'[which]}5"
        last = info(name, template(number + 1), revision=number + 1, counts=event != "end")
        of.gone(last) if event == "go" else of.see(last)
        alive = alive | {name} if event in {"see", "change"} else alive - {name}
    assert not doubted(of, exist=len(alive), before=before)
    assert doubted(of, exist=len(alive) + 1, before=before)


def test_pods_that_have_ended_are_not_there() -> None:
    assert not doubted(holding(info(WEB[0]), info(WEB[1], counts=False)), exist=1)


def test_what_goes_must_be_charged_what_its_template_says_and_what_stays_need_not() -> None:
    resized = holding(info(WEB[0]), info(WEB[1], template(256)))
    assert doubted(resized, made=rolled())
    assert not doubted(resized)
    assert not doubted(holding(*map(info, WEB)), made=rolled())


def test_pods_on_a_node_that_does_not_count_give_nothing_back() -> None:
    of = holding(*(info(name, node="b") for name in WEB))
    of.relist_nodes([node("a", 1), node("b", 1)], 1.0)
    assert not doubted(of, made=rolled())
    of.relist_nodes([node("a", 1), node("b", 1, cordoned=True)], 2.0)
    assert doubted(of, made=rolled())


def test_only_where_new_pods_would_count_do_old_ones_have_to() -> None:
    pools = "pools: [{name: small, nodeSelector: {pool: small}, thresholds: {memory: {requests: 50%}}}]"
    of = holding(*(info(name, node="b") for name in WEB), settings=pools)
    of.relist_nodes([node("a", 1), node("b", 1, pool="small")], 1.0)
    assert not doubted(of, made=rolled()), "confined to no pool, they count in the cluster's sums alone"


def test_what_is_adopted_must_be_there_and_be_what_the_template_makes() -> None:
    def adopted(of: Ledger, *pods: str) -> str:
        return doubt_of(of, namespace="shop", pods=pods, new=info(""), old=info(""))

    assert not adopted(holding(info("a"), info("b")), "a", "b")
    assert adopted(holding(info("a")), "a", "b")
    assert adopted(holding(info("a"), info("b", template(256))), "a", "b")
    assert adopted(holding(info("a"), info("b", deleting=True)), "a", "b")
    assert not adopted(holding(info("a"), info("c", deleting=True)), "a")

"""Confinement: a pod is in a pool's account if every way to place it leads there for sure."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.accounts import GI, HIGH_MEM, committed, ledger, node, pod
from webhook.core.api.types import Pod, PodSpec, reader
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.recount import recount
from webhook.core.pods.confinement import (
    _MOST_KNOWN,
    _MOST_WAYS,
    MOST_PIECES,
    NAME,
    NO_NODE,
    Need,
    Way,
    Ways,
    _known,
    admits,
    implied_pool,
    pieces,
    ways,
    weight,
)

Json = dict[str, Any]
Term = Json

POOLS = [("both", {"a": "x", "b": "y"}), ("first", {"a": "x"}), ("zone", {"zone": "eu-1"})]
NODES = {"n1": "first", "n2": "first", "n3": "zone", "n4": None}

read_pod = reader(Pod)


def label(key: str, operator: str, *values: str) -> Json:
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def labels(*requirements: Json) -> Term:
    return {"matchExpressions": list(requirements)}


def at(*names: str, operator: str = "In") -> Term:
    return {"matchFields": [label("metadata.name", operator, name) for name in names]}


def spec(*terms: Term, selector: dict[str, str] | None = None) -> PodSpec:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    whole: Json = {"affinity": {"nodeAffinity": required}, "nodeSelector": selector}
    return read_pod(json.dumps({"spec": whole}).encode()).spec


def pool(confined_to: Ways) -> str | None:
    def of_labels(have: Any) -> str | None:
        return next((name for name, wanted in POOLS if wanted.items() <= have.items()), None)

    return implied_pool(confined_to, of_labels, NODES.get)


ONE = label("a", "In", "x")


@pytest.mark.parametrize(
    ("terms", "leads_to"),
    [
        ([labels(ONE)], "first"),
        ([labels(label("a", "In", "x", "x"))], "first"),
        ([labels(ONE, label("b", "In", "y"))], "both"),
        ([labels(ONE, label("b", "Exists"), label("c", "NotIn", "z"), label("d", "Gt", "4"))], "first"),
        ([labels(label("a", "In", "x", "other"))], None),
        ([labels(label("a", "Exists"))], None),
        ([labels(label("a", "NotIn", "other"))], None),
        ([labels(label("a", "DoesNotExist"))], None),
        ([labels(label("n", "Gt", "1"), label("n", "Lt", "3"))], None),
        # Terms are alternatives: every one of them must lead to the same pool.
        ([labels(ONE), labels(ONE, label("c", "Exists"))], "first"),
        ([labels(ONE), labels(label("zone", "In", "eu-1"))], None),
        ([labels(ONE), labels(label("zone", "Exists"))], None),
        ([labels(ONE), labels(ONE, label("b", "In", "y"))], None),
        # A term that requires nothing selects no node, and adds no way.
        ([labels(ONE), {}], "first"),
        ([labels(ONE), labels()], "first"),
        ([{}], None),
        # Nodes by name, as the DaemonSet controller writes.
        ([at("n1")], "first"),
        ([at("n3")], "zone"),
        ([at("n4")], None),
        ([at("unknown")], None),
        ([at("n1", operator="NotIn")], None),
        ([at("n1"), at("n2")], "first"),
        ([at("n1"), at("n3")], None),
        ([at("n1"), at("unknown")], None),
        ([at("n1"), labels(ONE)], "first"),
        ([labels(ONE) | at("n3")], "zone"),
        ([labels(ONE) | at("unknown")], "first"),
        ([{"matchFields": [label("metadata.namespace", "In", "n1")]}], None),
    ],
)
def test_required_affinity_implies_a_pool_as_far_as_it_is_sure(terms: Sequence[Term], leads_to: str | None) -> None:
    assert pool(ways(spec(*terms))) == leads_to


@pytest.mark.parametrize(
    ("selector", "terms", "leads_to"),
    [
        ({"a": "x"}, [labels(label("zone", "Exists"))], "first"),
        ({"a": "x"}, [labels(label("c", "Exists")), labels(label("d", "Exists"))], "first"),
        ({"a": "x"}, [labels(label("b", "In", "y"))], "both"),
        ({"a": "x"}, [labels(label("b", "In", "y")), labels(label("c", "Exists"))], None),
        ({"c": "z"}, [labels(ONE)], "first"),
    ],
)
def test_the_node_selector_holds_beside_every_term(
    selector: dict[str, str], terms: Sequence[Term], leads_to: str | None
) -> None:
    assert pool(ways(spec(*terms, selector=selector))) == leads_to


@pytest.mark.parametrize(
    "affinity",
    [
        None,
        {},
        {"nodeAffinity": None},
        {"nodeAffinity": {}},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": None}},
        {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}},
        {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": labels(ONE)}]
            }
        },
    ],
)
def test_what_is_not_required_of_a_node_confines_nothing(affinity: Json | None) -> None:
    found = read_pod(json.dumps({"spec": {"affinity": affinity, "nodeSelector": {"zone": "eu-1"}}}).encode())
    assert ways(found.spec) == (Way((("zone", "eu-1"),)),)
    assert ways(read_pod(json.dumps({"spec": {"affinity": affinity}}).encode()).spec) == ()


def test_what_is_required_is_kept_in_the_shape_in_which_it_is_looked_up() -> None:
    term = labels(ONE, label("b", "In", "z", "y", "z"), label("c", "Exists"), label("d", "Gt", "4"))
    names = [label("metadata.name", "In", "n1"), label("metadata.name", "NotIn", "n2")]
    assert ways(spec(term | {"matchFields": names}, selector={"e": "f"})) == (
        Way(
            (("a", "x"), ("e", "f")),
            ("n1",),
            (Need(NAME, "NotIn", ("n2",)), Need("b", "In", ("y", "z")), Need("c", "Exists"), Need("d", "Gt", ("4",))),
        ),
    )


@pytest.mark.parametrize(
    "term",
    [
        labels(ONE, label("a", "In", "y")),
        labels(label("a", "In")),
        labels(label("a", "Exists", "x")),
        labels(label("a", "Gt", "x")),
        labels(label("a", "Gt", str(2**63))),
        labels(label("a", "Lt", "1", "2")),
        labels(label("a", "NotIn", "not a label")),
        labels(label("a", "in", "x")),
        {"matchFields": [label("metadata.name", "In", "n1"), label("metadata.name", "In", "n2")]},
        {"matchFields": [label("metadata.name", "In", "n1", "n2")]},
        {"matchFields": [label("metadata.name", "Exists")]},
        {"matchFields": [label("metadata.namespace", "In", "n1")]},
        {},
    ],
)
def test_a_term_that_no_node_can_meet_opens_no_way(term: Term) -> None:
    assert ways(spec(term)) == NO_NODE
    assert not admits(NO_NODE, "", {})
    assert ways(spec(term, labels(ONE))) == (Way((("a", "x"),)),)


def test_what_is_kept_of_one_pod_is_bounded() -> None:
    most = spec(labels(label("a", "NotIn", *(f"x{number}" for number in range(MOST_PIECES - 2)))))
    assert pieces(most) == MOST_PIECES
    assert ways(most) != ()
    more = spec(labels(label("a", "NotIn", *(f"x{number}" for number in range(MOST_PIECES - 1)))))
    assert ways(more) == ()
    assert ways(PodSpec(node_selector={f"k{number}": "v" for number in range(MOST_PIECES + 1)})) == ()


def test_ways_that_are_equal_are_kept_once_and_shared_by_all_pods() -> None:
    one, other = (ways(spec(labels(ONE), labels(ONE, label("c", "Exists")))) for _ in range(2))
    assert one == (Way((("a", "x"),)), Way((("a", "x"),), (), (Need("c", "Exists"),)))
    assert one is other


def test_no_more_are_remembered_than_are_worth_it() -> None:
    for number in range(_MOST_KNOWN + 2):
        ways(PodSpec(node_selector={"kubernetes.io/hostname": f"node-{number}"}))
    assert len(_known) <= _MOST_KNOWN
    many = spec(*(labels(label("a", "In", f"x{number}")) for number in range(_MOST_WAYS + 1)))
    assert ways(many) not in _known


def test_a_bound_pod_is_confined_by_nothing_but_its_node() -> None:
    text = {"spec": {"nodeName": "n1", "nodeSelector": {"a": "x"}}}
    assert pod_info(read_pod(json.dumps(text).encode())).confined_to == ()


# -- in the ledger ---------------------------------------------------------------------------------------------------


def for_node(name: str, requests: float, on: str) -> PodInfo:
    info = pod(name, requests)
    return PodInfo(info.name, info.uid, info.revision, info.footprint, confined_to=(Way(nodes=(on,)),))


def test_a_pod_for_a_node_is_in_its_pool_from_when_the_node_is_known_and_follows_it() -> None:
    of = ledger(HIGH_MEM, node("a"))
    of.see(for_node("daemon", 2, "b"))
    assert (committed(of), committed(of, "high-mem")) == (2, 0)
    of.see_node(node("b", pool="high-mem"), 1.0)
    assert (committed(of), committed(of, "high-mem")) == (2, 2)
    of.see_node(node("b"), 2.0)
    assert committed(of, "high-mem") == 0
    of.see_node(node("b", pool="high-mem"), 3.0)
    of.see(pod("daemon", 2, "b", revision=2))
    assert (committed(of), committed(of, "high-mem")) == (2, 2)
    of.gone(pod("daemon", 2, "b", revision=3))
    assert (committed(of), committed(of, "high-mem")) == (0, 0)


def test_a_pod_for_a_node_that_is_forgotten_is_the_clusters() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(for_node("daemon", 2, "b"))
    of.node_gone("b", 1.0)
    of.tick(700.0)
    assert (committed(of), committed(of, "high-mem")) == (2, 0)


def test_nothing_is_remembered_of_pods_that_named_a_node() -> None:
    of = ledger(HIGH_MEM, node("a"))
    of.see(for_node("daemon", 2, "b"))
    of.gone(for_node("daemon", 2, "b"))
    assert not list(of._unbound.confinements())


def wanting(name: str, requests: float, *needs: Need) -> PodInfo:
    info = pod(name, requests)
    return PodInfo(info.name, info.uid, info.revision, info.footprint, confined_to=(Way(needs=needs),))


def test_a_pod_is_confined_to_the_pool_that_all_nodes_are_in_where_it_may_run_now() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(wanting("listed", 1, Need("pool", "In", ("high-mem", "nosuch"))))
    of.see(wanting("has-a-pool", 2, Need("pool", "Exists")))
    of.see(wanting("not-a", 4, Need(NAME, "NotIn", ("a",))))
    of.see(wanting("anywhere", 8, Need("pool", "NotIn", ("nosuch",))))
    of.see(pod("free", 16))
    assert (committed(of), committed(of, "high-mem")) == (31, 7)
    of.see_node(node("c", pool="nosuch"), 1.0)
    assert (committed(of), committed(of, "high-mem")) == (31, 0)
    of.node_gone("c", 2.0)
    assert (committed(of), committed(of, "high-mem")) == (31, 7)
    of.node_gone("a", 3.0)
    assert (committed(of), committed(of, "high-mem")) == (31, 31)


@pytest.mark.parametrize("away", [node("a", cordoned=True), node("a", ready=False), node("a", taints=frozenset({"t"}))])
def test_a_node_that_takes_no_pods_at_present_is_a_choice_all_the_same(away: NodeInfo) -> None:
    of = ledger(HIGH_MEM, node("b", pool="high-mem"), away)
    of.see(wanting("either", 1, Need("pool", "NotIn", ("nosuch",))))
    assert committed(of, "high-mem") == 0


def test_where_no_node_is_left_those_that_are_remembered_tell_and_then_the_labels() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(wanting("listed", 1, Need("pool", "In", ("high-mem", "nosuch"))))
    of.see(pod("selects", 2, confined_to={"pool": "high-mem"}))
    of.node_gone("b", 1.0)
    assert (committed(of), committed(of, "high-mem")) == (3, 3)
    of.tick(700.0)
    assert (committed(of), committed(of, "high-mem")) == (3, 2)


def test_a_pod_follows_the_nodes_into_the_pool_that_has_them_where_pools_overlap() -> None:
    pools = (
        "pools: [{name: big, nodeSelector: {size: big}}, {name: east, nodeSelector: {zone: east}, "
        "thresholds: {memory: {requests: 100%}}}]"
    )
    big = NodeInfo("b", Allocatable(8, 1), ready=True, labels=(("size", "big"), ("zone", "east")))
    of = ledger(pools, big)
    of.see(pod("p", 1, confined_to={"zone": "east"}))
    assert (committed(of, "big"), committed(of, "east")) == (1, 0)
    of.see_node(NodeInfo("e", Allocatable(8, 1), ready=True, labels=(("zone", "east"),)), 1.0)
    assert (committed(of, "big"), committed(of, "east")) == (0, 1)


def test_a_grant_beside_what_lives_follows_where_that_is_charged() -> None:
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(wanting("listed", 2, Need("pool", "In", ("high-mem", "nosuch"))))
    of.grant(pod("listed", 3, uid="new", confined_to={"pool": "high-mem"}), 1.0)
    assert of.reservations.unseen("high-mem").memory_requests == GI
    of.see_node(node("c", pool="nosuch"), 2.0)
    assert of.reservations.unseen("high-mem").memory_requests == 3 * GI
    assert recount(of.parts(2.0)) == ()


def test_a_node_whose_labels_change_is_a_choice_from_then_on_or_no_longer() -> None:
    def rack(name: str, number: str, *more: tuple[str, str]) -> NodeInfo:
        return NodeInfo(name, Allocatable(8, 1), ready=True, labels=(*more, ("rack", number)))

    of = ledger(HIGH_MEM, rack("b", "1", ("pool", "high-mem")), rack("c", "1"))
    of.see(pod("p", 1, confined_to={"rack": "1"}))
    assert committed(of, "high-mem") == 0
    of.see_node(rack("c", "2"), 1.0)
    assert committed(of, "high-mem") == 1
    of.see_node(rack("c", "1"), 2.0)
    assert committed(of, "high-mem") == 0


def test_what_is_kept_for_all_is_small_whatever_is_asked_for() -> None:
    _known.clear()
    large = PodSpec(node_selector={"k" * 300: "v" * 4000})
    assert ways(large) == ways(large)
    assert not _known
    for number in range(3):
        ways(PodSpec(node_selector={"pool": str(number)}))
    assert len(_known) == 3
    assert weight(ways(large)) > 4000
    assert weight(()) == 0


def test_a_pod_that_names_a_node_follows_it_also_where_its_labels_do_not_admit_it() -> None:
    of = ledger(HIGH_MEM, node("a"))
    way = Way((("zone", "elsewhere"),), ("b",))
    of.see(PodInfo("ns/p", "u", 1, pod("p", 1).footprint, confined_to=(way,)))
    of.see_node(node("b", pool="high-mem"), 1.0)
    assert committed(of, "high-mem") == 1
    assert recount(of.parts(1.0)) == ()

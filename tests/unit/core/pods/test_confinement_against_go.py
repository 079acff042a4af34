"""Where a pod may run is what Kubernetes' own code says; the pool that follows is what a look at each node finds."""

import json
from random import Random
from typing import Any

import pytest

from tests.support.kubernetes_footprint import kubernetes_admits
from webhook.core.api.types import Pod, reader
from webhook.core.ledger.placement import Placement
from webhook.core.pods.confinement import NO_NODE, Ways, admits, ways

Json = dict[str, Any]

BATCH = 6_000
KEYS = ("zone", "pool", "big.example.com/size", "metadata.name")
VALUES = ("a", "b", "c", "", "5", "05", "7", "-3", "9223372036854775807", "9223372036854775808", "1_0", " 5", "x y")
NAMES = ("n1", "n2", "n3", "stranger")
OPERATORS = ("In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Near")

read_pod = reader(Pod)


def labels(random: Random) -> Json:
    sound = [value for value in VALUES if value not in {"-3", " 5", "x y"}]
    return {key: random.choice(sound) for key in KEYS if random.random() < 0.6}


def requirement(random: Random) -> Json:
    operator = random.choice(OPERATORS)
    usual = {"Exists": 0, "DoesNotExist": 0, "Gt": 1, "Lt": 1}.get(operator, random.choice((1, 1, 2, 3)))
    number = usual if random.random() < 0.95 else random.randrange(3)
    return {"key": random.choice(KEYS), "operator": operator, "values": random.choices(VALUES, k=number)}


def of_field(random: Random) -> Json:
    operator = random.choice(("In", "In", "NotIn", "NotIn", "Exists"))
    values = random.choices(NAMES, k=1 if random.random() < 0.9 else 2)
    key = "metadata.name" if random.random() < 0.95 else "spec.unschedulable"
    return {"key": key, "operator": operator, "values": values}


def term(random: Random) -> Json:
    return {
        "matchExpressions": [requirement(random) for _ in range(random.choice((0, 1, 1, 2, 3)))],
        "matchFields": [of_field(random) for _ in range(random.choice((0, 0, 0, 1, 2)))],
    }


def pod(random: Random) -> Json:
    spec: Json = {}
    if random.random() < 0.4:
        spec["nodeSelector"] = {random.choice(KEYS): random.choice(VALUES[:7]) for _ in range(random.choice((1, 2)))}
    if random.random() < 0.8:
        required = {"nodeSelectorTerms": [term(random) for _ in range(random.choice((0, 1, 1, 2, 3)))]}
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    return {"spec": spec}


def case(random: Random) -> Json:
    nodes = [{"metadata": {"name": name, "labels": labels(random)}} for name in NAMES[:3]]
    return {"pod": pod(random), "nodes": nodes}


def confinement(asked: Json) -> Ways:
    return ways(read_pod(json.dumps(asked["pod"]).encode()).spec)


def labels_by_node(asked: Json) -> list[tuple[str, Json]]:
    return [(node["metadata"]["name"], node["metadata"]["labels"]) for node in asked["nodes"]]


@pytest.mark.long
def test_no_difference_over_many_random_pods_and_nodes() -> None:
    random = Random(20)  # noqa: S311 - for tests
    batch = [case(random) for _ in range(BATCH)]
    said = kubernetes_admits(batch)
    assert len(said) == BATCH
    for asked, go in zip(batch, said, strict=True):
        assert [admits(confinement(asked), *node) for node in labels_by_node(asked)] == go, json.dumps(asked)
    found = [any(each) for each in said]
    assert BATCH / 5 < sum(found) < BATCH * 4 / 5, "both answers must be frequent, or this proves little"
    assert any(confinement(asked) == NO_NODE for asked in batch)


@pytest.mark.long
def test_the_pool_is_the_one_that_all_nodes_are_in_that_kubernetes_admits() -> None:
    """Nodes come, change and go in any order; every confinement is looked up after each change."""
    random = Random(21)  # noqa: S311 - for tests
    batch = [case(random) for _ in range(BATCH)]
    placement = Placement(lambda _: None)
    known: dict[str, tuple[Json, str | None, bool]] = {}
    decided = 0
    for asked in batch:
        name, of_node = random.choice(NAMES), labels(random)
        if random.random() < 0.3:
            placement.drop(name)
            known.pop(name, None)
        else:
            known[name] = of_node, random.choice((None, "p", "q")), random.random() < 0.8
            of_name, pool, exists = known[name]
            placement.put(name, tuple(sorted(of_name.items())), pool, exists=exists)
        confined_to = confinement(asked)
        admitted = [known[each] for each in known if admits(confined_to, each, known[each][0])]
        pools = {pool for _, pool, exists in admitted if exists} or {pool for _, pool, _ in admitted}
        expected = pools.pop() if len(pools) == 1 else None
        if not any(way.nodes for way in confined_to):  # else the name alone may imply a pool
            assert placement.pool_of(confined_to) == expected, json.dumps(asked)
            decided += expected is not None
    assert decided > BATCH / 100

"""Workloads as they are read: whose they are, how far their controller has looked, and what is about to come."""

import json
from typing import Any

import pytest

from webhook.core.api.workloads import Workload, read_workload

READY = {"type": "Available", "status": "True"}
FAILED = {"type": "ReplicaFailure", "status": "True"}


def workload(metadata: dict[str, Any], **status: Any) -> Workload:
    return read_workload(json.dumps({"metadata": metadata, "status": status}).encode())


def owners(*controllers: bool) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": "X", "name": "x", "uid": "1", "controller": is_it} for is_it in controllers]}


@pytest.mark.parametrize(
    ("metadata", "owned"),
    [
        ({}, False),
        (owners(False), False),
        (owners(True), True),
        (owners(False, True), True),
        (owners(True, False), True),
    ],
)
def test_a_workload_is_owned_if_any_owner_is_its_controller(metadata: dict[str, Any], owned: bool) -> None:
    assert workload(metadata).owned is owned


@pytest.mark.parametrize(("generation", "updated"), [(4, 2), (5, 2), (6, 0)])
def test_of_an_edit_that_nobody_has_looked_at_no_pod_is_known(generation: int, updated: int) -> None:
    seen = workload({"generation": generation}, observedGeneration=5, replicas=3, updatedReplicas=2)
    assert (seen.outdated, seen.updated) == (generation == 6, updated)


def test_a_workload_that_no_controller_has_looked_at_yet_is_outdated() -> None:
    assert workload({"generation": 1}).outdated


def test_no_more_pods_are_up_to_date_than_there_are() -> None:
    assert workload({}, replicas=1, updatedReplicas=2).updated == 1


@pytest.mark.parametrize(
    ("there", "conditions", "coming"),
    [
        (2, [], True),
        (3, [], False),
        (2, [READY], True),
        (2, [READY, FAILED], False),
        (2, [FAILED | {"status": "False"}], True),
    ],
)
def test_pods_are_coming_while_some_miss_and_none_was_refused(
    there: int, conditions: list[dict[str, str]], coming: bool
) -> None:
    body = {"spec": {"replicas": 3}, "status": {"replicas": there, "conditions": conditions}}
    assert read_workload(json.dumps(body).encode()).coming is coming

"""The rule of 1.37 and later: the sums of what is asked for, allocated and in force; the largest sum counts."""

from typing import Any

import pytest

from tests.support.sample_pods import many
from webhook.core.api.types import Pod, convert
from webhook.core.pods import by_sum as module
from webhook.core.pods.by_sum import by_sum
from webhook.core.pods.rules import KUBERNETES_1_37, KUBERNETES_1_38, RuleSet
from webhook.core.pods.shape import shape_of
from webhook.core.pods.terms import Commitment
from webhook.core.values.quantity import NANO, QuantityError

Json = dict[str, Any]
INFEASIBLE = [{"type": "PodResizePending", "reason": "Infeasible"}]


def of(
    spec: Json, status: Json | None = None, rule_set: RuleSet = KUBERNETES_1_37, resource: str = "memory"
) -> Commitment:
    pod = convert({"spec": spec, "status": status or {}}, Pod)
    return by_sum(shape_of(pod, rule_set), resource, rule_set)


def figures(found: Commitment) -> tuple[int, int, int, bool]:
    """Requests, limits and filled limits in bytes, and whether the pod is unbounded."""
    sums = (found.requests.total, found.limits.total, found.filled.total)
    assert not any(each % NANO for each in sums)
    requests, limits, filled = (each // NANO for each in sums)
    return requests, limits, filled, found.is_unbounded


def container(name: str = "a", request: object = None, limit: object = None, **more: Any) -> Json:
    sides = {"requests": request, "limits": limit}
    resources = {side: {"memory": value} for side, value in sides.items() if value is not None}
    return {"name": name, "resources": resources, **more}


def reported(name: str = "a", in_force: object = None, allocated: object = None, limit: object = None) -> Json:
    found: Json = {"name": name, "resources": {}}
    if in_force is not None:
        found["resources"]["requests"] = {"memory": in_force}
    if limit is not None:
        found["resources"]["limits"] = {"memory": limit}
    return found if allocated is None else {**found, "allocatedResources": {"memory": allocated}}


@pytest.mark.parametrize("rule_set", [KUBERNETES_1_37, KUBERNETES_1_38], ids=lambda each: each.version)
@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([container(request=3, limit=5)], (3, 5, 5, False)),
        ([container(request=3)], (3, 0, 3, True)),
        ([container(request=3, limit=0)], (3, 0, 3, True)),
        ([], (0, 0, 0, False)),
    ],
)
def test_what_is_asked_for_is_summed_up(
    containers: list[Json], expected: tuple[int, int, int, bool], rule_set: RuleSet
) -> None:
    assert figures(of({"containers": containers}, rule_set=rule_set)) == expected


def test_since_1_38_the_limits_count_only_if_every_container_has_one() -> None:
    spec: Json = {"containers": [container(request=3, limit=5), container("b", request=2)]}
    assert figures(of(spec)) == (5, 5, 7, True)
    assert figures(of(spec, rule_set=KUBERNETES_1_38)) == (5, 0, 7, True)
    once = {"containers": [container(request=3, limit=5)], "initContainers": [container("i", request=2)]}
    assert figures(of(once)) == (3, 5, 5, False)
    assert figures(of(once, rule_set=KUBERNETES_1_38)) == (3, 0, 5, False)


def test_the_largest_sum_counts_and_not_the_sum_of_the_largest() -> None:
    spec = {"containers": [container(request=3), container("b", request=5)]}
    statuses = [reported(in_force=6, allocated=6), reported("b", in_force=1, allocated=1)]
    assert figures(of(spec, {"containerStatuses": statuses}))[0] == 8
    statuses = [reported(in_force=6, allocated=4), reported("b", in_force=1, allocated=5)]
    assert figures(of(spec, {"containerStatuses": statuses}))[0] == 9


@pytest.mark.parametrize(
    ("status", "requests"),
    [
        (reported(in_force=4, allocated=1), 4),
        (reported(in_force=1, allocated=7), 7),
        (reported(allocated=7), 7),
        ({"name": "a", "allocatedResources": {"memory": 7}}, 7),
        ({"name": "a"}, 3),
        (reported("stranger", in_force=9, allocated=9), 3),
    ],
)
def test_what_is_not_in_force_or_not_allocated_counts_as_the_one_before_it(status: Json, requests: int) -> None:
    assert figures(of({"containers": [container(request=3)]}, {"containerStatuses": [status]}))[0] == requests


def test_once_a_resize_is_infeasible_only_what_is_held_counts() -> None:
    spec = {"containers": [container(request=9, limit=9)]}
    held = {"conditions": INFEASIBLE, "containerStatuses": [reported(in_force=2, allocated=3, limit=4)]}
    assert figures(of(spec, held)) == (3, 4, 4, False)
    assert figures(of(spec, {"conditions": INFEASIBLE})) == (0, 0, 0, True), "nothing is known to be held"


def test_limits_in_force_count_where_they_are_more() -> None:
    spec = {"containers": [container(request=3, limit=5)]}
    for limit, counts in (4, 5), (8, 8):
        assert figures(of(spec, {"containerStatuses": [reported(limit=limit)]}))[1] == counts


def test_a_container_without_a_limit_is_filled_with_the_most_that_it_holds() -> None:
    spec = {"containers": [container(request=3)]}
    status = {"containerStatuses": [reported(in_force=2, allocated=6)]}
    assert figures(of(spec, status)) == (6, 0, 6, True)
    bounded = {"containerStatuses": [reported(in_force=2, allocated=6, limit=7)]}
    assert figures(of(spec, bounded)) == (6, 7, 7, False), "the limit in force bounds it"


def test_the_status_of_the_pod_takes_the_place_of_those_of_its_containers() -> None:
    spec = {"containers": [container(request=3)]}
    status: Json = {
        "containerStatuses": [reported(in_force=50, allocated=50, limit=50)],
        "resources": {"requests": {"memory": 4}, "limits": {"memory": 6}},
        "allocatedResources": {"memory": 5},
    }
    found = of(spec, status)
    assert (figures(found), found.requests.decisive, found.limits.decisive) == ((5, 6, 6, False), "status", "status")
    del status["allocatedResources"]
    assert figures(of(spec, status))[0] == 50, "without an allocation of the pod its containers count"


def test_the_overhead_that_is_in_an_allocation_counts_twice_and_is_said_to() -> None:
    spec = {"containers": [container(request=3, limit=5)], "overhead": {"memory": 2}}
    assert figures(of(spec)) == (5, 7, 7, False)
    status = {"resources": {"requests": {"memory": 3}}, "allocatedResources": {"memory": 5}}
    found = of(spec, status)
    assert (found.requests.total // NANO, found.requests.overhead_twice) == (7, True)
    asked = of({**spec, "containers": [container(request=6)]}, status)
    assert (asked.requests.total // NANO, asked.requests.overhead_twice) == (8, False)


@pytest.mark.parametrize(
    ("resources", "status", "expected"),
    [
        ({"requests": {"memory": 8}}, {}, (8, 5)),
        ({"limits": {"memory": 9}}, {}, (3, 9)),
        ({"requests": {"memory": 8}}, {"resources": {"requests": {"memory": 9}}}, (9, 5)),
        ({"requests": {"memory": 8}}, {"resources": {}, "allocatedResources": {"memory": 10}}, (10, 5)),
        ({"limits": {"memory": 9}}, {"resources": {"limits": {"memory": 12}}}, (3, 12)),
        ({"requests": {"cpu": 1}}, {"resources": {"requests": {"memory": 9}}}, (9, 5)),
    ],
)
def test_the_pod_itself_counts_by_the_most_that_is_said_of_it(
    resources: Json, status: Json, expected: tuple[int, int]
) -> None:
    spec = {"containers": [container(request=3, limit=5)], "resources": resources}
    assert figures(of(spec, status))[:2] == expected


def test_what_a_pod_asks_as_a_whole_does_not_count_once_that_is_infeasible() -> None:
    spec = {"containers": [], "resources": {"requests": {"memory": 8}, "limits": {"memory": 9}}}
    status = {"conditions": INFEASIBLE, "resources": {"requests": {"memory": 4}, "limits": {"memory": 5}}}
    assert figures(of(spec, status))[:2] == (4, 5)
    assert figures(of(spec, {"conditions": INFEASIBLE}))[:2] == (8, 9), "nothing is reported to be in force"


CLAIM = {
    "containers": ["a"],
    "mapping": [{"name": "memory", "quantity": 10}],
    "overhead": [{"name": "memory", "perPod": 1, "perContainer": 2}],
}


@pytest.mark.parametrize(
    ("rule_set", "limited", "expected"),
    [
        (KUBERNETES_1_37, True, (16, 18)),
        (KUBERNETES_1_38, True, (16, 18)),
        (KUBERNETES_1_37, False, (16, 0)),
    ],
)
def test_claims_are_added_to_requests_and_to_limits_that_are_declared(
    rule_set: RuleSet, limited: bool, expected: tuple[int, int]
) -> None:
    spec = {"containers": [container(request=3, limit=5 if limited else None)]}
    found = of(spec, {"nodeAllocatableResourceClaimStatuses": [CLAIM]}, rule_set)
    assert figures(found)[:2] == expected


def test_the_short_way_for_pods_without_any_status_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [convert({"spec": raw["spec"]}, Pod) for raw in many(200)]
    shapes = [shape_of(pod, KUBERNETES_1_37) for pod in pods]
    asked = [(shape, resource) for shape in shapes for resource in ("memory", "cpu")]
    short = [by_sum(*each, KUBERNETES_1_37) for each in asked]
    used = list[object]()
    monkeypatch.setattr(module, "by_container", lambda *_: used.append(_))
    monkeypatch.setattr(module, "_as_asked", lambda _: False)
    assert [by_sum(*each, KUBERNETES_1_37) for each in asked] == short
    assert used == []


def test_memory_and_cpu_are_counted_apart() -> None:
    asks = {"name": "a", "resources": {"requests": {"memory": 3, "cpu": 2}, "limits": {"cpu": 4}}}
    assert figures(of({"containers": [asks]}, resource="cpu")) == (2, 4, 4, False)


def test_a_bad_quantity_is_an_error() -> None:
    with pytest.raises(QuantityError):
        of({"containers": [container(request="much")]})
    with pytest.raises(QuantityError):
        of({"containers": [container()]}, {"containerStatuses": [reported(allocated="much")]})

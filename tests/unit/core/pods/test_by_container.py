"""The rule of 1.36: of each container the most of what it asks for, was allocated and has in force, then the sum."""

from typing import Any

import pytest

from webhook.core.api.types import Pod, convert
from webhook.core.pods.by_container import by_container
from webhook.core.pods.rules import KUBERNETES_1_36
from webhook.core.pods.shape import shape_of
from webhook.core.pods.terms import Commitment
from webhook.core.values.quantity import NANO, QuantityError

Json = dict[str, Any]
INFEASIBLE = [{"type": "PodResizePending", "reason": "Infeasible"}]


def of(spec: Json, status: Json | None = None, resource: str = "memory") -> Commitment:
    pod = convert({"spec": spec, "status": status or {}}, Pod)
    return by_container(shape_of(pod, KUBERNETES_1_36), resource, KUBERNETES_1_36)


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


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([container(request=3, limit=5)], (3, 5, 5, False)),
        ([container(request=3)], (3, 0, 3, True)),
        ([container(limit=5)], (0, 5, 5, False)),
        ([container(request=3, limit=0)], (3, 0, 3, True)),
        ([container(request=3, limit=5), container("b", request=2)], (5, 5, 7, True)),
        ([], (0, 0, 0, False)),
    ],
)
def test_what_is_asked_for_is_summed_up(containers: list[Json], expected: tuple[int, int, int, bool]) -> None:
    assert figures(of({"containers": containers})) == expected


def test_a_plain_init_container_needs_no_limit_and_a_sidecar_does() -> None:
    once, sidecar = container("i", request=9), container("s", request=2, restartPolicy="Always")
    assert figures(of({"containers": [container(limit=5)], "initContainers": [once]})) == (9, 5, 9, False)
    assert figures(of({"containers": [container(limit=5)], "initContainers": [sidecar]})) == (2, 5, 7, True)


@pytest.mark.parametrize(
    ("status", "requests"),
    [
        (reported(in_force=2, allocated=1), 3),
        (reported(in_force=4, allocated=1), 4),
        (reported(in_force=1, allocated=7), 7),
        ({"name": "a", "allocatedResources": {"memory": 7}}, 3),
        (reported("stranger", in_force=9), 3),
    ],
)
def test_the_most_of_asked_allocated_and_in_force_counts(status: Json, requests: int) -> None:
    """Without a report of what is in force, what was allocated does not count either."""
    assert figures(of({"containers": [container(request=3)]}, {"containerStatuses": [status]}))[0] == requests


def test_each_container_has_its_own_most() -> None:
    spec = {"containers": [container(request=3), container("b", request=5)]}
    statuses = [reported(in_force=6), reported("b", in_force=1)]
    assert figures(of(spec, {"containerStatuses": statuses}))[0] == 6 + 5


@pytest.mark.parametrize(("limit", "counts"), [(4, 5), (8, 8)])
def test_the_larger_of_the_limits_asked_for_and_in_force_counts(limit: int, counts: int) -> None:
    spec = {"containers": [container(request=3, limit=5)]}
    assert figures(of(spec, {"containerStatuses": [reported(limit=limit)]}))[1] == counts


def test_once_a_resize_is_infeasible_only_what_is_held_counts() -> None:
    spec = {"containers": [container(request=9, limit=9)]}
    status = {"conditions": INFEASIBLE, "containerStatuses": [reported(in_force=2, allocated=3, limit=4)]}
    assert figures(of(spec, status)) == (3, 4, 4, False)
    silent = {"conditions": INFEASIBLE, "containerStatuses": [{"name": "a"}]}
    assert figures(of(spec, silent))[:2] == (9, 9), "of a container without a report, what it asks for counts"


def test_of_init_containers_only_sidecars_have_a_status_that_counts() -> None:
    for policy, requests in ({"restartPolicy": "Always"}, 6), ({}, 2):
        spec = {"containers": [], "initContainers": [container(request=2, **policy)]}
        assert figures(of(spec, {"initContainerStatuses": [reported(in_force=6)]}))[0] == requests


def test_the_pod_itself_takes_the_place_of_its_containers() -> None:
    spec = {"containers": [container(request=3, limit=5)], "resources": {"requests": {"memory": 8}}}
    found = of(spec)
    assert figures(found) == (8, 5, 5, False)
    assert (found.requests.decisive, found.limits.decisive) == ("pod", "containers")
    spec["resources"] = {"limits": {"memory": 9}}
    assert figures(of(spec)) == (3, 9, 9, False)


@pytest.mark.parametrize(("infeasible", "expected"), [(False, (8, 9)), (True, (4, 5))], ids=["feasible", "infeasible"])
def test_the_status_of_the_pod_counts_where_the_pod_asks_as_a_whole(
    infeasible: bool, expected: tuple[int, int]
) -> None:
    spec = {
        "containers": [container(request=3)],
        "resources": {"requests": {"memory": 8}, "limits": {"memory": 9}},
    }
    status: Json = {"resources": {"requests": {"memory": 4}, "limits": {"memory": 5}}, "allocatedResources": {}}
    status |= {"conditions": INFEASIBLE} if infeasible else {}
    assert figures(of(spec, status))[:2] == expected
    without = {"containers": [container(request=3)]}
    assert figures(of(without, status))[0] == 3, "a pod that does not ask as a whole has no status of its own here"


def test_an_infeasible_limit_of_the_pod_counts_as_asked_where_no_limits_are_reported() -> None:
    spec = {"containers": [], "resources": {"limits": {"memory": 9}}}
    for in_force, counts in ({"requests": {}}, 9), ({"limits": {}}, 0), ({"limits": {"memory": 4}}, 4):
        assert figures(of(spec, {"conditions": INFEASIBLE, "resources": in_force}))[1] == counts


def test_overhead_is_added_and_said_to_count_twice_where_the_allocation_decides() -> None:
    spec = {"containers": [container(request=3, limit=5)], "overhead": {"memory": 2}}
    assert figures(of(spec)) == (5, 7, 7, False)
    level = {**spec, "resources": {"requests": {"memory": 8}}}
    for allocated, twice in (8, True), (10, True), (6, False):
        status = {"resources": {"requests": {}}, "allocatedResources": {"memory": allocated}}
        found = of(level, status)
        assert (found.requests.total // NANO, found.requests.overhead_twice) == (max(8, allocated) + 2, twice)


def test_claims_are_added_to_what_the_containers_request() -> None:
    claim = {"containers": ["a"], "resources": {"memory": 10}}
    spec = {"containers": [container(request=3, limit=5)]}
    found = of(spec, {"nodeAllocatableResourceClaimStatuses": [claim]})
    assert (figures(found), found.requests.claims) == ((13, 5, 5, False), 10 * NANO)


def test_memory_and_cpu_are_counted_apart() -> None:
    asks = {"name": "a", "resources": {"requests": {"memory": 3, "cpu": 2}, "limits": {"cpu": 4}}}
    assert figures(of({"containers": [asks]}, resource="cpu")) == (2, 4, 4, False)
    assert figures(of({"containers": [asks]})) == (3, 0, 3, True)


def test_a_bad_quantity_is_an_error() -> None:
    with pytest.raises(QuantityError):
        of({"containers": [container(request="much")]})

"""The footprint's own promises: what it says of bad quantities, what it remembers, how it explains itself."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from tests.support.examples import examples
from tests.support.kubernetes_footprint import kubernetes_says
from tests.support.sample_pods import Json, pods
from webhook.core.api.types import ObjectError, Pod, reader
from webhook.core.pods import footprint as module
from webhook.core.pods.footprint import asks_for_memory, explain, footprint, measured
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37
from webhook.core.pods.terms import Terms

NANO = 10**9
MI = 1 << 20

read_pod = reader(Pod)


def read(pod: Json) -> Pod:
    return read_pod(json.dumps(pod).encode())


def pod_of(*containers: Json, **spec: object) -> Pod:
    return read({"spec": {"containers": list(containers), **spec}})


def asking(memory: object, name: str = "app") -> Json:
    return {"name": name, "resources": {"requests": {"memory": memory}}}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    module._known.clear()
    yield
    module._known.clear()


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"containers": [asking("1Mi"), asking("12Q")]}, "spec.containers[1].resources.requests.memory"),
        (
            {"initContainers": [{"resources": {"limits": {"cpu": "12Q"}}}]},
            "spec.initContainers[0].resources.limits.cpu",
        ),
        ({"overhead": {"memory": "12Q"}}, "spec.overhead.memory"),
        ({"resources": {"limits": {"cpu": "12Q"}}}, "spec.resources.limits.cpu"),
    ],
)
def test_a_bad_quantity_is_named_by_its_path(spec: Json, path: str) -> None:
    with pytest.raises(ObjectError) as caught:
        footprint(read({"spec": spec}))
    example = "write for example 512Mi or 1.5Gi (memory), 250m or 1.5 (cpu)"
    assert str(caught.value) == f'{path}: "12Q" is not a quantity; {example}'


@pytest.mark.parametrize(
    ("status", "path"),
    [
        (
            {"containerStatuses": [{"name": "app", "resources": {"limits": {"memory": "-1"}}}]},
            "status.containerStatuses[0].resources.limits.memory",
        ),
        (
            {"containerStatuses": [{"name": "app", "resources": {}, "allocatedResources": {"memory": "-1"}}]},
            "status.containerStatuses[0].allocatedResources.memory",
        ),
        (
            {"resources": {"requests": {"memory": "-1"}}, "allocatedResources": {}},
            "status.resources.requests.memory",
        ),
        (
            {"resources": {"requests": {}}, "allocatedResources": {"memory": "-1"}},
            "status.allocatedResources.memory",
        ),
        (
            {"nodeAllocatableResourceClaimStatuses": [{"mapping": [{"name": "memory", "quantity": "-1"}]}]},
            "status.nodeAllocatableResourceClaimStatuses[0].quantity.memory",
        ),
    ],
)
def test_a_bad_quantity_in_the_status_is_named_too(status: Json, path: str) -> None:
    with pytest.raises(ObjectError) as caught:
        footprint(read({"spec": {"containers": [asking("1Mi")]}, "status": status}))
    assert str(caught.value).startswith(f'{path}: "-1" is negative; ')


def test_go_refuses_the_same_bad_quantities() -> None:
    bad = ["12Q", "", "1.2.3", "1 Gi", True, [], {}, "0x10"]
    pods = [{"spec": {"containers": [asking(value)]}} for value in bad]
    assert all(opinion.error for opinion in kubernetes_says(pods))
    for pod in pods:
        with pytest.raises(ObjectError, match=r"^spec\.containers\[0\]\.resources\.requests\.memory: "):
            footprint(read(pod))


def test_where_go_overflows_we_never_count_less() -> None:
    huge = ["1e30", "10E", "9223372036854775807", "8Ei", "9" * 40, "4Ei", "1e18"]
    pods = [{"spec": {"containers": [asking(one, "a"), asking(other, "b")]}} for one in huge for other in huge]
    for pod, go in zip(pods, kubernetes_says(pods), strict=True):
        assert footprint(read(pod)).memory_requests >= go.requests.memory
    assert footprint(pod_of(asking("1e30"))).memory_requests == 2**63 - 1


def test_pods_of_one_shape_share_one_footprint() -> None:
    one, other = (pod_of(asking("64Mi", name), nodeName=name) for name in ("web", "api"))
    assert footprint(one) is footprint(other)
    assert footprint(one) is not footprint(pod_of(asking("65Mi")))


def test_what_is_remembered_is_bounded_in_number() -> None:
    for number in range(module._MOST_SHAPES + 10):
        assert footprint(pod_of(asking(number))).memory_requests == number
    assert [len(memory) for memory in module._known.values()] == [10]


@pytest.mark.parametrize("pod", [pod_of(*[asking("1Mi")] * 9), pod_of(asking("0" * 300 + "1"))], ids=["wide", "long"])
def test_what_is_remembered_is_bounded_in_size(pod: Pod) -> None:
    footprint(pod)
    assert not any(module._known.values())


def test_it_explains_which_term_decides() -> None:
    sidecar = asking("10Mi", "mesh") | {"restartPolicy": "Always"}
    init = [sidecar, asking("100Mi", "migrate")]
    plain = explain(pod_of(asking("50Mi"), initContainers=init, overhead={"memory": "1Mi"})).memory.requests
    assert plain == Terms(50 * MI * NANO, 10 * MI * NANO, 110 * MI * NANO, None, MI * NANO)
    assert (plain.decisive, plain.total) == ("init", 111 * MI * NANO)
    assert explain(pod_of(asking("200Mi"), initContainers=init)).memory.requests.decisive == "containers"
    level = explain(pod_of(asking("50Mi"), initContainers=init, resources={"requests": {"memory": "60Mi"}}))
    assert (level.memory.requests.decisive, level.memory.requests.total) == ("pod", 60 * MI * NANO)


def test_a_pod_that_requests_no_memory_is_known_whatever_its_overhead() -> None:
    assert asks_for_memory(pod_of(asking("1")))
    assert asks_for_memory(pod_of({}, initContainers=[asking("1Mi")]))
    assert asks_for_memory(pod_of({}, resources={"requests": {"memory": "1Mi"}}))
    assert not asks_for_memory(pod_of({"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}))
    assert not asks_for_memory(pod_of(asking("0")))
    assert not asks_for_memory(pod_of({}, overhead={"memory": "120Mi"}))
    assert asks_for_memory(pod_of(asking("1Mi"), overhead={"memory": "120Mi"}))


@given(pods())
@settings(max_examples=examples(200), deadline=None)
def test_filled_limits_are_never_below_the_declared_nor_below_what_an_unbounded_pod_requests(pod: Json) -> None:
    amounts = footprint(read(pod))
    assert amounts.memory_limits_filled >= amounts.memory_limits
    assert amounts.cpu_limits_filled >= amounts.cpu_limits
    assert not amounts.memory_unbounded or amounts.memory_limits_filled >= amounts.memory_requests
    assert not amounts.cpu_unbounded or amounts.cpu_limits_filled >= amounts.cpu_requests


@given(pods())
@settings(max_examples=examples(200), deadline=None)
def test_a_pod_is_unbounded_where_a_container_of_it_is(pod: Json) -> None:
    amounts, unbounded = measured(read(pod))
    assert amounts == footprint(read(pod))
    assert (unbounded > 0) == bool(amounts.memory_unbounded)
    assert unbounded <= len(read(pod).spec.containers) + len(read(pod).spec.init_containers)


def test_app_containers_and_sidecars_without_a_memory_limit_are_counted() -> None:
    limits = {"resources": {"limits": {"memory": "1Gi"}}}
    spec = {
        "containers": [{"name": "a"}, {"name": "b", **limits}, {"name": "c", "resources": {"limits": {"cpu": "1"}}}],
        "initContainers": [{"name": "d"}, {"name": "e", "restartPolicy": "Always"}],
    }
    assert measured(read({"spec": spec})).unbounded == 3
    assert measured(read({"spec": spec | {"resources": {"limits": {"memory": "4Gi"}}}})).unbounded == 0
    both = measured(read({"spec": spec}), (KUBERNETES_1_36, KUBERNETES_1_37))
    assert both == measured(read({"spec": spec}))


@given(pods())
@settings(max_examples=examples(200), deadline=None)
def test_remembering_changes_no_footprint(pod: Json) -> None:
    first = footprint(read(pod))
    assert footprint(read(pod)) == first
    module._known.clear()
    assert footprint(read(pod)) == first

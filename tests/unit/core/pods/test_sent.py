"""Sent pods: what any API server would let through is read, and nobody can make more of a body than it has bytes."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sample_reviews import SAMPLES
from webhook.core.api.types import LARGE, ObjectError, reader
from webhook.core.api.types import Pod as PodObject
from webhook.core.pods.sent import MOST_CONTAINERS, read_sent_pod

SIZE = 2 << 20  # bytes of each hostile body
AT_MOST = 14 << 20  # bytes that may be taken while it is read


def pod(spec: str = "", metadata: str = "", status: str = "") -> bytes:
    return f'{{"metadata":{{"name":"web"{metadata}}},"spec":{{{spec}}},"status":{{{status}}}}}'.encode()


def many(element: str) -> str:
    return ",".join([element] * (SIZE // (len(element) + 1)))


def keys() -> str:
    return ",".join(f'"{number:x}":""' for number in range(SIZE // 10))


HOSTILE = {
    "empty containers": lambda: pod(f'"containers":[{many("{}")}]'),
    "small containers": lambda: pod(
        f'"containers":[{many(chr(123) + chr(34) + "name" + chr(34) + ":" + chr(34) * 2 + chr(125))}]'
    ),
    "init containers": lambda: pod(f'"initContainers":[{many("{}")}]'),
    "no containers": lambda: pod(f'"containers":[{many("null")}]'),
    "a null beside much": lambda: pod(f'"containers":[{{"name":null}}],"volumes":[{many("{}")}]'),
    "owners": lambda: pod(metadata=f',"ownerReferences":[{many("{}")}]'),
    "labels of nodes": lambda: pod(f'"nodeSelector":{{{keys()}}}'),
    "terms": lambda: pod(
        '"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":['
        + many('{"matchFields":[{}]}')
        + "]}}}"
    ),
    "conditions": lambda: pod(status=f'"conditions":[{many("{}")}]'),
    "statuses": lambda: pod(status=f'"containerStatuses":[{many("{}")}]'),
    "no object": f"[{many('{}')}]".encode,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_body_made_of_crumbs_is_refused_before_it_takes_much(make: Callable[[], bytes]) -> None:
    data = make()
    assert len(data) > SIZE // 2
    tracemalloc.start()
    try:
        with pytest.raises(ObjectError) as caught:
            read_sent_pod(data)
        assert tracemalloc.get_traced_memory()[1] < AT_MOST
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 200


def container(number: int, **more: Any) -> dict[str, Any]:
    """As small as one can be that an API server has filled in."""
    made = {"name": f"c{number}", "image": "i", "resources": {}, "terminationMessagePath": "/dev/termination-log"}
    return made | {"terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"} | more


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [container(number) for number in range(MOST_CONTAINERS)]},
        {"containers": [container(0, env=[{"name": f"V{number}"} for number in range(50_000)])]},
        {"containers": [container(0, args=["x" * (1 << 20)])], "nodeSelector": {f"k{n}": "v" for n in range(500)}},
        {
            "containers": [container(0)],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "h", "operator": "NotIn", "values": [f"node-{n:050}" for n in range(5000)]}
                                ]
                            }
                        ]
                    }
                }
            },
        },
    ],
    ids=["containers", "environment", "arguments", "affinity"],
)
def test_large_pods_are_read_as_any_other(spec: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"f:metadata": {f"f:{number}": {} for number in range(20_000)}}
    meta = {"name": "web", "managedFields": [{"fieldsV1": fields}], "annotations": {"a": "{,}" * 50_000}}
    data = json.dumps({"metadata": meta, "spec": spec}, separators=(",", ":")).encode()
    assert len(data) > LARGE
    assert read_sent_pod(data) == reader(PodObject)(data)


@pytest.mark.parametrize(
    ("path", "kib"),
    [
        ("metadata.ownerReferences", 512),
        ("spec.nodeSelector", 64),
        ("spec.affinity", 512),
        ("status.conditions", 1024),
        ("status.containerStatuses", 1024),
        ("status.initContainerStatuses", 1024),
    ],
)
def test_each_part_has_a_bound_of_its_own_and_is_named_past_it(path: str, kib: int) -> None:
    group, _, field = path.partition(".")
    is_list = field not in {"nodeSelector", "affinity"}
    for past in (False, True):
        size = (kib << 10) - 100 + 200 * past
        part: object = (
            [{"type": "x" * size}] if is_list else {"x": "x" * size} if field == "nodeSelector" else {"x" * size: 1}
        )
        padded: dict[str, dict[str, Any]] = {
            "metadata": {"name": "web", "annotations": {"padding": "x" * LARGE}},
            "spec": {},
            "status": {},
        }
        padded[group][field] = part
        data = json.dumps(padded).encode()
        if past:
            with pytest.raises(ObjectError, match=rf"^{path}: is larger than {kib} KiB$"):
                read_sent_pod(data)
        else:
            read_sent_pod(data)


def test_a_pod_with_more_containers_than_any_is_refused_however_small_it_is() -> None:
    with pytest.raises(ObjectError, match=r"spec\.containers: there are more than 2,000"):
        read_sent_pod(pod(f'"containers":[{",".join(["{}"] * (MOST_CONTAINERS + 1))}]'))


def test_small_pods_may_have_nulls() -> None:
    data = b'{"metadata":null,"spec":{"containers":[null,{"name":null}]}}'
    assert read_sent_pod(data) == reader(PodObject)(data)


@pytest.mark.parametrize("name", ["pod-of-a-replicaset", "mirror-pod", "resize-of-a-pod"])
def test_what_an_api_server_sent_is_read(name: str) -> None:
    sent = json.loads((SAMPLES / f"{name}.json").read_bytes())["request"]["object"]
    sent["metadata"]["annotations"] = {"padding": "x" * LARGE}
    data = json.dumps(sent).encode()
    assert read_sent_pod(data) == reader(PodObject)(data)

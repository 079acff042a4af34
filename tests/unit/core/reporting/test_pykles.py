"""The answers of pykles, held against a JSON Schema of its `models.py` and of what its `services.py` fills in."""

import json

import jsonschema_rs
import msgspec
import pytest
from msgspec.structs import replace

from tests.support.pykles import METRICS, NODES, READY
from tests.support.reports import GI, node
from webhook.core.reporting import pykles
from webhook.core.reporting.rows import NodeRow


def nodes(rows: list[NodeRow]) -> pykles.Nodes:
    return pykles.Nodes(tuple(pykles.node(row) for row in rows if pykles.is_there(row)))


def test_nodes_are_as_pykles_has_them() -> None:
    answer = json.loads(msgspec.json.encode(nodes([node("node-1", requests=2, limits=12, allocatable=8)])))
    jsonschema_rs.validate(NODES, answer)
    assert answer["Nodes"] == [
        {
            "NodeName": "node-1",
            "CPU": {
                "Capacity": 8000,
                "Allocatable": 8000,
                "Requests": {"InstrumentedValue": 2000.0, "Percent": 25.0},
                "Limits": {"InstrumentedValue": 12000.0, "Percent": 150.0},
            },
            "RAM": {
                "Capacity": 8 * GI,
                "Allocatable": 8 * GI,
                "Requests": {"InstrumentedValue": 2.0 * GI, "Percent": 25.0},
                "Limits": {"InstrumentedValue": 12.0 * GI, "Percent": 150.0},
            },
        }
    ]


def test_percentages_are_of_what_is_allocatable_and_not_of_capacity() -> None:
    row = node("n", requests=2, limits=4, allocatable=8)
    row = replace(row, memory=replace(row.memory, capacity=16 * GI), cpu=replace(row.cpu, capacity=16_000))
    found = nodes([row]).nodes[0]
    assert [stats.capacity for stats in (found.cpu, found.ram)] == [16_000, 16 * GI]
    assert [stats.requests.percent for stats in (found.cpu, found.ram)] == [25.0, 25.0]
    assert [stats.limits.percent for stats in (found.cpu, found.ram)] == [50.0, 50.0]


def test_nodes_that_are_gone_are_left_out() -> None:
    assert nodes([node("a", why_not="deleted"), node("b", why_not="not ready")]).nodes[0].name == "b"


def test_numbers_are_written_as_pykles_writes_them() -> None:
    text = msgspec.json.encode(nodes([node("n", requests=2)]))
    assert b'"Capacity":8000,' in text
    assert b'"InstrumentedValue":2000.0,' in text


def test_a_node_with_nothing_allocatable_has_numbers_too() -> None:
    bare = node("n", allocatable=0)
    answer = json.loads(msgspec.json.encode(nodes([bare])))
    jsonschema_rs.validate(NODES, answer)
    assert answer["Nodes"][0]["RAM"]["Requests"] == {"InstrumentedValue": 2.0 * GI, "Percent": 0.0}


def test_the_probe_is_as_pykles_has_it() -> None:
    answer = json.loads(msgspec.json.encode(pykles.Ready()))
    jsonschema_rs.validate(READY, answer)
    assert answer == {"Message": "OK"}


FOUND = {
    "kind": "PodMetricsList",
    "items": [
        {
            "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
            "timestamp": "2026-11-30T12:00:00Z",
            "containers": [
                {"name": "app", "usage": {"cpu": "1234567n", "memory": "12345Ki"}},
                {"name": "proxy", "usage": {"cpu": "0", "memory": "8Mi"}},
            ],
        },
        {"metadata": {"name": "bare", "namespace": "shop"}},
    ],
}


def test_usage_is_in_cores_and_bytes() -> None:
    answer = json.loads(msgspec.json.encode(pykles.pod_metrics(json.dumps(FOUND).encode())))
    jsonschema_rs.validate(METRICS, answer)
    assert answer["Items"] == [
        {
            "PodName": "web-1",
            "NameSpace": "shop",
            "Containers": [
                {"ContainerName": "app", "UsageCpu": 0.001234567, "UsageMemory": 12345.0 * 1024},
                {"ContainerName": "proxy", "UsageCpu": 0.0, "UsageMemory": float(8 << 20)},
            ],
        },
        {"PodName": "bare", "NameSpace": "shop", "Containers": []},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"x":' + b"[" * 20_000,
        b'{"items": [{}]}',
        b'{"items":[{"metadata":{"name":"a"},"containers":[{"name":"b","usage":{"cpu":"x"}}]}]}',
    ],
)
def test_what_is_no_list_of_usages_is_told_so(body: bytes) -> None:
    with pytest.raises(ValueError, match="this is not a PodMetricsList"):
        pykles.pod_metrics(body)


@pytest.mark.parametrize("schema", [NODES, METRICS, READY])
def test_the_schemas_are_schemas_and_strict(schema: dict[str, object]) -> None:
    assert jsonschema_rs.meta.is_valid(schema)
    assert not jsonschema_rs.is_valid(schema, {})
    assert not jsonschema_rs.is_valid(NODES, {"Nodes": [{"NodeName": "a"}]})

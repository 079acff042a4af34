"""The answers of pykles (github.com/nicc777/pykles), so that its clients can ask Headroom instead.

Names, units and types are those of its `models.py`: CPU in millicores, RAM in bytes, both as JSON numbers; percentages
from 0 to 100 and beyond. Where pykles is wrong, these answers are right: `Percent` is of what is allocatable (not of
capacity), requests are counted whether a container has limits or not, and every page of pods is counted once.
"""

from typing import Any

import msgspec
from msgspec import Struct

from webhook.core.reporting.rows import NodeRow, NodeUse
from webhook.core.values.quantity import NANO, QuantityError, nanos


class Values(Struct, frozen=True, gc=False, rename="pascal"):
    """A sum over the pods of one node; `percent` is of allocatable, 0 where that is 0 (pykles has no null)."""

    instrumented_value: float
    percent: float


class Stats(Struct, frozen=True, gc=False, rename="pascal"):
    """One resource of one node; `capacity` is 0 where it is unknown."""

    capacity: int
    allocatable: int
    requests: Values
    limits: Values


class Node(Struct, frozen=True, gc=False):
    """One node."""

    name: str = msgspec.field(name="NodeName")
    cpu: Stats = msgspec.field(name="CPU")
    ram: Stats = msgspec.field(name="RAM")


class Nodes(Struct, frozen=True, gc=False, rename="pascal"):
    """The answer to `GET /`."""

    nodes: tuple[Node, ...]


class ContainerUsage(Struct, frozen=True, gc=False, rename="pascal"):
    """What one container uses: cores and bytes."""

    container_name: str
    usage_cpu: float
    usage_memory: float


class PodUsage(Struct, frozen=True, gc=False):
    """What one pod uses."""

    name: str = msgspec.field(name="PodName")
    namespace: str = msgspec.field(name="NameSpace")
    containers: tuple[ContainerUsage, ...] = msgspec.field(name="Containers")


class PodMetrics(Struct, frozen=True, gc=False, rename="pascal"):
    """The answer to `GET /pod-metrics`."""

    items: tuple[PodUsage, ...]


class Ready(Struct, frozen=True, gc=False, rename="pascal"):
    """The answer to `GET /probes`."""

    message: str = "OK"


def is_there(row: NodeRow) -> bool:
    """Say whether pykles would show a node: it exists."""
    return row.why_not != "deleted"


def node(row: NodeRow) -> Node:
    """Return one node of the answer to `GET /`."""
    return Node(row.name, _stats(row.cpu), _stats(row.memory))


def _stats(use: NodeUse) -> Stats:
    return Stats(
        use.capacity or 0,
        use.allocatable,
        Values(float(use.requests), 100 * (use.requests_ratio or 0.0)),
        Values(float(use.limits), 100 * (use.limits_ratio or 0.0)),
    )


class _Metadata(Struct):
    name: str
    namespace: str = ""


class _Container(Struct):
    name: str
    usage: dict[str, str] = {}


class _Pod(Struct):
    metadata: _Metadata
    containers: tuple[_Container, ...] = ()


class _PodMetricsList(Struct):
    items: tuple[_Pod, ...] = ()


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_PodMetricsList)


def pod_metrics(body: bytes) -> PodMetrics:
    """Return the answer to `GET /pod-metrics` for a PodMetricsList of metrics.k8s.io; raises ValueError."""
    try:
        found: _PodMetricsList = _decoder.decode(body)
        return PodMetrics(tuple(_usage(pod) for pod in found.items))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, QuantityError) as error:
        raise ValueError(f"this is not a PodMetricsList: {error}") from error


def _usage(pod: _Pod) -> PodUsage:
    used = tuple(
        ContainerUsage(each.name, nanos(each.usage.get("cpu")) / NANO, nanos(each.usage.get("memory")) / NANO)
        for each in pod.containers
    )
    return PodUsage(pod.metadata.name, pod.metadata.namespace, used)

"""The REST API of real replicas: the sums that it shows are those of the API server's own lists, added up here."""

import itertools
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
import urllib3

from devcluster import nodes
from devcluster.api import Object
from devcluster.cluster import Cluster, existing_cluster
from devcluster.processes import until
from devcluster.replica import Replica
from devcluster.replicas import Replicas
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import NOBODY
from tests.e2e.story import Story
from tests.support import pykles
from tests.support.relay import Relay

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

AGREE = 2.0  # seconds within which replicas show the same
SLICES = "/apis/discovery.k8s.io/v1/namespaces/headroom-system/endpointslices"
PROXY = "/api/v1/namespaces/headroom-system/services/headroom:http/proxy"


# -- plain sums --------------------------------------------------------------------------------------------------------

UNITS: dict[str, Decimal | int] = {
    "m": Decimal("0.001"),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}


def number(text: str) -> Decimal:
    """Read a quantity."""
    for suffix, factor in sorted(UNITS.items(), key=lambda unit: -len(unit[0])):
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * factor
    return Decimal(text)


def asked(of: Object, kind: str, resource: str) -> Decimal:
    """Return what a container, or the pod itself, asks for."""
    return number(of.get("resources", {}).get(kind, {}).get(resource, "0"))


def effective(pod: Object, kind: str, resource: str) -> Decimal:
    """Return what a pod asks for in all: what runs at once, or a step of its start if that is more."""
    spec = pod["spec"]
    running, peak = Decimal(0), Decimal(0)
    for each in spec.get("initContainers", []):
        here = asked(each, kind, resource)
        if each.get("restartPolicy") == "Always":
            running += here
            peak = max(peak, running)
        else:
            peak = max(peak, running + here)
    total = max(peak, running + sum(asked(each, kind, resource) for each in spec["containers"]))
    if resource in spec.get("resources", {}).get(kind, {}):
        total = asked(spec, kind, resource)
    overhead = number(spec.get("overhead", {}).get(resource, "0"))
    return total + (overhead if kind == "requests" or total else 0)


def whole(amount: Decimal, resource: str) -> int:
    """Return bytes or millicores."""
    return int(amount * (1000 if resource == "cpu" else 1))


def total(pods: list[Object], kind: str, resource: str) -> int:
    """Return the sum over pods in bytes or millicores."""
    return whole(sum((effective(each, kind, resource) for each in pods), Decimal(0)), resource)


def added_up(cluster: Cluster) -> dict[str, Any]:
    """Return the answer of `GET /` by the API server's lists of nodes and pods."""
    live = [
        each for each in cluster.api.items("/api/v1/pods") if each["status"].get("phase") not in {"Succeeded", "Failed"}
    ]
    found = list[dict[str, Any]]()
    for node in sorted(cluster.api.items("/api/v1/nodes"), key=lambda each: str(each["metadata"]["name"])):
        name, status = node["metadata"]["name"], node["status"]
        here = [each for each in live if each["spec"].get("nodeName") == name]
        shown: dict[str, Any] = {"NodeName": name}
        for called, resource in (("CPU", "cpu"), ("RAM", "memory")):
            allocatable = whole(number(status["allocatable"][resource]), resource)
            sums = {kind: total(here, kind, resource) for kind in ("requests", "limits")}
            shown[called] = {
                "Capacity": whole(number(status["capacity"][resource]), resource),
                "Allocatable": allocatable,
                **{
                    kind.capitalize(): {"InstrumentedValue": float(amount), "Percent": 100 * (amount / allocatable)}
                    for kind, amount in sums.items()
                },
            }
        found.append(shown)
    return {"Nodes": found}


# -- forty pods of all kinds -------------------------------------------------------------------------------------------


def container(name: str, requests: Object | None, limits: Object | None, **more: object) -> Object:
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
    return {"name": name, "image": "none", "resources": resources, **more}


def pods() -> Iterator[Object]:
    """Yield 40 pods: requests without limits and the other way round, sidecars, steps of a start, pod-level sums."""
    small, large = {"memory": "10Mi", "cpu": "5m"}, {"memory": "35M", "cpu": "0.05"}
    shapes: list[Object] = [
        {"containers": [container("a", small, large)]},
        {"containers": [container("a", small, None), container("b", None, large)]},
        {"containers": [container("a", None, None)]},
        {"containers": [container("a", {"cpu": "1m"}, {"memory": "7Mi"})]},
        {"containers": [container("a", small, large)], "initContainers": [container("i", large, large)]},
        {
            "containers": [container("a", small, large)],
            "initContainers": [
                container("i", small, small),
                container("s", small, None, restartPolicy="Always"),
                container("j", large, large),
            ],
        },
        {"containers": [container("a", small, small)], "resources": {"requests": large, "limits": large}},
        {"containers": [container("a", {"memory": "123456"}, {"memory": "128Ki", "cpu": "3m"})]},
    ]
    for index, shape in enumerate(itertools.islice(itertools.cycle(shapes), 40)):
        bound = {} if index % 9 == 8 else {"nodeName": f"node-{index % 4 + 1}"}
        spec = {"schedulerName": NOBODY, **shape, **bound}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"mixed-{index:02}"}, "spec": spec}


# -- replicas ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(replicas: Replicas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """A replica beside the one that the API server asks."""
    replica = Replica(2, tmp_path_factory.mktemp("second"), replicas[0]._serve, None)
    replica.start()
    try:
        replica.wait()
        yield replica
    finally:
        replica.stop()


def get(replica: Replica, path: str, **fields: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{replica.metrics_url}{path}", headers=fields, retries=False, timeout=10.0)


def shown(replica: Replica, path: str) -> Any:
    answer = get(replica, path)
    assert answer.status == 200, answer.data
    return answer.json()


@pytest.fixture(scope="module", autouse=True)
def uneven(cluster: Cluster, room: None) -> Iterator[None]:
    """A node of which less is allocatable than it has; pods are on it, too."""
    if existing_cluster() is not None:
        pytest.skip("nodes are made for these tests")
    nodes.add_one(cluster, "node-4", nodes.Shape(allocatable={"memory": "7Gi", "cpu": "3500m"}))
    yield
    cluster.api.delete(f"{nodes.NODES}/node-4")


@pytest.fixture
def mixed(story: Story) -> Story:
    """A story with 40 pods."""
    story.headroom.configure({"requests": "1000%", "limits": "1000%"})
    for each in pods():
        story.create(each)
    until(lambda: _seen(story), "the view of 40 pods", SECONDS)
    return story


def _seen(story: Story) -> bool:
    return story.headroom.exposition().value("headroom_live_pods") >= 40


def test_each_nodes_sums_are_those_of_the_api_servers_lists(mixed: Story, replicas: Replicas, second: Replica) -> None:
    expected = added_up(mixed.headroom.cluster)
    jsonschema_rs.validate(pykles.NODES, expected)
    assert sum(node["RAM"]["Requests"]["InstrumentedValue"] for node in expected["Nodes"]) > 0
    for replica in (replicas[0], second):
        until(lambda replica=replica: shown(replica, "/") == expected, "the same sums", SECONDS)  # type: ignore[misc]
        jsonschema_rs.validate(pykles.NODES, shown(replica, "/"))


def test_replicas_show_the_same_within_two_seconds(mixed: Story, replicas: Replicas, second: Replica) -> None:
    paths = ["/api/v1/nodes", f"/api/v1/pods?namespace={mixed.namespace}", "/api/v1/namespaces", "/api/v1/pools"]

    def tags(replica: Replica) -> list[str | None]:
        return [get(replica, path).headers["ETag"] for path in paths]

    before = tags(replicas[0])
    mixed.delete("mixed-00")
    until(lambda: tags(replicas[0])[:2] != before[:2] and tags(replicas[0]) == tags(second), "the same view", SECONDS)
    assert tags(replicas[0])[3] == before[3], "no pool has changed"


def test_pods_are_listed_page_by_page_and_by_what_they_are(mixed: Story, replicas: Replicas) -> None:
    replica, names, path = replicas[0], list[str](), f"/api/v1/pods?namespace={mixed.namespace}&limit=7"
    until(lambda: len(shown(replica, f"/api/v1/pods?namespace={mixed.namespace}")["items"]) == 40, "40 pods", SECONDS)
    page = shown(replica, path)
    names += [each["name"] for each in page["items"]]
    while page["metadata"]["continue"] is not None:
        page = shown(replica, f"{path}&continue={page['metadata']['continue']}")
        names += [each["name"] for each in page["items"]]
    assert names == [f"mixed-{index:02}" for index in range(40)]
    largest = shown(replica, f"{path}&sortBy=-memory.requests")["items"]
    assert [each["memory"]["requests"] for each in largest] == sorted(
        (each["memory"]["requests"] for each in largest), reverse=True
    )
    assert all(each["node"] == "node-2" for each in shown(replica, f"{path}&node=node-2")["items"])
    assert all(each["unboundedContainers"] for each in shown(replica, f"{path}&unbounded=true")["items"])


def test_what_has_not_changed_is_not_sent_again(mixed: Story, replicas: Replicas) -> None:
    tag = get(replicas[0], "/api/v1/nodes").headers["ETag"]
    again = get(replicas[0], "/api/v1/nodes", **{"If-None-Match": tag})
    assert (again.status, again.data) == (304, b"")


def test_a_stream_says_so_when_the_account_changes(mixed: Story, replicas: Replicas) -> None:
    url = f"{replicas[0].metrics_url}/api/v1/events"
    answer = urllib3.request("GET", url, preload_content=False, retries=False, timeout=SECONDS)
    try:
        lines = _lines(answer)
        first = _event(lines)
        assert first["commitment"] == get(replicas[0], "/api/v1/commitment").headers["ETag"]
        mixed.delete("mixed-39")
        while (event := _event(lines))["commitment"] == first["commitment"]:
            pass
        assert event["revision"] > first["revision"]
    finally:
        answer.close()


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
    text = b""
    while piece := answer.read1(4096):
        *lines, text = (text + piece).split(b"\n")
        yield from (line.decode() for line in lines)


def _event(lines: Iterator[str]) -> Any:
    data = next(line for line in lines if line.startswith("data: "))
    return json.loads(data.removeprefix("data: "))


def test_usage_is_unavailable_where_nothing_measures_it(replicas: Replicas) -> None:
    answer = get(replicas[0], "/pod-metrics")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert "metrics.k8s.io is not served: install metrics-server" in answer.json()["detail"]


def test_the_configuration_in_force_is_shown(mixed: Story, replicas: Replicas) -> None:
    found = shown(replicas[0], "/api/v1/config")
    assert found["config"]["thresholds"]["memory"] == {"requests": "1000%", "limits": "1000%"}
    assert found["hash"] == mixed.headroom.exposition().labels("headroom_config_info")["hash"]


def own_address() -> str:
    """Return the address of this machine that leads elsewhere; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("198.51.100.1", 9))  # for documentation (RFC 5737): it belongs to nobody
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(sock.getsockname()[0])


def test_the_api_server_passes_requests_on(cluster: Cluster, replicas: Replicas) -> None:
    """As `kubectl get --raw` sends them; the API server passes nothing on to a loopback address."""
    address = own_address()
    with Relay(address, replicas[0].metrics_port) as relay:
        slice_ = {
            "metadata": {"name": "headroom-test", "labels": {"kubernetes.io/service-name": "headroom"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": relay.port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        }
        cluster.api.create(SLICES, slice_)
        try:
            until(lambda: cluster.kubectl("get", "--raw", f"{PROXY}/", check=False).returncode == 0, "the way", SECONDS)
            said = json.loads(cluster.kubectl("get", "--raw", f"{PROXY}/").stdout)
            jsonschema_rs.validate(pykles.NODES, said)
            listed = json.loads(cluster.kubectl("get", "--raw", f"{PROXY}/api/v1/nodes?limit=1").stdout)
            assert [each["name"] for each in listed["items"]] == ["node-1"]
            refused = cluster.kubectl("get", "--raw", f"{PROXY}/api/v1/nodes?limt=1", check=False)
            assert refused.returncode == 1
        finally:
            cluster.api.delete(f"{SLICES}/headroom-test")

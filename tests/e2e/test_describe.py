"""What `kubectl describe node` says is allocated is what Headroom's footprints of the same pods come to."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from devcluster.api import Object
from devcluster.cluster import Cluster
from devcluster.processes import until
from tests.e2e.pods import container, pod
from tests.e2e.story import Story
from webhook.core.api.types import Pod, reader
from webhook.core.pods.footprint import footprint
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.quantity import millis, nanos, whole

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
SANDBOX = "headroom-test-described"
SHARE = r"(\S+) \(\d+%\)"

read_pod = reader(Pod)


class Figures(NamedTuple):
    """Requests and limits as kubectl adds them up; memory in bytes, cpu in millicores."""

    cpu_requests: int
    cpu_limits: int
    memory_requests: int
    memory_limits: int


def asks(requests: Object | None = None, limits: Object | None = None, name: str = "main", **more: object) -> Object:
    resources = {key: value for key, value in {"requests": requests, "limits": limits}.items() if value}
    return {**container(name=name), "resources": resources, **more}


def size(memory: str, cpu: str) -> Object:
    return {"memory": memory, "cpu": cpu}


APP = asks(size("100Mi", "100m"), size("200Mi", "1"), "app")
SIDECAR = asks(size("30Mi", "50m"), {"memory": "40Mi"}, "sidecar", restartPolicy="Always")
FIRST = asks(size("310Mi", "20m"), size("400Mi", "2"), "first")
LATER = asks(size("300Mi", "700m"), size("300Mi", "700m"), "later")
PODS = [
    pod("plain", APP, asks(size("50Mi", "0.2"), size("60Mi", "0.3"), "second")),
    pod("best-effort", container()),
    pod("no-limit", asks(size("70Mi", "10m"))),
    pod("limit-alone", asks(None, size("70Mi", "10m"))),
    pod("one-without-limit", APP, asks(size("20Mi", "1m"), None, "second")),
    pod("init", APP, initContainers=[FIRST, LATER]),
    pod("small-init", APP, initContainers=[asks(size("9Mi", "9m"), size("19Mi", "19m"), "first")]),
    pod("sidecar", APP, initContainers=[SIDECAR]),
    pod("sidecar-between", APP, initContainers=[FIRST, SIDECAR, LATER]),
    pod("sidecar-first", APP, initContainers=[SIDECAR, FIRST, LATER]),
    pod("overhead", APP, initContainers=[FIRST], runtimeClassName=SANDBOX),
    pod("overhead-no-limit", asks(size("5Mi", "5m")), runtimeClassName=SANDBOX),
    pod("pod-level", APP, resources={"requests": size("500Mi", "400m"), "limits": size("600Mi", "2")}),
    pod("pod-level-overhead", APP, resources={"limits": size("600Mi", "2")}, runtimeClassName=SANDBOX),
    pod("notations", asks(size("1e6", "1e-1"), size("0.5Gi", "1.5")), asks(size("128M", "3m"), size("1G", "4"), "b")),
]


@pytest.fixture(scope="module", autouse=True)
def sandbox(cluster: Cluster) -> Iterator[None]:
    """A runtime that costs memory and cpu for each pod."""
    overhead = {"podFixed": size("64Mi", "25m")}
    cluster.api.create(CLASSES, {"metadata": {"name": SANDBOX}, "handler": "none", "overhead": overhead})
    yield
    cluster.api.delete(f"{CLASSES}/{SANDBOX}")


@pytest.fixture
def described(story: Story) -> Story:
    """A story whose pods run on two of the nodes, every other one on each."""
    story.headroom.configure({"requests": "1000%", "limits": "1000%"})
    for number, each in enumerate(PODS):
        story.create({**each, "spec": {**each["spec"], "nodeName": f"node-{number % 2 + 1}"}})
    until(lambda: all(p["status"]["phase"] == "Running" for p in story.api.items(story.pods)), "the pods' start", 120.0)
    return story


def allocated(story: Story, node: str) -> Figures:
    """The totals in `kubectl describe node`."""
    text = story.kubectl("describe", "node", node).stdout.partition("Allocated resources:")[2]
    cpu, memory = (re.search(rf"^ +{name} +{SHARE} +{SHARE}$", text, re.MULTILINE) for name in ("cpu", "memory"))
    assert cpu, text
    assert memory, text
    return _figures(*cpu.groups(), *memory.groups())


def listed(story: Story, node: str) -> dict[str, Figures]:
    """The pods in `kubectl describe node`, by name."""
    text = story.kubectl("describe", "node", node).stdout
    line = re.compile(rf"^ +{story.namespace} +(\S+) +{SHARE} +{SHARE} +{SHARE} +{SHARE} ", re.MULTILINE)
    return {name: _figures(*amounts) for name, *amounts in line.findall(text)}


def _figures(cpu_requests: str, cpu_limits: str, memory_requests: str, memory_limits: str) -> Figures:
    cpu, memory = [millis(nanos(each)) for each in (cpu_requests, cpu_limits)], (memory_requests, memory_limits)
    return Figures(*cpu, *(whole(nanos(each)) for each in memory))


def ours(story: Story, pods: list[Object]) -> Figures:
    """What Headroom makes of pods as the API server shows them."""
    total, rules = NOTHING, story.headroom.rules
    for each in pods:
        total = total.plus(footprint(read_pod(json.dumps(each).encode()), rules))
    return _declared(total)


def _declared(amounts: Amounts) -> Figures:
    return Figures(amounts.cpu_requests, amounts.cpu_limits, amounts.memory_requests, amounts.memory_limits)


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_the_sums_of_a_nodes_pods_are_what_kubectl_says_is_allocated(described: Story, node: str) -> None:
    pods = described.api.items("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")
    assert len(pods) >= len(PODS) // 2
    assert allocated(described, node) == ours(described, pods)


def test_each_pods_footprint_is_what_kubectl_says_of_it(described: Story) -> None:
    theirs = listed(described, "node-1") | listed(described, "node-2")
    assert theirs == {each["metadata"]["name"]: ours(described, [each]) for each in described.api.items(described.pods)}
    assert len(theirs) == len(PODS)


def test_the_account_is_what_kubectl_says_of_all_nodes(described: Story) -> None:
    described.headroom.configure({"requests": "1000%", "limits": "1000%"}, missingLimits="ignore")
    account = described.headroom.account()
    said = [allocated(described, f"node-{number}") for number in (1, 2, 3)]
    assert account.requests == sum(each.memory_requests for each in said)
    assert account.limits == sum(each.memory_limits for each in said)


def test_a_pod_that_has_run_to_its_end_is_in_neither(described: Story) -> None:
    before = allocated(described, "node-1")
    described.api.patch(f"{described.pods}/plain/status", {"status": {"phase": "Succeeded"}})
    after, pods = allocated(described, "node-1"), described.api.items(described.pods)
    (plain,) = [each for each in pods if each["metadata"]["name"] == "plain"]
    assert [a - b for a, b in zip(before, after, strict=True)] == list(ours(described, [plain]))


def test_while_a_container_is_resized_the_pods_own_line_says_what_counts(described: Story) -> None:
    """Its kubelet holds more than the pod asks for yet: kubectl counts that in the pod's line, not in its totals."""
    path = f"{described.pods}/plain"
    statuses = described.api.get(path)["status"]["containerStatuses"]
    held = {"resources": {"requests": size("900Mi", "900m"), "limits": size("950Mi", "2")}}
    report = [{**statuses[0], **held, "allocatedResources": size("900Mi", "900m")}, *statuses[1:]]
    described.api.patch(f"{path}/status", {"status": {"containerStatuses": report}})
    found = described.api.get(path)
    assert listed(described, "node-1")["plain"] == ours(described, [found])
    assert ours(described, [found]).memory_requests == (900 + 50) << 20

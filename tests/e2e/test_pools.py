"""Two pools of nodes, each planned at 75 %: what is sent to a pool is bounded there, while the other one has room."""

from collections.abc import Iterator

import pytest
import yaml

from devcluster import nodes
from devcluster.api import ApiError, Object
from devcluster.controlplane import ControlPlane
from devcluster.gate import BASE
from devcluster.processes import until
from tests.e2e.headroom import GATE, SECONDS, Headroom
from tests.e2e.pods import asking, container, pod
from tests.e2e.story import Story
from tests.e2e.workload import Workload

pytestmark = pytest.mark.live

GI = 1 << 30


def planned(name: str, **selector: str) -> Object:
    """A pool at 75 % of both resources."""
    thresholds = {"memory": {"requests": "75%"}, "cpu": {"requests": "75%"}}
    return {"name": name, "nodeSelector": selector, "thresholds": thresholds}


POOLS = [planned("standard", pool="standard"), planned("high-mem", pool="high-mem")]
STANDARD = nodes.Shape(memory="4Gi", cpu="4", labels={"pool": "standard"})
HIGH_MEM = nodes.Shape(memory="8Gi", cpu="1", labels={"pool": "high-mem"})


@pytest.fixture(autouse=True)
def two_pools(control_plane: ControlPlane, headroom: Headroom, no_nodes: None) -> Iterator[None]:
    """Two nodes of each pool, and the account at 75 % of each."""
    nodes.add(control_plane, 2, STANDARD)
    nodes.add(control_plane, 2, HIGH_MEM, first=3)
    headroom.configure({"requests": "75%"}, pools=POOLS)
    headroom.sees(24 * GI)
    yield
    headroom.configure({"requests": "100%"})


def sized(memory: str, cpu: str) -> Object:
    """A container that asks for so much of both and is limited to no cpu."""
    asked = {"requests": {"memory": memory, "cpu": cpu}, "limits": {"memory": memory}}
    return container(resources=asked)


def within(pool: str) -> Object:
    """Required node affinity for the pool's nodes."""
    terms = [{"matchExpressions": [{"key": "pool", "operator": "In", "values": [pool]}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def deployment(story: Story, pool: str, memory: str, cpu: str) -> Workload:
    """A Deployment whose pods are sent to a pool by their nodeSelector."""
    return Workload(story, memory, f"{pool}-web", nodeSelector={"pool": pool}, containers=[sized(memory, cpu)])


def on(story: Story, workload: Workload, count: int) -> set[str]:
    """The nodes that so many pods of a Deployment have come to run on."""

    def placed() -> list[str]:
        return [each["spec"]["nodeName"] for each in workload.pods() if each["status"].get("phase") == "Running"]

    until(lambda: len(placed()) == count, f"{count} running pods of {workload.name}", SECONDS)
    return set(placed())


def test_each_pool_takes_exactly_what_it_is_planned_for(story: Story) -> None:
    """Standard bears 6Gi and 6 cores, high-mem 12Gi and 1.5 cores."""
    standard = deployment(story, "standard", "512Mi", "500m")
    standard.apply(20)
    standard.settles_at(12)
    told = story.refused(asking("more", "1Mi", nodeSelector={"pool": "standard"}))
    assert (
        "exceeds pool standard's memory headroom: it adds 1Mi of requests, 0 is free (6144Mi of 6144Mi committed; "
        "threshold 75% of allocatable)"
    ) in told
    assert "high-mem" not in told
    assert "cluster" not in told
    account = story.headroom.account("standard")
    assert (account.allocatable, account.requests, account.requests_bound) == (8 * GI, 6 * GI, 6 * GI)

    high_mem = deployment(story, "high-mem", "2Gi", "250m")
    high_mem.apply(10)
    high_mem.settles_at(6)
    told = story.refused(asking("more", "1Mi", nodeSelector={"pool": "high-mem"}))
    assert (
        "pool high-mem's memory headroom: it adds 1Mi of requests, 0 is free (12288Mi of 12288Mi committed; "
        "threshold 75% of allocatable)"
    ) in told
    account = story.headroom.account("high-mem")
    assert (account.allocatable, account.requests, account.requests_bound) == (16 * GI, 12 * GI, 12 * GI)

    assert on(story, standard, 12) == {"node-1", "node-2"}
    assert on(story, high_mem, 6) == {"node-3", "node-4"}
    account = story.headroom.account()
    assert (account.allocatable, account.requests, account.requests_bound) == (24 * GI, 18 * GI, 18 * GI)


def test_cpu_that_runs_out_first_is_what_the_refusal_names(story: Story) -> None:
    story.create(pod("busy", sized("1Gi", "1500m"), nodeSelector={"pool": "high-mem"}))
    told = story.refused(pod("more", sized("1Gi", "1m"), nodeSelector={"pool": "high-mem"}))
    assert "exceeds pool high-mem's cpu headroom: it adds 1m of requests, 0 is free (1500m of 1500m committed" in told
    assert "memory" not in told
    story.create(pod("there", sized("1Gi", "1500m"), nodeSelector={"pool": "standard"}))


def test_required_node_affinity_sends_a_pod_to_a_pool_as_a_node_selector_does(story: Story) -> None:
    story.create(asking("first", "6Gi", affinity=within("standard")))
    assert story.headroom.account("standard").free_requests == 0
    assert "pool standard" in story.refused(asking("second", 1, affinity=within("standard")))
    assert "pool standard" in story.refused(asking("third", 1, nodeSelector={"pool": "standard"}))
    story.create(asking("elsewhere", "12Gi", affinity=within("high-mem")))
    assert story.headroom.account("high-mem").free_requests == 0


def test_a_pod_that_may_go_to_either_pool_needs_room_in_the_cluster_alone(story: Story) -> None:
    story.create(asking("first", "6Gi", nodeSelector={"pool": "standard"}))
    either = within("standard")
    (term,) = either["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    term["matchExpressions"][0]["values"].append("high-mem")
    story.create(asking("either", "1Gi", affinity=either))
    assert story.headroom.account("standard").requests == 6 * GI
    assert story.headroom.account("high-mem").requests == 0
    assert story.headroom.account().requests == 7 * GI


def binds(story: Story, pool: str) -> tuple[float, float]:
    """How many pods came to a pool that they were not charged to, and their requests."""
    shown = story.headroom.exposition()
    names = "headroom_unconfined_binds_total", "headroom_unconfined_bind_memory_bytes_total"
    number, requests = (shown.value(name, pool=pool) for name in names)
    return number, requests


def test_what_comes_past_a_pools_bound_by_being_bound_there_is_counted_and_metered(story: Story) -> None:
    story.create(asking("first", "6Gi", nodeSelector={"pool": "standard"}))
    story.create(asking("either", "1Gi"))
    before = binds(story, "standard")
    target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "either"}, "target": target}
    story.api.create(f"{story.pods}/either/binding", binding)
    until(lambda: story.headroom.account("standard").requests == 7 * GI, "the account of the bound pod", SECONDS)
    assert binds(story, "standard") == (before[0] + 1, before[1] + GI)
    assert "pool standard" in story.refused(asking("more", 1, nodeSelector={"pool": "standard"}))


def test_a_pod_that_is_sent_to_a_pool_later_is_asked_about_and_no_other_update_is(story: Story) -> None:
    """What Kueue does: a gated pod's nodeSelector or affinity is set while its gate opens."""
    story.create(asking("full", "5Gi", nodeSelector={"pool": "standard"}))
    for name in ("gated", "other"):
        story.create(asking(name, "1Gi", schedulingGates=[{"name": "example.com/quota"}]))
    story.create(asking("free", "1Gi"))
    assert story.headroom.account("standard").requests == 5 * GI

    def asked() -> float:
        return story.headroom.exposition().value("headroom_admission_reviews_total", operation="UPDATE", kind="Pod")

    def patched(name: str, **change: object) -> str:
        try:
            story.api.patch(f"{story.pods}/{name}", change)
        except ApiError as error:
            return error.message
        return ""

    def gates_are_noted() -> bool:
        pods = [story.api.get(f"{story.pods}/{name}") for name in ("gated", "other")]
        return all(
            c["reason"] == "SchedulingGated" for pod in pods for c in pod["status"].get("conditions", [{"reason": ""}])
        )

    # The API server tries a patch again that meets the scheduler's write of the status, and asks again.
    until(gates_are_noted, "the scheduler's notes of the gates", SECONDS)
    before = asked()
    assert patched("free", metadata={"labels": {"a": "b"}}) == ""
    assert patched("free", spec={"activeDeadlineSeconds": 1000}) == ""
    assert asked() == before
    assert patched("gated", metadata={"labels": {"a": "b"}}) == ""
    assert patched("gated", spec={"schedulingGates": [], "affinity": within("standard")}) == ""
    assert asked() == before + 2
    assert story.headroom.account("standard").requests == 6 * GI
    told = patched("other", spec={"schedulingGates": [], "nodeSelector": {"pool": "standard"}})
    assert (
        "/other to these nodes exceeds pool standard's memory headroom: it adds 1Gi of requests, 0 is free (6Gi of 6Gi "
    ) in told
    assert patched("other", spec={"schedulingGates": [], "nodeSelector": {"pool": "high-mem"}}) == ""
    assert story.headroom.account("high-mem").requests == GI
    assert story.headroom.account().requests == 8 * GI
    assert patched("other", spec={"nodeSelector": {"pool": "standard"}}) != "", "without a gate it stays"


@pytest.fixture
def reviewed_bindings(story: Story) -> Iterator[None]:
    """Have the API server ask about bindings, as manifests/components/review-bindings does."""
    patched = yaml.safe_load((BASE.parent / "components/review-bindings/kustomization.yaml").read_text())["patches"]
    (addition,) = yaml.safe_load(patched[0]["patch"])
    gate = story.api.get(GATE)
    gate["webhooks"][0]["rules"].append(addition["value"])
    story.api.replace(GATE, gate)
    story.create(asking("for-show"))
    until(lambda: bind(story, "for-show", "nowhere") != "", "a review of a binding", SECONDS)
    yield
    gate = story.api.get(GATE)
    gate["webhooks"][0]["rules"].pop()
    story.api.replace(GATE, gate)
    until(lambda: bind(story, "for-show", "nowhere") == "", "bindings that nobody is asked about", SECONDS)


def bind(story: Story, name: str, node: str) -> str:
    """Try to bind a pod to a node, for show; return what Headroom said against it."""
    meta = {"name": name, "uid": story.api.get(f"{story.pods}/{name}")["metadata"]["uid"]}
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
    try:
        story.api.create(f"{story.pods}/{name}/binding", binding, dryRun="All")
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.usefixtures("reviewed_bindings")
def test_a_binding_into_a_full_pool_is_refused_where_bindings_are_reviewed(story: Story) -> None:
    story.create(asking("full", "6Gi", nodeSelector={"pool": "standard"}))
    term = {"preference": {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["standard"]}]}}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, **term}]}
    story.create(asking("either", "1Gi", affinity={"nodeAffinity": preferred}, schedulerName="default-scheduler"))

    def refused() -> list[Object]:
        lines = story.headroom.audit_lines(story.namespace)
        return [each for each in lines if each["kind"] == "Binding/binding" and each["decision"] == "deny"]

    until(lambda: len(refused()) >= 2, "two refused bindings", SECONDS)
    told = refused()[0]["message"]
    assert (
        "either to this node exceeds pool standard's memory headroom: it adds 1Gi of requests, 0 is free (6Gi of 6Gi "
    ) in told
    assert bind(story, "either", "node-3") == ""
    assert "nodeName" not in story.api.get(f"{story.pods}/either")["spec"]
    before = binds(story, "standard")
    story.delete("full")
    until(lambda: "nodeName" in story.api.get(f"{story.pods}/either")["spec"], "the binding", SECONDS)
    assert story.headroom.account("standard").requests == GI
    assert binds(story, "standard") == (before[0] + 1, before[1] + GI), "it was not confined there all the same"


def test_affinity_that_names_one_pool_and_nodes_that_there_are_not_is_bounded_by_the_pool(story: Story) -> None:
    listed = within("standard")
    (term,) = listed["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    term["matchExpressions"][0]["values"].append("nosuch")
    story.create(asking("first", "6Gi", affinity=listed))
    assert "pool standard" in story.refused(asking("second", 1, affinity=listed))
    not_there = {"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["high-mem"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [not_there]}}
    assert "pool standard" in story.refused(asking("third", 1, affinity={"nodeAffinity": required}))


def test_a_pod_that_ended_and_is_made_to_live_again_is_counted_and_metered(story: Story) -> None:
    story.create(asking("ended", "2Gi"))
    story.api.patch(f"{story.pods}/ended/status", {"status": {"phase": "Failed"}})
    until(lambda: story.headroom.account().requests == 0, "the account without the pod", SECONDS)
    story.create(asking("full", "17Gi"))
    before = story.headroom.exposition().value("headroom_unreviewed_growths_total")
    story.api.patch(f"{story.pods}/ended/status", {"status": {"phase": "Running"}})
    until(lambda: story.headroom.account().requests == 19 * GI, "the account with the pod", SECONDS)
    assert story.headroom.exposition().value("headroom_unreviewed_growths_total") == before + 1
    line = f"pod '{story.namespace}/ended' grew without a review"
    until(lambda: line in story.headroom.log(), "the log line", SECONDS)
    assert "exceeds the cluster's memory headroom: " in story.refused(asking("more", 1))


def run_on_nodes_outside(story: Story, pool: str, name: str) -> None:
    """A DaemonSet of pods of 1Gi; its controller puts each one's node (`matchFields`) in the place of this affinity."""
    terms = [{"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": [pool]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    pods = {"containers": [sized("1Gi", "100m")], "affinity": affinity}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pods},
    }
    kind = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}}
    story.kubectl("apply", "-f", "-", given={**kind, "spec": spec})


def test_the_pods_of_a_daemon_set_are_judged_by_the_pool_of_the_node_that_each_is_for(story: Story) -> None:
    story.headroom.configure({"requests": "75%"}, pools=POOLS, exempt={"daemonSets": False})
    story.create(asking("full", "6Gi", nodeSelector={"pool": "standard"}))
    run_on_nodes_outside(story, "high-mem", "refused")
    run_on_nodes_outside(story, "standard", "agent")

    def refusals() -> list[Object]:
        lines = story.headroom.audit_lines(story.namespace)
        return [line for line in lines if line["decision"] == "deny"]

    def placed() -> set[str]:
        found = story.api.items(story.pods, labelSelector="app=agent")
        return {each["spec"].get("nodeName", "") for each in found}

    until(lambda: placed() == {"node-3", "node-4"} and len(refusals()) >= 2, "the pods of the DaemonSets", SECONDS)
    assert {(line["owner_name"], line["scope"]) for line in refusals()} == {("refused", "standard")}
    assert story.headroom.account("high-mem").requests == 2 * GI
    assert story.headroom.account("standard").requests == 6 * GI


def test_a_node_that_changes_its_pool_takes_its_pods_along(control_plane: ControlPlane, story: Story) -> None:
    story.create(asking("there", "2Gi", nodeName="node-3"))
    assert story.headroom.account("high-mem").requests == 2 * GI
    nodes.label(control_plane, "node-3", {"pool": "standard"})

    def balance(pool: str) -> tuple[int, int]:
        account = story.headroom.account(pool)
        return account.requests, account.requests_bound

    until(lambda: balance("standard") == (2 * GI, 12 * GI), "the node's move", SECONDS)
    assert balance("high-mem") == (0, 6 * GI)
    assert balance("cluster") == (2 * GI, 18 * GI)


def test_pools_that_select_the_same_nodes_are_reported(control_plane: ControlPlane, story: Story) -> None:
    story.headroom.configure({"requests": "75%"}, pools=[*POOLS, planned("late", zone="a")])
    nodes.label(control_plane, "node-1", {"zone": "a"})

    def shared() -> float:
        return story.headroom.exposition().value("headroom_pool_overlap_nodes", pool="standard", other="late")

    until(lambda: shared() == 1, "the overlap", SECONDS)
    line = "pools standard and late both select nodes (1 now): they belong to standard"
    until(lambda: line in story.headroom.log(), "the log line", SECONDS)
    assert story.headroom.account("late").allocatable == 0

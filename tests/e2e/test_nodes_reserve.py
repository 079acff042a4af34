"""A reserve for the loss of nodes: the replacements of a lost or drained node's pods are let in, and nothing beyond."""

from collections import Counter

import pytest

from devcluster import nodes
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.e2e.conftest import NODE, AddNodes
from tests.e2e.headroom import Account, Headroom
from tests.e2e.pods import asking
from tests.e2e.story import Story
from tests.e2e.workload import Workload

pytestmark = pytest.mark.live

GI = 1 << 30
SECONDS = 120.0
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


@pytest.fixture(autouse=True)
def nothing_lost(control_plane: ControlPlane, headroom: Headroom, no_nodes: None) -> None:
    """A node that an earlier test has deleted is taken as lost for ten minutes, and would use the reserve up."""
    nodes.add(control_plane, 1)
    headroom.configure({"requests": "100%"}, reserve={"nodes": 1}, nodes={"forgetDeletedAfter": "0s"})
    until(lambda: reserve(headroom) == NODE, "the end of what was lost before", SECONDS)
    nodes.remove_all(control_plane)
    headroom.sees(0)


def balance(story: Story) -> tuple[int, int, int]:
    """What is allocatable, requested and may be, in bytes."""
    account = story.headroom.account()
    return account.allocatable, account.requests, account.requests_bound


def used(headroom: Headroom) -> float:
    """For how many nodes the reserve pays."""
    return headroom.exposition().value("headroom_reserve_used_nodes", scope="cluster")


def reserve(headroom: Headroom) -> float:
    """What of allocatable is kept, in bytes."""
    return headroom.exposition().value("headroom_scope_memory_requests_reserve_bytes", scope="cluster")


def running(workload: Workload, count: int) -> Counter[str]:
    """How many of so many running pods are on each node."""

    def placed() -> list[str]:
        return [each["spec"]["nodeName"] for each in workload.pods() if each["status"].get("phase") == "Running"]

    until(lambda: len(placed()) == count, f"{count} running pods", SECONDS)
    return Counter(placed())


def fullest(placed: Counter[str]) -> tuple[str, int, set[str]]:
    """The node with the most pods, how many these are, and the other nodes; no scheduler has to spread pods evenly."""
    (node, count), *_ = placed.most_common()
    return node, count, {"node-1", "node-2", "node-3"} - {node}


def lose_pods(story: Story, node: str) -> None:
    """Delete the pods of a node that is no more, as the collector of orphaned pods does."""
    story.api.delete(story.pods, gracePeriodSeconds=0, fieldSelector=f"spec.nodeName={node}")


def test_with_a_reserve_the_replacements_of_a_lost_nodes_pods_are_all_let_in(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "100%"}, reserve={"nodes": 1})
    web = Workload(story, "1Gi")
    web.apply(16)
    web.settles_at(16)
    node, lost, others = fullest(running(web, 16))
    assert (balance(story), reserve(story.headroom)) == ((24 * GI, 16 * GI, 16 * GI), 8 * GI)
    story.refused(asking("before", 1))

    nodes.remove(control_plane, node)
    until(lambda: balance(story) == (16 * GI, (16 - lost) * GI, 16 * GI), "the node's end", SECONDS)
    assert reserve(story.headroom) == 0
    lose_pods(story, node)
    web.settles_at(16)
    assert running(web, 16) == dict.fromkeys(others, 8)
    assert balance(story) == (16 * GI, 16 * GI, 16 * GI)
    story.refused(asking("after", 1))


def test_without_a_reserve_exactly_what_fits_is_let_in_again(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "50%"})
    web = Workload(story, "1Gi")
    web.apply(10)
    web.settles_at(10)
    node, lost, others = fullest(running(web, 10))
    assert lost > 2
    nodes.remove(control_plane, node)
    until(lambda: balance(story) == (16 * GI, (10 - lost) * GI, 8 * GI), "the node's end", SECONDS)
    lose_pods(story, node)
    web.settles_at(8)
    assert set(running(web, 8)) <= others
    assert balance(story) == (16 * GI, 8 * GI, 8 * GI)
    # A larger node in its place: the rest comes as well.
    nodes.add_one(control_plane, node, nodes.Shape(memory="12Gi"))
    story.headroom.sees(28 * GI)
    web.touch()
    web.settles_at(10)
    assert balance(story) == (28 * GI, 10 * GI, 14 * GI)


def test_every_pod_of_a_drained_node_comes_back_and_of_one_that_is_lost_later_too(
    control_plane: ControlPlane, story: Story
) -> None:
    nodes.add(control_plane, 3, nodes.Shape(memory="6Gi"))
    story.headroom.configure({"requests": "100%"}, reserve={"nodes": 1})
    story.headroom.sees(18 * GI)
    web = Workload(story, "1Gi")
    web.apply(12)
    web.settles_at(12)
    node, _, (second, third) = fullest(running(web, 12))

    # A cordon by itself changes nothing but what counts as allocatable.
    nodes.cordon(control_plane, node)
    until(lambda: balance(story) == (12 * GI, 12 * GI, 12 * GI), "the cordon's effect", SECONDS)
    assert (reserve(story.headroom), used(story.headroom)) == (0, 1)
    told = f"the reserve of the cluster (nodes: 1) is used up by {node}: the loss of another node may not be covered"
    until(lambda: told in story.headroom.log(), "the warning", SECONDS)
    story.refused(asking("cordoned", 1))
    nodes.cordon(control_plane, node, on=False)
    until(lambda: balance(story) == (18 * GI, 12 * GI, 12 * GI), "the uncordon's effect", SECONDS)
    story.refused(asking("uncordoned", 1))

    story.kubectl("drain", node, f"--timeout={SECONDS:.0f}s")
    web.settles_at(12)
    assert running(web, 12) == {second: 6, third: 6}
    assert balance(story) == (12 * GI, 12 * GI, 12 * GI)

    # The node ends as planned, another comes in its place, and the reserve is there again for a loss without a drain.
    nodes.remove(control_plane, node)
    until(lambda: not control_plane.api.exists(f"{nodes.NODES}/{node}"), "the node's end", SECONDS)
    story.refused(asking("removed", 1))
    nodes.add(control_plane, 1, nodes.Shape(memory="6Gi"), first=4)
    until(lambda: balance(story) == (18 * GI, 12 * GI, 12 * GI), "the new node", SECONDS)
    assert (reserve(story.headroom), used(story.headroom)) == (6 * GI, 0)
    nodes.remove(control_plane, second)
    until(lambda: balance(story) == (12 * GI, 6 * GI, 12 * GI), "the loss", SECONDS)
    lose_pods(story, second)
    web.settles_at(12)
    assert running(web, 12) == {third: 6, "node-4": 6}
    story.refused(asking("past", 1))


def test_to_taint_the_largest_node_away_gives_no_headroom(control_plane: ControlPlane, story: Story) -> None:
    nodes.add(control_plane, 1, nodes.Shape(memory="16Gi"))
    nodes.add(control_plane, 2, first=2)
    story.headroom.configure({"requests": "100%"}, reserve={"nodes": 1})
    story.headroom.sees(32 * GI)
    story.create(asking("big", "12Gi", nodeName="node-1"))
    assert (balance(story), reserve(story.headroom)) == ((32 * GI, 12 * GI, 16 * GI), 16 * GI)
    nodes.taint(control_plane, "node-1", [CONTROL_PLANE])
    until(lambda: balance(story) == (16 * GI, 0, 4 * GI), "the taint's effect", SECONDS)
    assert reserve(story.headroom) == 12 * GI
    told = story.refused(asking("over", 4 * GI + 1))
    assert "threshold 100% of allocatable less 12Gi in reserve" in told
    story.delete("big")
    until(lambda: balance(story) == (16 * GI, 0, 8 * GI), "the empty node's effect", SECONDS)
    nodes.remove(control_plane, "node-1")
    until(lambda: not control_plane.api.exists(f"{nodes.NODES}/node-1"), "the node's end", SECONDS)
    story.create(asking("last", 8 * GI))
    story.refused(asking("past", 1))
    assert balance(story) == (16 * GI, 8 * GI, 8 * GI)


def test_a_cordoned_node_that_is_lost_lets_in_the_replacements_of_its_own_pods(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "100%"}, reserve={"nodes": 1})
    nodes.cordon(control_plane, "node-3")
    story.headroom.sees(16 * GI)
    story.create(asking("there", "3Gi", nodeName="node-3"))
    story.create(asking("rest", story.headroom.account().free_requests))
    assert balance(story) == (16 * GI, 16 * GI, 16 * GI)
    nodes.remove(control_plane, "node-3")
    until(lambda: balance(story) == (16 * GI, 13 * GI, 16 * GI), "the node's end", SECONDS)
    story.delete("there")
    story.create(asking("again", "3Gi"))
    story.refused(asking("past", 1))
    assert balance(story) == (16 * GI, 16 * GI, 16 * GI)


def test_what_a_reserve_paid_for_is_kept_again_when_the_node_is_back(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "100%"}, reserve={"nodes": 1}, nodes={"notReadyGrace": "1s"})
    story.create(asking("there", "5Gi", nodeName="node-3"))
    story.create(asking("rest", "11Gi"))
    whole = story.headroom.account()
    assert whole == Account(24 * GI, 16 * GI, 16 * GI, whole.limits, whole.limits_bound)
    nodes.set_ready(control_plane, "node-3", "False")
    until(lambda: balance(story) == (16 * GI, 11 * GI, 16 * GI), "the loss", 1.0 + SECONDS)
    story.create(asking("replacement", "5Gi"))
    story.refused(asking("past", 1))
    nodes.set_ready(control_plane, "node-3")
    until(lambda: balance(story) == (24 * GI, 21 * GI, 16 * GI), "the return", SECONDS)
    story.refused(asking("still-past", 1))
    story.delete("there")
    assert story.headroom.account().free_requests == 0

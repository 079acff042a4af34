"""Nodes come and go: the bound follows them, and what their pods commit leaves and returns with them."""

import time
from collections.abc import Callable

import pytest

from devcluster import nodes
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.e2e.conftest import AddNodes
from tests.e2e.headroom import Account
from tests.e2e.pods import asking
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("no_nodes")]

GI = 1 << 30
GRACE = 2.0
SECONDS = 60.0  # it follows a node within one where nothing else wants the processor
Change = Callable[[ControlPlane, str], None]


def cordon(plane: ControlPlane, node: str) -> None:
    nodes.cordon(plane, node)


def uncordon(plane: ControlPlane, node: str) -> None:
    nodes.cordon(plane, node, on=False)


def fail(plane: ControlPlane, node: str) -> None:
    nodes.set_ready(plane, node, "False")


def fall_silent(plane: ControlPlane, node: str) -> None:
    nodes.set_ready(plane, node, "Unknown")


def recover(plane: ControlPlane, node: str) -> None:
    nodes.set_ready(plane, node)


def taint(plane: ControlPlane, node: str) -> None:
    nodes.taint(plane, node, [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])


def untaint(plane: ControlPlane, node: str) -> None:
    nodes.taint(plane, node, [])


def add(plane: ControlPlane, node: str) -> None:
    nodes.add_one(plane, node, nodes.Shape())


CHANGES = {
    "cordon": (cordon, uncordon, 0.0),
    "not-ready": (fail, recover, GRACE),
    "unknown": (fall_silent, recover, GRACE),
    "taint": (taint, untaint, 0.0),
    "deletion": (nodes.remove, add, 0.0),
}


def three_nodes_with_pods(add_nodes: AddNodes, story: Story, grace: float = GRACE) -> Account:
    """Three nodes at 50 %; node-1 runs 1Gi, node-2 runs 3Gi, and 2Gi are not placed."""
    add_nodes(3)
    story.headroom.configure({"requests": "50%", "limits": "100%"}, nodes={"notReadyGrace": f"{grace:g}s"})
    story.create(asking("one", "1Gi", "2Gi", nodeName="node-1"))
    story.create(asking("two", "3Gi", "4Gi", nodeName="node-2"))
    story.create(asking("none", "2Gi", "2Gi"))
    account = story.headroom.account()
    assert account == Account(24 * GI, 6 * GI, 12 * GI, 8 * GI, 24 * GI)
    return account


def turns(story: Story, before: Account, wanted: Account, change: Callable[[], None]) -> float:
    """Change something, and wait until the account is as wanted, and nothing else but what it was in between.

    Returns the seconds from before the change on.
    """
    began = time.monotonic()
    change()
    while (account := story.headroom.account()) != wanted:
        assert account == before, "bound and commitment do not move together"
        assert time.monotonic() - began < SECONDS, f"{account}, and not {wanted}"
    return time.monotonic() - began


@pytest.mark.parametrize(("leave", "come_back", "due"), CHANGES.values(), ids=CHANGES)
def test_a_node_takes_its_room_and_its_pods_along_and_brings_both_back(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story, leave: Change, come_back: Change, due: float
) -> None:
    whole = three_nodes_with_pods(add_nodes, story)
    without = Account(16 * GI, 3 * GI, 8 * GI, 4 * GI, 16 * GI)
    left = turns(story, whole, without, lambda: leave(control_plane, "node-2"))
    # The status has whole seconds and the watch its delay: the grace is over not much too early.
    assert left >= due - 0.5
    assert ", 5Gi is free (" in story.refused_for(1, asking("over", 5 * GI + 1))
    back = turns(story, without, whole, lambda: come_back(control_plane, "node-2"))
    print(f"left after {left:.2f} s ({due:g} s due), came back after {back:.2f} s")
    assert ", 6Gi is free (" in story.refused_for(1, asking("over", 6 * GI + 1))


def test_a_node_that_is_back_within_its_grace_never_left(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    grace = 6.0
    whole = three_nodes_with_pods(add_nodes, story, grace)
    while True:
        began = time.monotonic()
        fail(control_plane, "node-2")
        time.sleep(0.5)
        recover(control_plane, "node-2")
        if time.monotonic() < began + grace / 2:
            break
        # The machine took so long that the node may have left; once it is back, all is as before.
        until(lambda: story.headroom.account() == whole, "the node's return", SECONDS)
    while time.monotonic() < began + grace + 0.5:
        assert story.headroom.account() == whole


def test_cordoning_an_over_full_node_gives_no_headroom(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(3)
    story.headroom.configure({"requests": "50%"})
    story.create(asking("big", "7Gi", nodeName="node-2"))
    assert story.headroom.account().free_requests == 5 * GI
    cordon(control_plane, "node-2")
    until(lambda: story.headroom.account().allocatable == 16 * GI, "the cordon's effect", SECONDS)
    assert story.headroom.account().free_requests == 5 * GI
    story.refused(asking("over", 5 * GI + 1))
    story.create(asking("last", 5 * GI))


def test_a_pod_let_in_under_a_node_that_leaves_is_counted_once(
    control_plane: ControlPlane, add_nodes: AddNodes, story: Story
) -> None:
    add_nodes(2)
    story.headroom.configure({"requests": "50%"})
    story.create(asking("here", "2Gi", nodeName="node-2"))
    cordon(control_plane, "node-2")
    until(lambda: story.headroom.account().free_requests == 4 * GI, "the cordon's effect", SECONDS)
    story.create(asking("there", "1Gi", nodeName="node-2"))
    story.delete("here")
    assert story.headroom.account().free_requests <= 4 * GI
    uncordon(control_plane, "node-2")
    until(lambda: story.headroom.account().free_requests == 7 * GI, "the return", SECONDS)


def test_allocatable_and_not_capacity_is_what_counts(control_plane: ControlPlane, story: Story) -> None:
    nodes.add(control_plane, 1, nodes.Shape(allocatable={"memory": "6Gi"}))
    story.headroom.configure({"requests": "100%"})
    story.headroom.sees(6 * GI)
    assert story.headroom.account().requests_bound == 6 * GI
    nodes.resize(control_plane, "node-1", {"memory": "5000000001"})
    story.headroom.sees(5_000_000_001)
    assert story.headroom.account().requests_bound == 5_000_000_001


def test_without_a_node_nothing_fits_but_what_asks_for_nothing(control_plane: ControlPlane, story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    story.headroom.sees(0)
    told = story.refused_for(1, asking("byte", 1))
    assert "it adds 1 byte of requests, and no node counts (" in told
    story.create(asking("nothing"))

"""Facts: what the account takes from pods and nodes as the API shows them."""

import json
from typing import Any

import pytest

from webhook.core.api.types import Node, ObjectError, Pod, WatchedPod, reader
from webhook.core.ledger.info import node_info, pod_info, revision
from webhook.core.pods.confinement import Way
from webhook.core.values.quantity import QuantityError

GI = 1 << 30
read_pod, read_node = reader(Pod), reader(Node)


def pod(status: dict[str, Any] | None = None, **spec: Any) -> Pod:
    metadata = {"namespace": "shop", "name": "web-7", "uid": "u", "resourceVersion": "81244"}
    return read_pod(json.dumps({"metadata": metadata, "spec": spec, "status": status or {}}).encode())


def node(metadata: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **spec: Any) -> Node:
    whole = {"metadata": {"name": "n"} | (metadata or {}), "spec": spec, "status": status or {}}
    return read_node(json.dumps(whole).encode())


def test_a_pod_is_known_by_its_name_uid_and_revision() -> None:
    info = pod_info(pod())
    assert (info.name, info.uid, info.revision) == ("shop/web-7", "u", 81244)


def test_a_review_and_a_deletion_know_better() -> None:
    info = pod_info(pod(), "shop/final", "new", at=0)
    assert (info.name, info.uid, info.revision) == ("shop/final", "new", 0)


def test_what_was_never_written_has_no_revision() -> None:
    assert (revision(""), revision("9007199254740993")) == (0, 9007199254740993)


@pytest.mark.parametrize(
    ("phase", "counts"),
    [("", True), ("Pending", True), ("Running", True), ("Unknown", True), ("Succeeded", False), ("Failed", False)],
)
def test_a_pod_counts_until_it_has_run_to_its_end(phase: str, counts: bool) -> None:
    assert pod_info(pod({"phase": phase})).counts is counts


def test_a_pod_that_is_being_deleted_counts_until_it_is_gone() -> None:
    body = {"metadata": {"name": "p", "deletionTimestamp": "2026-11-21T10:00:00Z"}, "status": {"phase": "Running"}}
    assert pod_info(read_pod(json.dumps(body).encode())).counts


def test_only_an_unbound_pod_is_confined_by_its_labels() -> None:
    selector = {"b": "2", "a": "1"}
    assert pod_info(pod(nodeSelector=selector)).confined_to == (Way((("a", "1"), ("b", "2"))),)
    bound = pod_info(pod(nodeSelector=selector, nodeName="n1"))
    assert (bound.node, bound.confined_to) == ("n1", ())


def owned(*owners: tuple[str, bool], node: str = "") -> Pod:
    """A pod with owners: the kind of each, and whether it is the controller."""
    references = [{"kind": kind, "name": "n", "uid": f"{kind}-uid", "controller": is_it} for kind, is_it in owners]
    metadata = {"namespace": "shop", "name": "web-7", "uid": "u", "ownerReferences": references}
    return read_pod(json.dumps({"metadata": metadata, "spec": {"nodeName": node}}).encode())


def test_of_an_unbound_pod_it_is_kept_by_what_policy_may_have_let_it_in() -> None:
    assert pod_info(pod(priorityClassName="system")).priority_class == "system"
    assert pod_info(pod()).priority_class == ""
    assert pod_info(pod(priorityClassName="system", nodeName="n1")).priority_class == "", "it counts in any case"
    for owners, of_daemon_set in (
        ((("DaemonSet", True),), True),
        ((("ReplicaSet", True),), False),
        ((("DaemonSet", False),), False),
        ((), False),
    ):
        assert pod_info(owned(*owners)).of_daemon_set is of_daemon_set
        assert not pod_info(owned(*owners, node="n1")).of_daemon_set


def test_the_owner_of_a_pod_is_its_controller_and_without_one_whoever_asks_for_it() -> None:
    assert pod_info(owned(("Node", False), ("ReplicaSet", True)), user="ann").owner == "ReplicaSet-uid"
    assert pod_info(owned(("Node", False)), user="ann").owner == "~ann"
    assert pod_info(owned(("Node", False))).owner == ""


def test_a_resize_that_the_kubelet_called_infeasible_is_noted_apart_from_all_else() -> None:
    pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
    info = pod_info(pod({"conditions": [pending]}))
    assert (info.infeasible, info.priority_class) == (True, "")
    assert not pod_info(pod({"conditions": [{**pending, "reason": "Deferred"}]})).infeasible
    assert not pod_info(pod(priorityClassName="system")).infeasible


def test_a_pod_that_is_being_deleted_is_known_to_be() -> None:
    body = {"metadata": {"name": "p", "deletionTimestamp": "2026-11-21T10:00:00Z"}}
    assert pod_info(read_pod(json.dumps(body).encode())).deleting
    assert not pod_info(pod()).deleting


def test_the_pods_of_one_node_share_its_name() -> None:
    first, second = (pod_info(pod(nodeName="worker-1.example.com")) for _ in range(2))
    assert first.node is second.node


def test_a_pod_with_a_bad_quantity_has_no_facts() -> None:
    with pytest.raises(ObjectError, match=r"spec\.overhead\.memory"):
        pod_info(pod(overhead={"memory": "12Q"}))


def test_a_node_as_a_kubelet_shows_it() -> None:
    status = {
        "capacity": {"cpu": "8", "memory": "32Gi"},
        "allocatable": {"cpu": "7910m", "memory": "8147484Ki", "pods": "110"},
        "conditions": [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "True"}],
    }
    info = node_info(node({"labels": {"b": "2", "a": "1"}}, status))
    assert (info.name, info.room.memory, info.room.cpu, info.ready) == ("n", 8147484 << 10, 7910, True)
    assert (info.cordoned, info.repelling_taints, info.labels) == (False, frozenset(), (("a", "1"), ("b", "2")))


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [{"type": "Ready", "status": "False"}],
        [{"type": "Ready", "status": "Unknown"}],
        [{"type": "MemoryPressure", "status": "True"}],
    ],
)
def test_a_node_that_does_not_say_that_it_is_ready_is_not(conditions: list[dict[str, str]]) -> None:
    assert not node_info(node(status={"conditions": conditions})).ready


def test_what_an_administrator_says_of_a_node() -> None:
    taints = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "PreferNoSchedule"}]
    info = node_info(node(unschedulable=True, taints=taints))
    assert (info.cordoned, info.repelling_taints) == (True, frozenset({"a"}))


def test_a_node_that_says_nothing_has_nothing() -> None:
    assert node_info(node()).room == (0, 0)
    assert node_info(node(status={"allocatable": {"memory": None}})).room == (0, 0)


def test_a_node_with_a_bad_quantity_has_no_facts() -> None:
    with pytest.raises(QuantityError):
        node_info(node(status={"allocatable": {"memory": "12Q"}}))


@pytest.mark.parametrize("user", [None, "ann"])
def test_a_controllers_uid_is_kept_short_whatever_its_length_and_differs_from_others(user: str | None) -> None:
    def owner(uid: str) -> str:
        references = [{"kind": "ReplicaSet", "name": "web", "uid": uid, "controller": True}]
        made = {"metadata": {"namespace": "shop", "name": "web-7", "ownerReferences": references}}
        return pod_info(read_pod(json.dumps(made).encode()), user=user).owner

    assert owner("u" * 128) == "u" * 128
    long = [owner("u" * 500_000), owner("u" * 500_001), owner("\u00e9" * 200)]
    assert len(set(long)) == len(long)
    assert all(len(each) < 128 for each in long)


def test_what_only_reports_show_of_a_node_is_taken_in_as_well() -> None:
    status = {
        "capacity": {"cpu": "4", "memory": "16Gi", "pods": "250"},
        "allocatable": {"cpu": "3500m", "memory": "15Gi", "pods": "110"},
    }
    info = node_info(node(status=status))
    assert (info.capacity, info.room, info.most_pods) == ((16 * GI, 4000), (15 * GI, 3500), 110)
    info = node_info(node())
    assert (info.capacity, info.most_pods) == (None, None)


def test_a_node_counts_although_what_only_reports_show_of_it_cannot_be_read() -> None:
    status = {"capacity": {"memory": "much"}, "allocatable": {"cpu": "1", "memory": "15Gi", "pods": "many"}}
    info = node_info(node(status=status))
    assert (info.capacity, info.room, info.most_pods) == (None, (15 * GI, 1000), None)


def test_pods_that_were_created_in_one_second_share_that_text() -> None:
    read = reader(WatchedPod)
    body = json.dumps({"metadata": {"name": "p", "creationTimestamp": "2026-11-30T01:00:05Z"}}).encode()
    assert pod_info(read(body)).created is pod_info(read(body)).created
    assert pod_info(read(body)).created == "2026-11-30T01:00:05Z"

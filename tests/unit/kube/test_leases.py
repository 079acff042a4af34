"""Leases over HTTP: made once, read, and replaced by compare-and-swap."""

import json
from collections.abc import Iterator

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_cluster import FakeCluster
from webhook.kube.client import Api
from webhook.kube.leases import Leases
from webhook.kube.stream import Conflict, Unanswered, Unreachable

PATH = "/apis/coordination.k8s.io/v1/namespaces/here/leases"
NOW = 1_700_000_000.25


@pytest.fixture
def server() -> Iterator[FakeCluster]:
    with FakeCluster() as server:
        yield server


@pytest.fixture
def leases(server: FakeCluster) -> Iterator[Leases]:
    api = Api(Configuration(host=server.url))
    yield Leases(api, "here", "some", 1.0)
    api.close()


def test_what_is_not_there_is_none(leases: Leases) -> None:
    assert leases.get() is None


def test_it_is_made_as_client_go_writes_it_and_can_be_read(server: FakeCluster, leases: Leases) -> None:
    made = leases.create("one", 15, NOW)
    found = leases.get()
    assert found is not None
    assert (found.holder, found.revision) == ("one", made.revision)
    assert [(call.method, call.path) for call in server.calls] == [("POST", PATH), ("GET", f"{PATH}/some")]
    assert json.loads(server.calls[0].body) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "some", "namespace": "here"},
        "spec": {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "renewTime": "2023-11-14T22:13:20.250000Z",
            "leaseTransitions": 0,
        },
    }


def test_it_is_made_once(leases: Leases) -> None:
    leases.create("one", 15, NOW)
    with pytest.raises(Conflict):
        leases.create("other", 15, NOW)


def test_it_is_replaced_only_as_it_was_seen_and_changes_of_hands_are_counted(
    server: FakeCluster, leases: Leases
) -> None:
    seen = leases.create("one", 15, NOW)
    renewed = leases.replace(seen, "one", 15, NOW)
    with pytest.raises(Conflict):
        leases.replace(seen, "other", 15, NOW)
    freed = leases.replace(renewed, "", 1, NOW)
    assert freed.holder == ""
    taken = leases.replace(freed, "other", 15, NOW)
    assert taken.holder == "other"
    sent = [json.loads(call.body)["spec"] for call in server.calls if call.method == "PUT"]
    assert [each["leaseTransitions"] for each in sent] == [0, 1, 0, 1]


def test_a_lease_that_somebody_else_left_empty_has_no_holder(server: FakeCluster, leases: Leases) -> None:
    server.leases.put(f"{PATH}/some", {"metadata": {"name": "some"}})
    found = leases.get()
    assert found is not None
    assert found.holder == ""


def test_a_server_that_does_not_answer_is_an_error_in_time(server: FakeCluster, leases: Leases) -> None:
    server.hang("list")
    with pytest.raises(Unanswered):
        leases.get()
    server.down()
    with pytest.raises((Unreachable, Unanswered)):
        leases.get()

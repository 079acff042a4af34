"""The owner that people look at: one call for each, and nobody wherever the API server does not know it."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_events import FakeEvents
from webhook.core.events.reference import Reference
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, Unanswered, Unreachable
from webhook.observability import owners
from webhook.observability.owners import Owners

REPLICA_SET = Reference("apps/v1", "ReplicaSet", "shop", "web-1", "uid-web-1")
JOB = Reference("batch/v1", "Job", "shop", "night-1", "uid-night-1")


def reference(kind: str, name: str, version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True} | more


@pytest.fixture
def server() -> Iterator[FakeEvents]:
    with FakeEvents() as server:
        yield server


@pytest.fixture
def looked_up(server: FakeEvents) -> Owners:
    return Owners(Api(Configuration(host=server.url)))


def test_a_replica_sets_deployment_is_meant(server: FakeEvents, looked_up: Owners) -> None:
    server.own("replicasets", "web-1", reference("Deployment", "web"))
    assert looked_up.top(REPLICA_SET) == Reference("apps/v1", "Deployment", "shop", "web", "uid-web")


def test_a_jobs_cronjob_is_meant(server: FakeEvents, looked_up: Owners) -> None:
    server.own("jobs", "night-1", reference("CronJob", "night", "batch/v1"))
    assert looked_up.top(JOB) == Reference("batch/v1", "CronJob", "shop", "night", "uid-night")


def test_whatever_else_made_it_is_meant(server: FakeEvents, looked_up: Owners) -> None:
    server.own("replicasets", "web-1", reference("Rollout", "web", "argoproj.io/v1alpha1"))
    assert (looked_up.top(REPLICA_SET) or ())[:2] == ("argoproj.io/v1alpha1", "Rollout")


@pytest.mark.parametrize(
    "owner",
    [None, reference("Deployment", "web", controller=False), reference("Deployment", "../web")],
    ids=["nobody", "no-controller", "impossible"],
)
def test_one_that_nobody_made_is_meant_itself(
    server: FakeEvents, looked_up: Owners, owner: dict[str, Any] | None
) -> None:
    server.own("replicasets", "web-1", owner)
    assert looked_up.top(REPLICA_SET) == REPLICA_SET


def test_each_is_asked_for_once(server: FakeEvents, looked_up: Owners) -> None:
    server.own("replicasets", "web-1", reference("Deployment", "web"))
    for _ in range(5):
        looked_up.top(REPLICA_SET)
    assert len(server.calls) == 1


def test_only_so_many_are_remembered(server: FakeEvents, looked_up: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_REMEMBERED", 2)
    for name in ("web-1", "web-2", "web-1", "web-3", "web-1", "web-2"):
        server.own("replicasets", name, reference("Deployment", "web"))
        looked_up.top(REPLICA_SET._replace(name=name, uid=f"uid-{name}"))
    assert [call.path.rpartition("/")[2] for call in server.calls] == ["web-1", "web-2", "web-3", "web-2"]


@pytest.mark.parametrize(
    ("version", "kind", "plural"),
    [
        ("v1", "ReplicationController", "replicationcontrollers"),
        ("apps/v1", "DaemonSet", "daemonsets"),
        ("apps/v1", "Deployment", "deployments"),
        ("apps/v1", "StatefulSet", "statefulsets"),
    ],
)
def test_one_that_makes_pods_itself_is_meant_once_it_was_read(
    server: FakeEvents, looked_up: Owners, version: str, kind: str, plural: str
) -> None:
    owner = REPLICA_SET._replace(api_version=version, kind=kind)
    assert looked_up.top(owner) is None
    server.own(plural, "web-1", None)
    assert looked_up.top(owner) == owner


@pytest.mark.parametrize(("version", "kind"), [("v1", "ConfigMap"), ("example.com/v1", "ReplicaSet")])
def test_of_other_kinds_nobody_is_asked_and_nobody_told(
    server: FakeEvents, looked_up: Owners, version: str, kind: str
) -> None:
    server.own("replicasets", "web-1", None)
    assert looked_up.top(REPLICA_SET._replace(api_version=version, kind=kind)) is None
    assert server.calls == []


def test_one_that_is_not_there_or_is_another_is_nobody(server: FakeEvents, looked_up: Owners) -> None:
    server.own("replicasets", "web-1", reference("Deployment", "web"))
    for forged in (
        REPLICA_SET._replace(uid="uid-of-mine"),
        REPLICA_SET._replace(name="web-2"),
        REPLICA_SET._replace(namespace="bank"),
    ):
        assert looked_up.top(forged) is None
    top = looked_up.top(REPLICA_SET)
    assert top is not None
    assert top.name == "web", "and spoils nothing for the true one"


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_refusal_tells_nobody_and_is_asked_again(server: FakeEvents, looked_up: Owners, status: int) -> None:
    server.own("replicasets", "web-1", reference("Deployment", "web"))
    server.refuse("list", status)
    with pytest.raises(ApiError, match=str(status)):
        looked_up.top(REPLICA_SET)
    assert looked_up.top(REPLICA_SET) == REPLICA_SET._replace(kind="Deployment", name="web", uid="uid-web")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"metadata":{"ownerReferences":7}}', b'"\xff"'])
def test_so_does_an_answer_that_is_none(server: FakeEvents, looked_up: Owners, body: bytes) -> None:
    server.reply("list", body)
    with pytest.raises(Unanswered):
        looked_up.top(REPLICA_SET)


def test_so_does_an_api_server_that_is_away_or_says_nothing(
    server: FakeEvents, looked_up: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "_TIMEOUT", 0.1)
    server.hang("list")
    with pytest.raises(Unreachable):
        looked_up.top(REPLICA_SET)
    server.down()
    with pytest.raises(Unreachable):
        looked_up.top(REPLICA_SET)

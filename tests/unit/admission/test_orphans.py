"""Orphans: which pods a new workload will adopt, with the fewest calls, and an error where that cannot be known."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support.workloads import Json, template
from webhook.admission.fetch import FetchError, MissingError
from webhook.admission.orphans import Orphans
from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.forecast.adoption import UnsettledError

PODS = "/api/v1/namespaces/shop/pods"
SETS = "/apis/apps/v1/namespaces/shop/replicasets"
LABELLED = template() | {"metadata": {"labels": {"app": "web"}}}
HASHED = template() | {"metadata": {"labels": {"app": "web", "pod-template-hash": "5d4f6"}}}


class Fake:
    """An API server with these objects; it notes what was asked for, and in which order the pace was asked."""

    def __init__(self, objects: Mapping[str, Json | Exception]) -> None:
        self.objects = objects
        self.asked = list[tuple[str, Mapping[str, str] | None]]()
        self.steps = list[str]()

    def fetch(self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> bytes:
        self.asked.append((path, query))
        self.steps.append("fetch")
        assert ("PartialObjectMetadataList" in accept) is path.endswith("/pods")
        found = self.objects.get(path, MissingError(path))
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()

    def pace(self) -> None:
        self.steps.append("pace")

    def of(self, kind: str, new: Workload, namespace: str = "shop") -> list[str]:
        return Orphans(self.fetch, self.pace).of(kind, namespace, new)


def made(**spec: Any) -> Workload:
    whole = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]},
            "template": LABELLED,
            **spec,
        },
    }
    return read_workload(json.dumps(whole).encode())


def listed(*names: str, owner: str = "", going: bool = False) -> Json:
    owners = [{"kind": "ReplicaSet", "name": owner, "controller": True}] if owner else []
    more = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {}
    return {"items": [{"metadata": {"name": name, "ownerReferences": owners, **more}} for name in names]}


def replica_set(labels: Json | None = None) -> Json:
    found = {"app": "web", "x": "1"} if labels is None else labels
    return {"metadata": {"name": "web-5d4f6", "labels": found}, "spec": {"template": HASHED}}


def test_pods_are_found_by_the_selector_of_the_workload_and_few_are_read() -> None:
    fake = Fake({PODS: listed("a", "b")})
    assert fake.of("ReplicaSet", made()) == ["a", "b"]
    assert fake.asked == [(PODS, {"labelSelector": "app=web,x", "limit": "1000"})]


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_workload_that_adopts_nothing_asks_for_nothing(kind: str) -> None:
    fake = Fake({PODS: FetchError("nobody may ask")})
    assert fake.of(kind, made()) == []
    assert fake.steps == []


def test_a_job_with_a_selector_of_its_own_adopts_what_that_finds() -> None:
    assert Fake({PODS: listed("a")}).of("Job", made(manualSelector=True)) == ["a"]


def test_a_deployment_adopts_the_pods_of_the_replica_sets_that_it_adopts() -> None:
    fake = Fake({PODS: listed("web-5d4f6-a", "web-5d4f6-b", owner="web-5d4f6"), f"{SETS}/web-5d4f6": replica_set()})
    assert fake.of("Deployment", made()) == ["web-5d4f6-a", "web-5d4f6-b"]
    assert [path for path, _ in fake.asked] == [PODS, f"{SETS}/web-5d4f6"]


def test_a_deployment_leaves_the_pods_of_a_replica_set_that_it_does_not_select() -> None:
    objects = {PODS: listed("web-5d4f6-a", owner="web-5d4f6"), f"{SETS}/web-5d4f6": replica_set({"app": "other"})}
    assert Fake(objects).of("Deployment", made()) == []


def test_a_deployment_without_pods_to_adopt_reads_no_replica_set() -> None:
    fake = Fake({PODS: listed()})
    assert fake.of("Deployment", made()) == []
    assert len(fake.asked) == 1


@pytest.mark.parametrize(("sets", "reads"), [(2, 3), (3, 1)])
def test_the_pods_of_more_than_two_replica_sets_are_unsettled_before_any_is_read(sets: int, reads: int) -> None:
    items = [each for n in range(sets) for each in listed(f"web-{n}-a", owner=f"web-{n}")["items"]]
    objects: dict[str, Json | Exception] = {PODS: {"items": items}}
    objects |= {f"{SETS}/web-{n}": replica_set() for n in range(sets)}
    fake = Fake(objects)
    if sets > 2:
        with pytest.raises(UnsettledError, match="many ReplicaSets"):
            fake.of("Deployment", made())
    else:
        assert fake.of("Deployment", made()) == ["web-0-a", "web-1-a"]
    assert len(fake.asked) == reads


def test_a_replica_set_that_is_gone_leaves_it_unsettled() -> None:
    with pytest.raises(UnsettledError, match="have lost their ReplicaSet"):
        Fake({PODS: listed("a", owner="web-5d4f6")}).of("Deployment", made())


@pytest.mark.parametrize(
    ("pods", "error"),
    [
        (listed("a", going=True), UnsettledError),
        ({"metadata": {"continue": "more"}, "items": []}, UnsettledError),
        ({"items": 7}, ObjectError),
        (FetchError("silent"), FetchError),
    ],
)
def test_what_cannot_be_known_is_an_error(pods: Json | Exception, error: type[Exception]) -> None:
    with pytest.raises(error):
        Fake({PODS: pods}).of("ReplicaSet", made())


def test_every_call_keeps_the_pace() -> None:
    fake = Fake({PODS: listed("a", owner="web-5d4f6"), f"{SETS}/web-5d4f6": replica_set()})
    fake.of("Deployment", made())
    assert fake.steps == ["pace", "fetch"] * 2


def test_where_it_was_done_too_often_nothing_is_fetched() -> None:
    def too_often() -> None:
        raise UnsettledError("too often")

    fake = Fake({PODS: listed("a")})
    with pytest.raises(UnsettledError, match="too often"):
        Orphans(fake.fetch, too_often).of("ReplicaSet", "shop", made())
    assert fake.asked == []


def test_names_from_a_review_cannot_leave_their_part_of_a_path() -> None:
    fake = Fake({})
    with pytest.raises(MissingError):
        fake.of("ReplicaSet", made(), namespace="../../nodes?x=")
    ((path, _),) = fake.asked
    assert path.count("/") == PODS.count("/")
    assert "?" not in path
    assert unquote(path) == "/api/v1/namespaces/../../nodes?x=/pods"
    owned = Fake({PODS: listed("a", owner="x/../../secrets")})
    with pytest.raises(UnsettledError):
        owned.of("Deployment", made())
    assert owned.asked[-1][0] == f"{SETS}/x%2F..%2F..%2Fsecrets"

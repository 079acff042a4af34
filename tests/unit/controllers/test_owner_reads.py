"""Controllers are read, each only if it is the one that is meant, and touched by an annotation and nothing else."""

import json
from typing import Any

import pytest

from tests.support.refusing import owner
from webhook.controllers.owner_reads import ANNOTATION, GoneError, OwnerReads
from webhook.core.events.reference import Reference
from webhook.core.forecast.shortage import Shortage
from webhook.kube.client import Api, ApiResponse
from webhook.kube.stream import NotFound, Unanswered

Json = dict[str, Any]
SET = "/apis/apps/v1/namespaces/default/replicasets/web-1"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/web"


class Objects(Api):
    """An API server that has these objects, by their path."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.patches: list[tuple[str, Json]] = []
        self.reads: list[str] = []

    def get(self, path: str, *_: Any, **__: Any) -> ApiResponse:
        self.reads.append(path)
        return ApiResponse(200, json.dumps(self._find(path)).encode())

    def patch(self, path: str, body: bytes, timeout: float = 10.0) -> ApiResponse:  # noqa: ARG002 - as in the base
        self._find(path)
        self.patches.append((path, json.loads(body)))
        return ApiResponse(200, b"{}")

    def _find(self, path: str) -> Json:
        if path not in self.objects:
            raise NotFound(404, "NotFound", path)
        return self.objects[path]


def thing(uid: str, spec: Json, status: Json, **metadata: Any) -> Json:
    return {"metadata": {"uid": uid} | metadata, "spec": spec, "status": status}


@pytest.fixture
def api() -> Objects:
    made = Objects()
    above = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}
    made.objects[SET] = thing("uid-web-1", {"replicas": 3}, {"replicas": 1}, ownerReferences=[above])
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}
    status = {"replicas": 5, "updatedReplicas": 1, "availableReplicas": 4}
    made.objects[DEPLOYMENT] = thing("uid-web", {"replicas": 4, "strategy": strategy}, status)
    return made


def test_a_replica_set_is_read_with_its_deployment(api: Objects) -> None:
    top = Reference("apps/v1", "Deployment", "default", "web", "uid-web")
    assert OwnerReads(api).read(owner()) == (Shortage(2, stuck=True), top)
    assert api.reads == [SET, DEPLOYMENT]


def test_without_its_deployment_a_replica_set_is_read_all_the_same(api: Objects) -> None:
    del api.objects[DEPLOYMENT]
    found = OwnerReads(api).read(owner())
    assert found is not None
    assert found[0] == Shortage(2)


@pytest.mark.parametrize(
    ("kind", "path", "spec"),
    [
        ("StatefulSet", "/apis/apps/v1/namespaces/default/statefulsets/web-1", {"replicas": 1}),
        ("Job", "/apis/batch/v1/namespaces/default/jobs/web-1", {"parallelism": 1}),
    ],
)
def test_other_kinds_are_read_alone(api: Objects, kind: str, path: str, spec: Json) -> None:
    api.objects[path] = thing("uid-web-1", spec, {})
    assert OwnerReads(api).read(owner(kind=kind)) == (Shortage(1), None)
    assert api.reads == [path]


def test_one_that_is_gone_or_another_of_its_name_is_told_apart(api: Objects) -> None:
    with pytest.raises(GoneError):
        OwnerReads(api).read(owner("web-2"))
    api.objects[SET]["metadata"]["uid"] = "another"
    with pytest.raises(GoneError):
        OwnerReads(api).read(owner())


def test_a_kind_that_is_not_known_is_not_read(api: Objects) -> None:
    assert OwnerReads(api).read(owner(kind="Workflow")) is None
    assert api.reads == []


def test_what_cannot_be_decoded_is_no_answer(api: Objects) -> None:
    api.objects[SET]["spec"] = {"replicas": "many"}
    with pytest.raises(Unanswered):
        OwnerReads(api).read(owner())


def test_a_touch_changes_one_annotation_of_the_object_with_that_uid(api: Objects) -> None:
    OwnerReads(api).touch(owner(), "2026-01-01T00:00:00.000+00:00")
    annotations = {ANNOTATION: "2026-01-01T00:00:00.000+00:00"}
    assert api.patches == [(SET, {"metadata": {"uid": "uid-web-1", "annotations": annotations}})]
    with pytest.raises(GoneError):
        OwnerReads(api).touch(owner("web-2"), "now")


def test_a_kind_that_is_not_known_is_not_touched(api: Objects) -> None:
    OwnerReads(api).touch(owner(kind="Workflow"), "now")
    assert api.patches == []

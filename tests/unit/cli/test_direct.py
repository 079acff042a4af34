"""The report without Headroom: what is read from the API server, in pages, and what is said if it cannot be read."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from tests.support.manifests import deployment
from webhook.cli import direct as module
from webhook.cli.cluster import CannotTell, Target
from webhook.cli.direct import direct
from webhook.cli.main import main
from webhook.core.forecast.questions import CheckQuestion
from webhook.kube.stream import ApiError, NotFound, Unreachable

GI = 1 << 30
HERE = Target(None, None, "headroom-system", None, direct=True)
CONFIG = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\nthresholds: {memory: {requests: 50%}}\n"


def node(name: str) -> dict[str, Any]:
    status = {
        "allocatable": {"memory": "8Gi", "cpu": "4", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {"metadata": {"name": name, "uid": name, "resourceVersion": "5"}, "status": status}


def pod(name: str, memory: str) -> dict[str, Any]:
    container = {"name": "c", "resources": {"requests": {"memory": memory}}}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "7"},
        "spec": {"containers": [container], "nodeName": "n1"},
        "status": {"phase": "Running"},
    }


class _Answer(NamedTuple):
    body: bytes


class _Api:
    """Answers in pages of one object."""

    def __init__(self, config: str | None = CONFIG, fault: Exception | None = None) -> None:
        self.fault = fault
        data = {"config.yaml": config}
        self.objects = {
            "/version": {"gitVersion": "v1.37.2"},
            "/api/v1/namespaces/headroom-system/configmaps/headroom-config": {"data": data} if config else None,
        }
        self.lists = {"/api/v1/nodes": [node("n1"), node("n2")], "/api/v1/pods": [pod("a", "1Gi"), pod("b", "2Gi")]}

    def get(self, path: str, query: Mapping[str, str] | None = None, timeout: float = 0.0) -> _Answer:
        del timeout
        if self.fault is not None:
            raise self.fault
        if path in self.lists:
            at = int((query or {}).get("continue") or 0)
            items = self.lists[path]
            more = str(at + 1) if at + 1 < len(items) else ""
            meta = {"resourceVersion": "9", "continue": more, "remainingItemCount": len(items) - at - 1}
            return _Answer(json.dumps({"metadata": meta, "items": items[at : at + 1]}).encode())
        if self.objects.get(path) is None:
            raise NotFound(404, "NotFound", f"{path} not found")
        return _Answer(json.dumps(self.objects[path]).encode())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> _Api:
    made = _Api()
    monkeypatch.setattr(module, "connect", lambda _: made)
    return made


def test_every_page_is_read_and_counted_under_the_clusters_configuration(api: _Api) -> None:
    del api
    found = direct(HERE)
    (cluster,) = found.commitment().scopes
    assert (cluster.memory.requests.committed, cluster.memory.requests.bound) == (3 * GI, 8 * GI)
    assert [row.name for row in found.nodes({"sortBy": "-name"})] == ["n2", "n1"]
    assert [row.name for row in found.groups("namespaces", {})] == ["shop"]
    assert [row.name for row in found.groups("workloads", {})] == ["a", "b"]
    assert [row.name for row in found.pods({"namespace": "shop"})] == ["a", "b"]
    assert found.blocked({}) is None


def test_the_configuration_is_that_of_the_cluster(api: _Api) -> None:
    del api
    found = direct(HERE).config()
    assert (str(found.config.thresholds.memory.requests), found.problem) == ("50%", None)


def test_without_a_configuration_the_default_is_shown_and_said(api: _Api) -> None:
    api.objects["/api/v1/namespaces/headroom-system/configmaps/headroom-config"] = None
    result = CliRunner().invoke(main, ["report", "--direct"])
    assert "75% (requests) and 100% (limits) are shown" in result.stderr
    assert result.stdout.startswith("Room for 9Gi of requests")


def test_a_configuration_that_is_wrong_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "connect", lambda _: _Api(config="nonsense"))
    with pytest.raises(CannotTell, match="holds no good configuration"):
        direct(HERE).commitment()


@pytest.mark.parametrize(
    ("fault", "said"),
    [(ApiError(403, "Forbidden", "no"), "the API server refuses"), (Unreachable("gone"), "does not answer")],
)
def test_no_answer_is_said(monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str) -> None:
    made = _Api()
    monkeypatch.setattr(module, "connect", lambda _: made)
    found = direct(HERE)
    made.fault = fault
    with pytest.raises(CannotTell, match=said):
        found.commitment()


def test_an_object_that_cannot_be_read_is_named_and_left_out(api: _Api) -> None:
    broken = pod("broken", "much")
    api.lists["/api/v1/pods"].append(broken)
    result = CliRunner().invoke(main, ["report", "--direct", "--by", "pod", "--no-headers"])
    assert "shop/broken is left out" in result.stderr
    assert "broken" not in result.stdout


def test_a_bad_query_is_wrong_usage(api: _Api) -> None:
    del api
    with pytest.raises(click.UsageError, match="did you mean"):
        direct(HERE).nodes({"sortBy": "nam"})


def test_what_is_left_out_is_said_once_however_often_it_is_read(api: _Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.lists["/api/v1/pods"].append(pod("broken", "much"))
    api.objects["/api/v1/namespaces/headroom-system/configmaps/headroom-config"] = None
    found = direct(HERE)
    found.commitment()
    first = capsys.readouterr().err
    assert (first.count("shop/broken is left out"), first.count("75% (requests)")) == (1, 1)
    found.commitment()
    assert capsys.readouterr().err == ""


def test_pods_belong_to_their_workloads_so_what_lives_is_not_tried_again(api: _Api) -> None:
    owner = {"kind": "ReplicaSet", "name": "web-5d4f8c7b9", "uid": "rs", "controller": True, "apiVersion": "apps/v1"}
    for each in api.lists["/api/v1/pods"]:
        each["metadata"] |= {"ownerReferences": [owner], "labels": {"pod-template-hash": "5d4f8c7b9"}}
    found = direct(HERE)
    assert [(row.kind, row.name, row.pods) for row in found.groups("workloads", {})] == [("Deployment", "web", 2)]
    (row,) = found.check(CheckQuestion(deployment("web", 3, "1Gi"), "shop")).items
    assert (row.living, row.missing) == (2, 1)

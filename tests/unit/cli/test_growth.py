"""What autoscalers and rolling updates may make of workloads, as it is read from the API server."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pytest
from click.testing import CliRunner

from tests.support.workloads import template
from webhook.cli import simulate as module
from webhook.cli.cluster import CannotTell
from webhook.cli.growth import growth
from webhook.cli.main import main
from webhook.core.forecast.growth import Growth
from webhook.kube.client import Api
from webhook.kube.stream import ApiError

HPA = "/apis/autoscaling/v2/horizontalpodautoscalers"
DEPLOYMENTS, SETS = "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets"


def workload(name: str, replicas: int, alive: int | None = None) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"replicas": replicas, "template": template(1024, image="x" * 100)},
        "status": {"replicas": replicas if alive is None else alive},
    }


def autoscaler(kind: str, name: str, most: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": kind, "name": name}
    meta = {"namespace": "default", "name": f"{name}-{most}"}
    return {"metadata": meta, "spec": {"scaleTargetRef": target, "maxReplicas": most}}


class _Answer(NamedTuple):
    body: bytes


class _Api:
    """Lists in pages of one object."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self.lists = {HPA: lists.get("hpa", []), DEPLOYMENTS: lists.get("deployments", []), SETS: lists.get("sets", [])}
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, str] | None = None, timeout: float = 0.0) -> _Answer:
        del timeout
        self.asked.append(path)
        if path not in self.lists:
            raise ApiError(403, "Forbidden", "no")
        at = int((query or {}).get("continue") or 0)
        more = str(at + 1) if at + 1 < len(self.lists[path]) else ""
        return _Answer(json.dumps({"metadata": {"continue": more}, "items": self.lists[path][at : at + 1]}).encode())


def read(api: _Api, *, hpa_max: bool = False, surge: bool = False) -> tuple[Growth, ...]:
    return growth(cast("Api", api), hpa_max=hpa_max, surge=surge)


def test_each_deployment_is_in_its_rolling_update() -> None:
    api = _Api(deployments=[workload("a", 4), workload("b", 1)])
    assert read(api, surge=True) == (
        Growth("default", "Deployment", "a", 5),
        Growth("default", "Deployment", "b", 2),
    )
    assert set(api.asked) == {DEPLOYMENTS}


def test_each_autoscaler_is_at_its_largest_and_both_add_up() -> None:
    scalers = [autoscaler("Deployment", "a", 8), autoscaler("StatefulSet", "db", 3), autoscaler("Rollout", "r", 5)]
    api = _Api(hpa=scalers, deployments=[workload("a", 4), workload("b", 1)], sets=[workload("db", 1)])
    found = {each.name: each.pods for each in read(api, hpa_max=True)}
    assert found == {"a": 8, "db": 3, "r": 5}
    found = {each.name: each.pods for each in read(api, hpa_max=True, surge=True)}
    assert found == {"a": 10, "b": 2, "db": 3, "r": 5}


def test_of_two_autoscalers_the_larger_counts() -> None:
    api = _Api(hpa=[autoscaler("Deployment", "a", 8), autoscaler("Deployment", "a", 6)], deployments=[workload("a", 1)])
    assert [each.pods for each in read(api, hpa_max=True)] == [8]


def test_a_template_goes_along_only_where_no_pod_lives_and_without_what_does_not_matter() -> None:
    (found,) = read(_Api(deployments=[workload("a", 4, alive=0)]), surge=True)
    assert "1024Mi" in str(found.template)
    assert "xxx" not in str(found.template)


def test_what_may_not_be_listed_is_no_answer() -> None:
    api = _Api()
    del api.lists[HPA]
    with pytest.raises(CannotTell, match="horizontalpodautoscalers cannot be listed"):
        read(api, hpa_max=True)


def test_the_command_asks_with_what_it_read(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    api = _Api(hpa=[autoscaler("Deployment", "web", 20)], deployments=[workload("web", 12)])
    monkeypatch.setattr(module, "connect", lambda _: api)
    result = CliRunner().invoke(main, ["simulate", "--server", server, "--hpa-max", "--surge"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Memory requests of the cluster would be over by 7Gi")
    assert lines[1] == "13 more pods would come, with 13Gi of requests and 13Gi of limits."

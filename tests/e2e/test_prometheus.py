"""A Prometheus of its own scrapes two replicas: alerts and dashboard say what they should, with the shipped files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from devcluster import nodes
from devcluster.api import ApiError
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.prometheus import Prometheus
from devcluster.replicas import Replicas
from tests.e2e.conftest import GATE, local
from tests.e2e.headroom import SECONDS, forget
from tests.e2e.pods import asking
from tests.e2e.story import Story
from tests.support.kustomize import MANIFESTS

pytestmark = pytest.mark.live

COMPONENT = MANIFESTS / "components" / "monitoring"
VARIABLES = {"$cluster": ".*", "$pool": ".*", "$__rate_interval": "1m"}
LABELS = {"cluster": "test", "namespace": "headroom-system"}
BOUNDED = {"requests": "75%", "limits": "100%"}
NOWHERE = "https://127.0.0.1:1"


class Watched(NamedTuple):
    """Two replicas on a control plane of three nodes, and the Prometheus that scrapes them."""

    plane: ControlPlane
    replicas: Replicas
    story: Story
    prometheus: Prometheus

    def threshold(self, requests: str) -> None:
        """Have this share of allocatable memory as the threshold for requests; all four sums have one."""
        memory = {**BOUNDED, "requests": requests}
        self.story.headroom.configure({}, thresholds={"memory": memory, "cpu": BOUNDED})

    def firing(self, alert: str) -> list[Any]:
        """The alerts of this name that fire now."""
        found = self.prometheus.ask("alerts")["alerts"]
        return [each for each in found if each["labels"]["alertname"] == alert and each["state"] == "firing"]


@pytest.fixture
def watched(bare_control_plane: ControlPlane, bare_namespace: str, tmp_path: Path) -> Iterator[Watched]:
    plane = bare_control_plane
    nodes.add(plane, 3)
    forget(plane)
    with Replicas(plane, tmp_path / "headroom", 2) as replicas:
        story = Story(local(plane, replicas), bare_namespace)
        with Prometheus(tmp_path / "prometheus", scraped(plane, replicas, tmp_path), [rules(tmp_path)], "1s") as server:
            yield Watched(plane, replicas, story, server)
    nodes.remove_all(plane)


def scraped(plane: ControlPlane, replicas: Replicas, folder: Path) -> list[dict[str, Any]]:
    """What the ServiceMonitor says of the replicas, and the API server's metrics of its calls."""
    (endpoint,) = yaml.safe_load((COMPONENT / "service-monitor.yaml").read_text())["spec"]["endpoints"]
    token = folder / "token"
    token.write_text(plane.admin_token)
    ours = [each.metrics_url.removeprefix("http://") for each in replicas]
    return [
        {
            "job_name": "headroom",
            "metrics_path": endpoint["path"],
            "honor_labels": endpoint["honorLabels"],
            "static_configs": [{"targets": ours, "labels": LABELS}],
        },
        {
            "job_name": "apiserver",
            "scheme": "https",
            "scrape_interval": "5s",
            "scrape_timeout": "5s",
            "tls_config": {"ca_file": str(plane.ca_file)},
            "authorization": {"credentials_file": str(token)},
            "static_configs": [{"targets": [plane.url.removeprefix("https://")], "labels": {"cluster": "test"}}],
            "metric_relabel_configs": [
                {"source_labels": ["__name__"], "regex": "apiserver_admission_webhook_.*", "action": "keep"}
            ],
        },
    ]


def rules(folder: Path) -> Path:
    """The shipped rules, but that no alert waits before it fires."""
    spec = yaml.safe_load((COMPONENT / "alerts.yaml").read_text())["spec"]
    for group in spec["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(spec))
    return file


def queries() -> dict[str, str]:
    """Every expression of the dashboard, by its panel and legend, with values in place of its variables."""
    found = {}
    for panel in json.loads((COMPONENT / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found[f"{panel['title']}: {target['legendFormat']}"] = expression
    return found


def test_two_replicas_are_scraped_alerts_fire_and_the_dashboard_has_data(watched: Watched) -> None:
    prometheus = watched.prometheus
    watched.threshold("75%")
    until(lambda: len(prometheus.query('up{job="headroom"} == 1')) == 2, "both replicas' targets", SECONDS)

    something_happens(watched)
    without: list[str] = list(queries())

    def all_have_data() -> bool:
        without[:] = [name for name in without if not prometheus.query(queries()[name])]
        return not without

    try:
        until(all_have_data, "data for every panel", SECONDS)
    except RuntimeError as error:
        raise AssertionError(f"no data for {without}") from error
    assert prometheus.query("count(headroom_build_info)")[0]["value"][1] == "2"

    until(lambda: all(rule["health"] != "unknown" for rule in evaluated(prometheus)), "all rules' evaluation", SECONDS)
    assert {rule["name"]: rule.get("lastError") for rule in evaluated(prometheus) if rule["health"] != "ok"} == {}
    assert watched.firing("HeadroomOverThreshold") == []

    watched.threshold("1%")
    until(lambda: bool(watched.firing("HeadroomOverThreshold")), "the alert", SECONDS)
    (alert,) = watched.firing("HeadroomOverThreshold")
    assert alert["labels"].items() >= {"cluster": "test", "scope": "cluster", "resource": "memory"}.items()
    assert alert["labels"]["sum"] == "requests"
    for alert in prometheus.ask("alerts")["alerts"]:
        for said in alert["annotations"].values():
            assert "<no value>" not in said
            assert "<error" not in said
    watched.threshold("75%")
    until(lambda: not watched.firing("HeadroomOverThreshold"), "the alert's end", SECONDS)


def something_happens(watched: Watched) -> None:
    """Let the sums grow after the first scrape, and let happen what the dashboard counts: a refusal, a failed call."""
    story = watched.story
    story.create(asking("web", "1Gi", "1Gi", nodeName="node-1"))
    story.create(asking("endless", "1Gi", nodeName="node-1"))
    story.refused(asking("huge", "1Ti"))
    nodes.cordon(watched.plane, "node-3")
    shipped = leads_to(watched.plane, NOWHERE + "/validate")
    until(lambda: "failed calling webhook" in problem(story), "a call that fails", SECONDS)
    leads_to(watched.plane, shipped)
    until(lambda: not problem(story), "a call that does not", SECONDS)


def leads_to(plane: ControlPlane, url: str) -> str:
    """Have the API server ask about pods at another address; return the one from before."""
    configuration = plane.api.get(GATE)
    (pods,) = [each for each in configuration["webhooks"] if each["name"] == "pods.headroom.internal"]
    before = str(pods["clientConfig"]["url"])
    pods["clientConfig"]["url"] = url
    plane.api.replace(GATE, configuration)
    return before


def problem(story: Story) -> str:
    """Say what keeps a pod that asks for nothing from being created, as a dry run."""
    try:
        story.create(asking("nothing"), dryRun="All")
    except ApiError as error:
        return error.message
    return ""


def evaluated(prometheus: Prometheus) -> list[Any]:
    return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

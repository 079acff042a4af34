"""The component for monitoring: what it scrapes is there, and an owner can add labels to all of it."""

import json
import os
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tests.packaging.dashboard import DASHBOARD, UID, text
from tests.support.kustomize import MANIFESTS, Manifest, one, render

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
KINDS = ("ServiceMonitor", "PrometheusRule", "ConfigMap")


def overlay(folder: Path, patches: str = "") -> list[Manifest]:
    """Render base and component as an owner's kustomization takes them."""
    kustomization = {
        "resources": [os.path.relpath(MANIFESTS / "base", folder)],
        "components": [os.path.relpath(MANIFESTS / "components" / "monitoring", folder)],
        **(yaml.safe_load(patches) or {}),
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)


@pytest.fixture
def manifests(tmp_path: Path) -> list[Manifest]:
    return overlay(tmp_path)


def name_of(kind: str) -> str:
    return "headroom-dashboard" if kind == "ConfigMap" else "headroom"


def test_the_base_knows_nothing_of_the_operator(manifests: list[Manifest]) -> None:
    base = {(m["kind"], m["metadata"]["name"]) for m in render(MANIFESTS / "base")}
    added = {(m["kind"], m["metadata"]["name"]) for m in manifests} - base
    assert added == {(kind, name_of(kind)) for kind in KINDS}


def test_it_scrapes_the_port_of_the_service(manifests: list[Manifest]) -> None:
    monitor, service = one(manifests, "ServiceMonitor"), one(manifests, "Service")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["honorLabels"] is True, "or the label `namespace` would be that of the target"
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["spec"]["jobLabel"]] == "headroom"
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]


def test_the_dashboard_is_found_by_grafanas_sidecar(manifests: list[Manifest]) -> None:
    found = one(manifests, "ConfigMap", "headroom-dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["headroom.json"]) == json.loads(DASHBOARD.read_text())


def test_the_documented_patches_add_labels_to_all_of_it(tmp_path: Path) -> None:
    blocks = [dedent(block.partition("```")[0]) for block in PAGE.read_text().split("```yaml\n")[1:]]
    (patches,) = [block for block in blocks if block.startswith("patches:")]
    manifests = overlay(tmp_path, patches)
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert one(manifests, kind)["metadata"]["labels"]["release"] == "kube-prometheus-stack"


# --- the dashboard


def test_the_dashboard_is_the_one_that_the_code_makes() -> None:
    assert DASHBOARD.read_text() == text(), "make docs"


def test_the_dashboard_has_a_name_of_its_own_and_nothing_of_one_cluster() -> None:
    found = json.loads(DASHBOARD.read_text())
    assert (found["uid"], "id" in found) == (UID, False)
    assert [each["name"] for each in found["templating"]["list"]] == ["datasource", "cluster", "pool"]
    panels = [panel for panel in found["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    for panel in panels:
        for target in panel["targets"]:
            assert 'cluster=~"$cluster"' in target["expr"], panel["title"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set[tuple[int, int]]()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells

"""Each patch of docs/clouds.md applies to what is shipped, and changes that alone."""

import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.support.kustomize import MANIFESTS, Manifest, one, render

PAGE = Path(__file__).parents[2] / "docs" / "clouds.md"
OVERLAYS = ("production", "cert-manager")


def patches() -> list[list[dict[str, Any]]]:
    """The page's kustomizations, in their order."""
    blocks = [dedent(block.partition("```")[0]) for block in PAGE.read_text().split("```yaml\n")[1:]]
    return [yaml.safe_load(block)["patches"] for block in blocks]


def patched(folder: Path, overlay: str, applied: list[dict[str, Any]]) -> list[Manifest]:
    kustomization = {
        "resources": [os.path.relpath(MANIFESTS / "overlays" / overlay, folder)],
        "patches": applied,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)


def changed(before: list[Manifest], after: list[Manifest]) -> set[tuple[str, str]]:
    return {(m["kind"], m["metadata"]["name"]) for m in after if m not in before}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def shipped(overlay: str) -> list[Manifest]:
    return render(MANIFESTS / "overlays" / overlay)


def test_the_enforcer_of_aks_is_told_by_an_annotation(tmp_path: Path, overlay: str, shipped: list[Manifest]) -> None:
    after = patched(tmp_path, overlay, patches()[0])
    assert changed(shipped, after) == {("ValidatingWebhookConfiguration", "headroom")}
    before, gate = (one(each, "ValidatingWebhookConfiguration") for each in (shipped, after))
    annotations = {**before["metadata"].get("annotations", {}), "admissions.enforcer/disabled": "true"}
    assert gate == {**before, "metadata": {**before["metadata"], "annotations": annotations}}


def test_replicas_can_run_on_the_hosts_network(tmp_path: Path, overlay: str, shipped: list[Manifest]) -> None:
    after = patched(tmp_path, overlay, patches()[1])
    assert changed(shipped, after) == {("Namespace", "headroom-system"), ("Deployment", "headroom")}
    before, pod = (one(each, "Deployment")["spec"]["template"]["spec"] for each in (shipped, after))
    assert pod == {**before, "hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    labels = one(after, "Namespace", "headroom-system")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_openshifts_own_namespaces_can_be_left_out(tmp_path: Path, overlay: str, shipped: list[Manifest]) -> None:
    after = patched(tmp_path, overlay, patches()[2])
    assert changed(shipped, after) == {("ValidatingWebhookConfiguration", "headroom")}
    before, gate = (one(each, "ValidatingWebhookConfiguration")["webhooks"] for each in (shipped, after))
    assert gate[1:] == before[1:]
    *conditions, added = gate[0]["matchConditions"]
    assert conditions == before[0]["matchConditions"]
    assert added == {"name": "not-of-openshift", "expression": "!request.namespace.startsWith('openshift-')"}


def test_what_the_page_says_of_every_gate_is_so(shipped: list[Manifest]) -> None:
    """Gardener and GKE look for webhooks that review `kube-system`, nodes or leases; OpenShift ends all after 13 s."""
    for each in one(shipped, "ValidatingWebhookConfiguration")["webhooks"]:
        assert each["timeoutSeconds"] <= 5
        resources = {resource.partition("/")[0] for rule in each["rules"] for resource in rule["resources"]}
        assert not resources & {"*", "nodes", "leases", "tokenreviews", "subjectaccessreviews"}
        selector = each["namespaceSelector"]
        left_out = [value for term in selector.get("matchExpressions", []) for value in term["values"]]
        assert "kube-system" in left_out or "kube-system" not in selector["matchLabels"].values()


def test_the_page_has_no_other_patch() -> None:
    assert len(patches()) == 3

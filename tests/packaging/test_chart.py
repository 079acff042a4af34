"""The Helm chart renders to the objects of the overlays, in both versions of Helm, and the same ones each time."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.binaries import NEWEST
from devcluster.helm import MAJORS, Helm
from tests.packaging.chart import CHART, OPTIONS, Hunk, files, hunks, merged
from tests.packaging.chart_values import CERTIFICATES
from tests.support.kustomize import MANIFESTS, Manifest, compose, own_ca, render

pytestmark = pytest.mark.long

NAMESPACE = "headroom-system"
PRODUCTION = f"--values={CHART / 'values-production.yaml'}"
MANAGER = "app.kubernetes.io/managed-by"
Settings = tuple[str, ...]


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"helm{major}")
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(request.param, tmp_path_factory.mktemp("helm"))


def text(helm: Helm, *settings: str, chart: Path = CHART) -> str:
    version = f"--kube-version={NEWEST.version}"
    return helm.run("template", "headroom", chart, f"--namespace={NAMESPACE}", version, *settings).stdout


def installed(helm: Helm, *settings: str) -> list[Manifest]:
    """What is there after an installation: without hooks."""
    found = [each for each in yaml.safe_load_all(text(helm, *settings)) if each]
    return [each for each in found if "helm.sh/hook" not in each["metadata"].get("annotations", {})]


def comparable(found: list[Manifest]) -> dict[str, Manifest]:
    """Objects by name, without what has to differ: who manages them, the form of the configuration's text, and what
    Helm makes (a namespace) or must never have (a key, and a bundle that belongs to others)."""
    by_name = {f"{each['kind']}/{each['metadata']['name']}": _without(each, MANAGER) for each in found}
    for name in ("Namespace/headroom-system", "Secret/headroom-tls"):
        by_name.pop(name, None)
    config = by_name["ConfigMap/headroom-config"]["data"]
    config["config.yaml"] = yaml.safe_load(config["config.yaml"])
    for gate in by_name.get("ValidatingWebhookConfiguration/headroom", {}).get("webhooks", []):
        gate["clientConfig"].pop("caBundle", None)
    return by_name


def _without(found: Any, key: str) -> Any:
    if isinstance(found, dict):
        return {name: _without(value, key) for name, value in found.items() if name != key}
    return [_without(each, key) for each in found] if isinstance(found, list) else found


def test_the_chart_is_what_the_manifests_make_of_it() -> None:
    for name, made in files().items():
        assert (CHART / name).read_text() == made, "`make docs` writes it"


@pytest.mark.parametrize(
    ("overlay", "settings"),
    [
        ("try", ()),
        ("production", (PRODUCTION,)),
        ("cert-manager", ("--set=certificates=cert-manager,config.mode=enforce,gate.failurePolicy=Fail",)),
        ("own-ca", ("--set=certificates=files,config.mode=enforce,gate.failurePolicy=Fail",)),
    ],
)
def test_chart_and_overlay_are_the_same_objects(helm: Helm, overlay: str, settings: Settings, tmp_path: Path) -> None:
    keys = dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "none\n")
    folder = own_ca(tmp_path, keys) if overlay == "own-ca" else MANIFESTS / "overlays" / overlay
    assert comparable(installed(helm, *settings)) == comparable(render(folder))


@pytest.mark.parametrize(
    ("components", "settings"),
    [
        (("flow-schema", "mtls", "monitoring"), "mtls=true,monitoring.enabled=true"),
        (("review-bindings", "nudge"), "flowSchema=false,reviewBindings=true,nudge=true"),
    ],
)
def test_chart_and_components_are_the_same_objects(
    helm: Helm, components: Settings, settings: str, tmp_path: Path
) -> None:
    parts = [MANIFESTS / "components" / each for each in ("trial", *components)]
    composed = compose(tmp_path, [MANIFESTS / "base"], parts)
    assert comparable(installed(helm, "--set=certificates=files", f"--set={settings}")) == comparable(composed)


def test_each_component_is_a_value_or_is_left_to_kustomize() -> None:
    components = {each.name for each in (MANIFESTS / "components").iterdir()}
    assert components - set(OPTIONS.values()) == {
        "own-ca",  # copies a key's authority into the gate, which a chart does not have
        "trial",  # the chart's defaults
    }
    assert {f'eq .Values.certificates "{name}"' for name in CERTIFICATES if name != "files"} <= set(OPTIONS)


def test_it_renders_to_the_same_bytes_each_time_and_looks_nothing_up(helm: Helm) -> None:
    everything = "--set=mtls=true,monitoring.enabled=true,reviewBindings=true,nudge=true"
    first = text(helm, everything)
    assert text(helm, everything) == first
    assert not re.search(r"^kind: Secret$|caBundle|\{\{- if|HELM\w+HELM", first, re.MULTILINE)
    for template in (CHART / "templates").rglob("*"):
        if template.is_file():
            called = re.findall(
                r"\b(lookup|genCA\w*|genSigned\w*|rand\w+|now|uuidv4|derivePassword)\b", _code(template)
            )
            assert called == [], template


def _code(template: Path) -> str:
    without_comments = re.sub(r"\{\{- /\*.*?\*/ -\}\}", "", template.read_text(), flags=re.DOTALL)
    return " ".join(re.findall(r"\{\{(.*?)\}\}", without_comments))


def test_helm_finds_nothing_to_complain_about(helm: Helm) -> None:
    for settings in ((), (PRODUCTION,), ("--set=monitoring.enabled=true,mtls=true",)):
        assert "0 chart(s) failed" in helm.run("lint", "--strict", CHART, *settings).stdout


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nothing=1", "nothing"),
        ("config.mod=warn", "mod"),
        ("config.thresholds.memory.requests=75", "requests"),
        ("gate.failurePolicy=Maybe", "failurePolicy"),
        ("certificates=none", "certificates"),
        ("replicas=0", "replicas"),
    ],
)
def test_a_value_that_there_is_not_is_refused_by_name(helm: Helm, setting: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        text(helm, f"--set={setting}")


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ("image.repository=r.example.com/h,image.tag=v7", 'image: "r.example.com/h:v7"'),
        ("image.pullPolicy=Always", "imagePullPolicy: Always"),
        ("image.pullSecrets={one,two}", "imagePullSecrets:\n      - name: one\n      - name: two"),
        ("extraArgs={--log-format=json}", "--shutdown-delay=10\n        - --log-format=json"),
        ("resources.limits.memory=1Gi", "memory: 1Gi"),
        ("gate.excludedNamespaces={calico-system}", f"- kube-system\n      - {NAMESPACE}\n      - calico-system"),
        ("monitoring.enabled=true,monitoring.labels.release=prometheus", "release: prometheus"),
        ("networkPolicy.apiServers={10.0.0.4/32}", "from:\n    - ipBlock:\n        cidr: 10.0.0.4/32"),
        ("config.thresholds.memory.limits=null", "requests: 75%"),
        ("gate.enabled=false", "name: headroom"),
    ],
)
def test_each_value_is_seen_in_what_is_rendered(helm: Helm, settings: str, seen: str) -> None:
    certificates = "" if "excluded" not in settings else ",certificates=files"
    rendered = text(helm, f"--set={settings}{certificates}")
    assert seen in rendered
    assert list(yaml.safe_load_all(rendered))


def test_what_is_set_to_null_or_false_is_left_out(helm: Helm) -> None:
    found = comparable(installed(helm, "--set=config.thresholds.memory.limits=null,gate.enabled=false"))
    assert "ValidatingWebhookConfiguration/headroom" not in found
    config = found["ConfigMap/headroom-config"]["data"]["config.yaml"]
    assert config["thresholds"]["memory"] == {"requests": "75%"}


def test_it_goes_into_whatever_namespace_is_named(helm: Helm) -> None:
    rendered = helm.run("template", "mine", CHART, "--namespace=elsewhere", "--set=monitoring.enabled=true").stdout
    assert NAMESPACE not in rendered
    assert "kubernetes.io/metadata.name: elsewhere" in rendered


def test_its_values_are_documented_where_they_stand() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    lines = (CHART / "values.yaml").read_text().splitlines()
    for path, described in _leaves(schema):
        assert described.endswith("."), path
        assert any(line.strip() == f"# {described}" for line in lines), path


def _leaves(schema: Manifest, path: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in schema["properties"].items():
        if "description" in inner:
            yield f"{path}{name}", inner["description"]
        elif "properties" in inner:
            yield from _leaves(inner, f"{path}{name}.")


def test_the_gate_goes_first_when_it_is_uninstalled(helm: Helm) -> None:
    (hook,) = [
        each
        for each in yaml.safe_load_all(text(helm))
        if each and each["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"
    ]
    gate = yaml.safe_load((MANIFESTS / "base" / "webhook.yaml").read_text())
    assert (hook["kind"], hook["metadata"]["name"]) == (gate["kind"], gate["metadata"]["name"])
    assert hook["webhooks"] == []
    assert "before-hook-creation" in hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"]


def test_two_options_that_change_one_line_are_noticed() -> None:
    base = ["a", "b", "c"]
    one, two = hunks(base, ["a", "B", "c"], "one"), hunks(base, ["a", "β", "c"], "two")
    with pytest.raises(ValueError, match="one and two change the same line: 'b'"):
        list(merged(base, one + two))


def test_what_differs_stands_below_its_condition() -> None:
    base = ["a", "b", "c"]
    found = list(merged(base, [*hunks(base, ["a", "c", "d"], "one"), *hunks(base, ["a", "x", "b", "c"], "two")]))
    assert found == [
        *("a", "{{- if two }}", "x", "{{- end }}", "{{- if not (one) }}", "b", "{{- end }}", "c"),
        *("{{- if one }}", "d", "{{- end }}"),
    ]
    assert hunks(base, base, "none") == []
    assert Hunk(1, 2, "one", []) in hunks(base, ["a", "c"], "one")

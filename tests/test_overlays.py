"""The two ways in which the certificate reaches the pod and the gate."""

import base64
import os
from pathlib import Path

import pytest
import yaml

from tests.kustomize import MANIFESTS, Manifest, one, own_ca, render

NAMESPACE = "headroom-system"


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    files = {name: f"the text of {name}\n" for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")}
    return render(own_ca(tmp_path_factory.mktemp("checkout"), files))


def test_the_gate_is_closed_last_and_can_be_told_apart_by_its_label(from_files: list[Manifest]) -> None:
    marked = [m["kind"] for m in from_files if m["metadata"]["labels"].get("app.kubernetes.io/component") == "gate"]
    assert marked == ["ValidatingWebhookConfiguration"]
    assert from_files[-1]["kind"] == "ValidatingWebhookConfiguration"


def test_own_certificates_reach_the_pod_and_the_gate_without_the_authoritys_key(from_files: list[Manifest]) -> None:
    secret = one(from_files, "Secret", "headroom-tls")
    assert (secret["type"], secret["metadata"]["namespace"]) == ("kubernetes.io/tls", NAMESPACE)
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    for webhook in one(from_files, "ValidatingWebhookConfiguration")["webhooks"]:
        assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == b"the text of ca.crt\n"


def test_cert_manager_writes_the_secret_and_the_bundle_and_is_never_locked_out() -> None:
    manifests = render(MANIFESTS / "overlays" / "cert-manager")
    serving = one(manifests, "Certificate", "headroom-tls")["spec"]
    assert serving["secretName"] == "headroom-tls"
    assert f"headroom.{NAMESPACE}.svc" in serving["dnsNames"]
    issuer = one(manifests, "Issuer", serving["issuerRef"]["name"])["spec"]
    assert issuer["ca"]["secretName"] == one(manifests, "Certificate", "headroom-ca")["spec"]["secretName"]
    configuration = one(manifests, "ValidatingWebhookConfiguration")
    assert configuration["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/headroom-tls"}
    (rule,) = configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"]
    assert set(rule["values"]) == {"kube-system", NAMESPACE, "cert-manager"}


def test_the_component_for_bindings_adds_one_rule_to_the_gate(tmp_path: Path) -> None:
    kustomization = {
        "resources": [str(os.path.relpath(MANIFESTS / "base", tmp_path))],
        "components": [str(os.path.relpath(MANIFESTS / "components" / "review-bindings", tmp_path))],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    (before, after) = (
        one(render(folder), "ValidatingWebhookConfiguration")["webhooks"] for folder in (MANIFESTS / "base", tmp_path)
    )
    added = after[0]["rules"].pop()
    assert (added["operations"], added["resources"]) == (["CREATE"], ["pods/binding", "bindings"])
    assert after == before

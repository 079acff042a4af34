"""What each overlay ships, how the certificate reaches the pod and the gate, and what an overlay may add."""

import base64
import json
import os
import shutil
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from msgspec.structs import replace

from certs.manifest import secret
from tests.packaging import install_file
from tests.support.kustomize import MANIFESTS, Manifest, one, own_ca, render
from tests.support.pages import INSTALL
from webhook.cli.serve import serve
from webhook.controllers.gate import NAME as GATE
from webhook.controllers.keyring_store import NAME as KEYRING
from webhook.core.config.parse import parse
from webhook.http.client_certificates import API_SERVER

NAMESPACE = "headroom-system"
FORGETS = 600  # seconds of running after which the kubelet's back-off between restarts begins at its shortest again


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


def test_a_folder_of_ones_own_has_the_same_certificate_and_gate(from_files: list[Manifest], tmp_path: Path) -> None:
    """As docs/install.md has it: the Secret that `python -m certs secret` prints, and the component beside the base."""
    texts = (f"the text of {name}\n".encode() for name in ("tls.crt", "tls.key", "ca.crt"))
    (tmp_path / "secret.json").write_text(json.dumps(secret("headroom-tls", NAMESPACE, *texts)))
    kustomization = {
        "resources": [os.path.relpath(MANIFESTS / "base", tmp_path), "secret.json"],
        "components": [
            os.path.relpath(MANIFESTS / "components" / name, tmp_path) for name in ("flow-schema", "own-ca")
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    mine = render(tmp_path)
    gate = "ValidatingWebhookConfiguration"
    assert one(mine, gate) == one(from_files, gate)
    assert one(mine, "Secret", "headroom-tls")["data"] == one(from_files, "Secret", "headroom-tls")["data"]
    assert len(mine) == len(from_files)


def test_to_try_it_refuses_nothing_and_holds_nothing_up() -> None:
    """The rest is the base, so that enforcing is one edit of the configuration and one of the gate."""
    tried, base = render(MANIFESTS / "overlays" / "try"), render(MANIFESTS / "base")
    config, shipped = (
        parse(one(each, "ConfigMap", "headroom-config")["data"]["config.yaml"]) for each in (tried, base)
    )
    assert str(config.mode) == "warn"
    assert replace(config, mode=shipped.mode) == shipped
    gate, strict = (one(each, "ValidatingWebhookConfiguration")["webhooks"] for each in (tried, base))
    assert {webhook["failurePolicy"] for webhook in gate} == {"Ignore"}
    for webhook in strict:  # Headroom writes it
        del webhook["clientConfig"]["service"]["path"]
    assert [webhook | {"failurePolicy": "Fail"} for webhook in gate[:1]] + gate[1:] == strict


@pytest.mark.parametrize("name", ["try", "production"])
def test_nothing_has_to_be_made_before_it_is_applied(name: str) -> None:
    """The pods mount nothing that is not in it, and what Headroom writes into the gate is not in it."""
    manifests = render(MANIFESTS / "overlays" / name)
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    assert [set(volume) - {"name"} for volume in pod["volumes"]] == [{"emptyDir"}]
    assert "--certificates=self" in pod["containers"][0]["args"]
    for webhook in one(manifests, "ValidatingWebhookConfiguration")["webhooks"]:
        assert "caBundle" not in webhook["clientConfig"]
        assert "path" not in webhook["clientConfig"]["service"]


def test_production_refuses_and_is_spread_over_zones_first() -> None:
    manifests = render(MANIFESTS / "overlays" / "production")
    config = parse(one(manifests, "ConfigMap", "headroom-config")["data"]["config.yaml"])
    assert str(config.mode) == "enforce"
    assert one(manifests, "ValidatingWebhookConfiguration")["webhooks"][0]["failurePolicy"] == "Fail"
    deployment = one(manifests, "Deployment")["spec"]
    assert deployment["replicas"] == 3
    pod = deployment["template"]
    (spread,) = pod["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        assert one(manifests, kind)


@pytest.mark.parametrize("name", ["try", "production", "cert-manager"])
def test_its_requests_wait_behind_no_crowd_of_creates(name: str) -> None:
    manifests = render(MANIFESTS / "overlays" / name)
    pod = one(manifests, "Deployment")["spec"]["template"]
    schema = one(manifests, "FlowSchema")["spec"]
    assert schema["priorityLevelConfiguration"]["name"] == "workload-high"  # one that every API server has
    assert schema["matchingPrecedence"] < 9_000  # that of `service-accounts`, for everybody else's
    (rule,) = schema["rules"]
    account = {"name": pod["spec"]["serviceAccountName"], "namespace": NAMESPACE}
    assert rule["subjects"] == [{"kind": "ServiceAccount", "serviceAccount": account}]
    (resources,) = rule["resourceRules"]
    assert (resources["resources"], resources["namespaces"], resources["clusterScope"]) == (["*"], ["*"], True)


def test_the_one_file_is_the_overlay_to_try() -> None:
    assert install_file.FILE.read_text() == install_file.text(), "`make docs` writes it"


def test_each_overlay_has_a_test_of_its_own() -> None:
    assert {each.name for each in (MANIFESTS / "overlays").iterdir()} == {"try", "production", "cert-manager", "own-ca"}


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


def test_the_component_for_nudges_adds_the_right_to_patch_controllers_and_nothing_else(tmp_path: Path) -> None:
    kustomization = {
        "resources": [str(os.path.relpath(MANIFESTS / "base", tmp_path))],
        "components": [str(os.path.relpath(MANIFESTS / "components" / "nudge", tmp_path))],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    before, after = render(MANIFESTS / "base"), render(tmp_path)
    role, binding = one(after, "ClusterRole", "headroom-nudge"), one(after, "ClusterRoleBinding", "headroom-nudge")
    assert {(r, *rule["verbs"]) for rule in role["rules"] for r in rule["resources"]} == {
        (kind, "patch") for kind in ("daemonsets", "jobs", "replicasets", "replicationcontrollers", "statefulsets")
    }
    assert binding["subjects"] == one(before, "ClusterRoleBinding")["subjects"]
    assert binding["roleRef"]["name"] == "headroom-nudge"
    assert [each for each in after if each not in (role, binding)] == before


def test_the_component_for_readers_adds_the_right_to_ask_who_they_are_and_nothing_else(tmp_path: Path) -> None:
    kustomization = {
        "resources": [str(os.path.relpath(MANIFESTS / "base", tmp_path))],
        "components": [str(os.path.relpath(MANIFESTS / "components" / "reporting-auth", tmp_path))],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    before, after = render(MANIFESTS / "base"), render(tmp_path)
    name = "headroom-reporting-auth"
    role, binding = one(after, "ClusterRole", name), one(after, "ClusterRoleBinding", name)
    assert {(r, *rule["verbs"]) for rule in role["rules"] for r in rule["resources"]} == {
        ("tokenreviews", "create"),
        ("subjectaccessreviews", "create"),
    }
    assert binding["subjects"] == one(before, "ClusterRoleBinding")["subjects"]
    assert binding["roleRef"]["name"] == name
    assert [each for each in after if each not in (role, binding)] == before


def test_with_certificates_by_themselves_nothing_is_made_by_hand_and_nothing_headroom_writes_is_applied(
    tmp_path: Path,
) -> None:
    manifests = overlay(
        tmp_path, "resources: [../../base]\ncomponents: [../../components/self-certs, ../../components/mtls]\n"
    )
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    plain = one(render(MANIFESTS / "base"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    told = [each for each in container["args"] if "--client-" not in each]
    assert [each for each in told if each not in plain] == ["--certificates=self"]
    assert {each.partition("=")[0] for each in plain if each not in told} == {"--tls-cert-file", "--tls-key-file"}
    context = serve.make_context("serve", container["args"][1:])
    assert context.params["certificates"] == "self"
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]} == {"tmp", "clients"}
    probe = container["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] > FORGETS, "it waits for an API server that is away"
    for webhook in one(manifests, "ValidatingWebhookConfiguration")["webhooks"]:
        assert set(webhook["clientConfig"]) == {"service"}
        assert set(webhook["clientConfig"]["service"]) == {"name", "namespace", "port"}
    assert not [each for each in manifests if each["kind"] == "Secret"]


def test_the_rights_of_certificates_by_themselves_name_one_secret_and_one_gate(tmp_path: Path) -> None:
    manifests = overlay(tmp_path, "resources: [../../base]\ncomponents: [../../components/self-certs]\n")
    rights = {
        (verb, resource, *rule.get("resourceNames", []))
        for kind in ("Role", "ClusterRole")
        for rule in one(manifests, kind, "headroom-certificates")["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        *((verb, "secrets", KEYRING) for verb in ("get", "update")),
        ("create", "secrets"),
        ("list", "endpointslices"),
        *((verb, "validatingwebhookconfigurations", GATE) for verb in ("get", "update")),
    }


def overlay(checkout: Path, text: str) -> list[Manifest]:
    """Render an overlay of an owner's own."""
    shutil.copytree(MANIFESTS, checkout / "manifests", ignore=shutil.ignore_patterns("tls"))
    folder = checkout / "manifests" / "overlays" / "mine"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(text)
    return render(folder)


def documented(begin: str) -> str:
    """The block of docs/install.md that begins so."""
    blocks = [dedent(block.partition("```")[0]) for block in INSTALL.read_text().split("```yaml\n")[1:]]
    (found,) = [block for block in blocks if block.startswith(begin)]
    return found


def test_mtls_adds_arguments_that_the_command_line_knows_and_a_folder_to_read_the_authority_from(
    tmp_path: Path,
) -> None:
    manifests = overlay(tmp_path, "resources: [../../base]\ncomponents: [../../components/mtls]\n")
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    plain = one(render(MANIFESTS / "base"), "Deployment")["spec"]["template"]["spec"]
    told = dict(argument.removeprefix("--").split("=") for argument in container["args"][-2:])
    assert container["args"][:-2] == plain["containers"][0]["args"]
    assert told == {"client-ca-file": "/etc/headroom/clients/ca.crt", "client-name": API_SERVER}
    mount, volume = container["volumeMounts"][-1], pod["volumes"][-1]
    assert mount == {"name": volume["name"], "mountPath": "/etc/headroom/clients", "readOnly": True}
    items = [{"key": "ca.crt", "path": "ca.crt"}]
    assert volume["configMap"] == {"name": "headroom-client-ca", "items": items}
    known = {name for parameter in serve.params for name in parameter.opts}
    assert {f"--{name}" for name in told} <= known


def test_the_documented_patch_names_the_api_servers_and_leaves_the_rest(tmp_path: Path) -> None:
    manifests = overlay(
        tmp_path, "resources: [../../base]\n" + documented("patches:\n- target:\n    kind: NetworkPolicy")
    )
    policy, plain = (one(each, "NetworkPolicy")["spec"] for each in (manifests, render(MANIFESTS / "base")))
    (reviews, metrics), (_, before) = policy["ingress"], plain["ingress"]
    own = {"podSelector": policy["podSelector"]}
    assert [set(source) for source in reviews["from"] if source != own] == [{"ipBlock"}, {"ipBlock"}]
    assert own in reviews["from"], "or no replica could be asked which certificate it shows"
    assert reviews["ports"] == [{"protocol": "TCP", "port": 8443}]
    assert metrics == before


def test_the_documented_admission_configuration_shows_the_certificate_to_the_service(tmp_path: Path) -> None:
    configuration = yaml.safe_load(documented("apiVersion: apiserver.config.k8s.io/v1"))
    (plugin,) = configuration["plugins"]
    assert plugin["configuration"]["kind"] == "WebhookAdmissionConfiguration"
    kubeconfig = yaml.safe_load(documented("apiVersion: v1\nkind: Config\n"))
    (user,) = kubeconfig["users"]
    service = one(render(MANIFESTS / "base"), "ValidatingWebhookConfiguration")["webhooks"][0]["clientConfig"][
        "service"
    ]
    # With the port 443, the API server looks for the name without a port as well.
    assert (user["name"], service["port"]) == (f"{service['name']}.{service['namespace']}.svc", 443)

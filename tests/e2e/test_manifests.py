"""The steps of docs/install.md on a real API server: what it takes, what it lets through, and the way back.

No image runs here (a stand-in for the kubelet says that its pods do), so the gate is always one with nobody behind it.
"""

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from devcluster import nodes
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from tests.support.kustomize import own_ca

pytestmark = pytest.mark.live

NAMESPACE = "headroom-system"
ALL_BUT_THE_GATE = ("-l", "app.kubernetes.io/component!=gate")
THE_GATE = ("-l", "app.kubernetes.io/component=gate")
GATE = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/headroom"
ENDPOINTS = "/apis/discovery.k8s.io/v1/namespaces/headroom-system/endpointslices"


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = tmp_path_factory.mktemp("checkout")
    folder = own_ca(checkout, {})
    names = ("headroom.headroom-system.svc", "headroom.headroom-system.svc.cluster.local")
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", folder / "tls", "--dns", *names], check=True)
    return folder


@pytest.fixture(scope="module")
def cluster(overlay: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    # A cluster of its own, since the gate holds up everybody's pods. Without this flag the API server would dial the
    # Service's address, which no proxy here answers for; with it, it sees that the Service has no endpoint.
    flags = ("--enable-aggregator-routing=true",)
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), apiserver_flags=flags) as plane:
        nodes.add(plane, 1)
        plane.kubectl("apply", "-k", overlay, *ALL_BUT_THE_GATE)
        yield plane


@pytest.fixture
def gate(cluster: ControlPlane, overlay: Path) -> Iterator[None]:
    """The gate closed, and Headroom down."""
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment/headroom", "--replicas=0")
    until(lambda: not any(each["endpoints"] for each in cluster.api.items(ENDPOINTS)), "the end of the endpoints", 120)
    cluster.kubectl("apply", "-k", overlay, *THE_GATE)
    until(lambda: run_pod(cluster, "default").returncode != 0, "the closing of the gate", 120)
    yield
    cluster.kubectl("delete", "--ignore-not-found", "validatingwebhookconfiguration", "headroom")
    cluster.kubectl("apply", "-k", overlay, *ALL_BUT_THE_GATE)


def run_pod(cluster: ControlPlane, namespace: str) -> CompletedProcess[str]:
    # A webhook with these side effects is asked about dry runs as well.
    return cluster.kubectl("-n", namespace, "run", "pod", "--image=none", "--dry-run=server", check=False)


def rolled_out(cluster: ControlPlane) -> str:
    return cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/headroom", "--timeout=180s").stdout


def test_everything_but_the_gate_is_taken_without_a_warning_and_comes_up(cluster: ControlPlane, overlay: Path) -> None:
    applied = cluster.kubectl("apply", "-k", overlay, *ALL_BUT_THE_GATE)
    assert "Warning" not in applied.stderr
    assert not cluster.api.exists(GATE)
    assert "successfully rolled out" in rolled_out(cluster)


def test_what_is_applied_again_is_unchanged(cluster: ControlPlane, overlay: Path) -> None:
    """A default that the API server does not store would be applied each time, and reported as a change.

    Two are, whatever they say: the Secret, because kustomize breaks its base64 into lines and the API server joins
    them, and the PodDisruptionBudget, whose selector has the patch strategy `replace`.
    """
    cluster.kubectl("apply", "-k", overlay, *ALL_BUT_THE_GATE)
    again = cluster.kubectl("apply", "-k", overlay, *ALL_BUT_THE_GATE).stdout.splitlines()
    changed = {line.partition(" ")[0] for line in again if not line.endswith(" unchanged")}
    assert len(again) > 10
    assert changed <= {"secret/headroom-tls", "poddisruptionbudget.policy/headroom"}


def test_the_gate_trusts_the_authority_of_the_certificate(cluster: ControlPlane, overlay: Path, gate: None) -> None:
    for webhook in cluster.api.get(GATE)["webhooks"]:
        assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == (overlay / "tls" / "ca.crt").read_bytes()
    secret = cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/headroom-tls")["data"]
    assert base64.b64decode(secret["tls.crt"]) == (overlay / "tls" / "tls.crt").read_bytes()


def test_with_headroom_down_no_pod_gets_in_but_the_control_planes(cluster: ControlPlane, gate: None) -> None:
    refused = run_pod(cluster, "default")
    assert refused.returncode == 1
    assert 'failed calling webhook "pods.headroom.internal"' in refused.stderr
    assert run_pod(cluster, "kube-system").returncode == 0


def test_headroom_comes_back_behind_its_own_closed_gate(cluster: ControlPlane, gate: None) -> None:
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment/headroom", "--replicas=2")
    assert "successfully rolled out" in rolled_out(cluster)


def test_deleting_the_gate_opens_it(cluster: ControlPlane, gate: None) -> None:
    cluster.kubectl("delete", "validatingwebhookconfiguration", "headroom")
    until(lambda: run_pod(cluster, "default").returncode == 0, "the opening of the gate", 120)


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        ("get pods --all-namespaces", True),
        ("get nodes", True),
        ("get node node", False),
        ("get configmap headroom-config", False),
        ("get configmaps --field-selector=metadata.name=headroom-config", True),
        ("get configmaps", False),
        ("get configmap kube-root-ca.crt", False),
        ("delete configmap headroom-config", False),
        ("annotate configmap headroom-config a=b", False),
        ("create configmap headroom-allotments --dry-run=server", True),
        ("get configmaps --field-selector=metadata.name=headroom-refusals", True),
        ("delete configmap headroom-refusals", False),
        ("get secrets", False),
        ("get configmaps --namespace=default", False),
        ("run pod --image=none", False),
    ],
)
def test_headrooms_account_may_do_what_it_needs_and_no_more(
    cluster: ControlPlane, request_: str, *, allowed: bool
) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:headroom"
    answer = cluster.kubectl(account, "-n", NAMESPACE, *request_.split(), check=False)
    assert ("Forbidden" not in answer.stderr) is allowed, answer.stderr
    assert (answer.returncode == 0) is allowed, answer.stderr

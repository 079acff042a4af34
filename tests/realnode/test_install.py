"""The shipped image and the shipped manifests, as they are, run by real kubelets."""

import time

from devcluster.api import Object
from devcluster.processes import until
from devcluster.realnode import addresses, install
from tests.realnode.conftest import Installed, too_large

GATE = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/headroom"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{install.NAMESPACE}/endpointslices"


def test_from_nothing_to_a_refused_pod_within_a_minute(installed: Installed) -> None:
    assert installed.refused_seconds < 60
    assert "exceeds the cluster's memory headroom" in installed.refusal
    assert install.refusal(installed, too_large())


def test_what_was_applied_stays_unchanged_when_it_is_applied_again(installed: Installed) -> None:
    lines = installed.applied_again.splitlines()
    assert lines
    # kubectl replaces the selector of a budget in each patch (patchStrategy of policy/v1), by the same one.
    expected = {"poddisruptionbudget.policy/headroom configured"}
    assert {line for line in lines if not line.endswith("unchanged")} <= expected
    assert installed.kubectl("diff", "-k", install.PRODUCTION).stdout == ""


def test_the_api_server_reaches_it_by_its_service(real: Installed) -> None:
    gate = real.api.get(GATE)
    for webhook in gate["webhooks"]:
        service = webhook["clientConfig"]["service"]
        assert (service["name"], service["namespace"]) == ("headroom", install.NAMESPACE)
        assert "url" not in webhook["clientConfig"]
    service = real.api.get(f"/api/v1/namespaces/{install.NAMESPACE}/services/headroom")["spec"]
    for node in real.nodes:  # by kube-proxy's rules in the kernel of each node's network
        rules = node.shell("nft list table ip kube-proxy")
        assert service["clusterIP"] in rules
        assert all(pod["status"]["podIP"] in rules for pod in install.replicas(real))


def test_replicas_have_addresses_of_the_nodes_that_run_them(real: Installed) -> None:
    for pod in install.replicas(real):
        (node,) = [each for each in real.nodes if each.name == pod["spec"]["nodeName"]]
        assert pod["status"]["hostIP"] == node.address
        assert pod["status"]["podIP"].startswith(str(addresses.pods(node.number)).removesuffix("0/24"))


def test_they_run_with_no_rights_on_a_root_that_cannot_be_written(real: Installed) -> None:
    pod = install.replicas(real)[0]["metadata"]["name"]
    namespace = real.api.get(f"/api/v1/namespaces/{install.NAMESPACE}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def run(*command: str, check: bool = True) -> tuple[int, str]:
        done = real.kubectl("exec", f"--namespace={install.NAMESPACE}", pod, "--", *command, check=check)
        return done.returncode, done.stdout + done.stderr

    status = dict(line.split(":\t", 1) for line in run("cat", "/proc/1/status")[1].splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2", "filtered"
    code, said = run("touch", "/opt/headroom/a", check=False)
    assert code != 0
    assert "Read-only file system" in said


def test_it_watches_the_cluster_as_its_service_account(real: Installed) -> None:
    user = f"system:serviceaccount:{install.NAMESPACE}:headroom"
    for verb, resource in (("list", "pods"), ("watch", "nodes")):
        assert real.kubectl("auth", "can-i", verb, resource, f"--as={user}", "-A").stdout.strip() == "yes"
    pod = install.replicas(real)[0]["metadata"]["name"]
    metrics = real.api.text(f"/api/v1/namespaces/{install.NAMESPACE}/pods/{pod}:8080/proxy/metrics")
    assert "headroom_ready 1" in metrics or "headroom_" in metrics
    (volume,) = [each for each in install.replicas(real)[0]["spec"]["volumes"] if "projected" in each]
    assert any("serviceAccountToken" in source for source in volume["projected"]["sources"])


def test_a_replica_that_does_not_answer_gets_no_reviews_until_it_does_again(real: Installed) -> None:
    pod = install.replicas(real)[0]
    (node,) = [each for each in real.nodes if each.name == pod["spec"]["nodeName"]]
    address = pod["status"]["podIP"]
    began = time.monotonic()
    with node.frozen(pod):
        until(lambda: not _serves(real, address), "the readiness probe noticing", 60.0)
        print(f"\nunready after {time.monotonic() - began:.1f} s")
    until(lambda: _serves(real, address), "the readiness probe noticing that it is back", 60.0)
    now = real.api.get(f"{install.PODS}/{pod['metadata']['name']}")
    assert [each["restartCount"] for each in now["status"]["containerStatuses"]] == [_restarts(pod)]


def _restarts(pod: Object) -> int:
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def _serves(real: Installed, address: str) -> bool:
    endpoints = [each for slice_ in real.api.items(SLICES) for each in slice_["endpoints"] or []]
    return any(address in each["addresses"] and each["conditions"].get("ready") for each in endpoints)

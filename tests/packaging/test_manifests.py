"""What the shipped manifests must keep true, whatever else changes in them."""

import pytest

import webhook
from tests.support.kustomize import MANIFESTS, Manifest, one, render
from webhook.cli.serve import serve
from webhook.controllers.gate_probe import NAMESPACE as PROBED
from webhook.core.config import parse as config_source
from webhook.http.listeners import Limits
from webhook.manager import _STOPPING, _UNTIL_SEEN
from webhook.state import configuration as settings
from webhook.web.routes import CONFIGURATION, WORKLOADS

NAMESPACE = "headroom-system"
WELL_KNOWN = ("name", "instance", "version", "component", "part-of", "managed-by")


@pytest.fixture(scope="module")
def base() -> list[Manifest]:
    return render(MANIFESTS / "base")


@pytest.fixture(scope="module")
def pod(base: list[Manifest]) -> Manifest:
    template: Manifest = one(base, "Deployment")["spec"]["template"]
    return template


@pytest.fixture(scope="module")
def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    return dict(only)


@pytest.fixture(scope="module")
def gate(base: list[Manifest]) -> Manifest:
    return registered(base, "pods.headroom.internal")


@pytest.fixture(scope="module")
def early(base: list[Manifest]) -> Manifest:
    return registered(base, "workloads.headroom.internal")


def registered(base: list[Manifest], name: str) -> Manifest:
    (found,) = [w for w in one(base, "ValidatingWebhookConfiguration")["webhooks"] if w["name"] == name]
    return dict(found)


# --- what the gate is asked about, and what it can never hold up


def test_the_gate_is_asked_about_pods_that_are_made_resized_or_gated_and_nothing_else(gate: Manifest) -> None:
    assert gate["name"] == "pods.headroom.internal"
    assert gate["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": [operation],
            "resources": [resource],
            "scope": "Namespaced",
        }
        for operation, resource in (("CREATE", "pods"), ("UPDATE", "pods/resize"), ("UPDATE", "pods"))
    ]
    grown, mirrored = gate["matchConditions"]
    assert "oldObject.spec.schedulingGates" in grown["expression"]  # what it lets through: tests/e2e/test_pools.py
    assert "kubernetes.io/config.mirror" in mirrored["expression"]  # what it lets through: tests/e2e/test_lock_out.py
    assert "objectSelector" not in gate  # a label on a pod would be a way around the bound


def test_the_gate_leaves_out_the_control_plane_and_itself_by_a_label_that_nobody_can_set(gate: Manifest) -> None:
    (rule,) = gate["namespaceSelector"]["matchExpressions"]
    assert (rule["key"], rule["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    assert set(rule["values"]) == {"kube-system", NAMESPACE}
    assert "matchLabels" not in gate["namespaceSelector"]


def test_the_gate_fails_closed_quickly_and_allows_dry_runs(gate: Manifest) -> None:
    assert gate["failurePolicy"] == "Fail"
    assert gate["timeoutSeconds"] == 5
    assert gate["sideEffects"] == "NoneOnDryRun"
    assert gate["matchPolicy"] == "Equivalent"
    assert gate["admissionReviewVersions"] == ["v1"]


def test_the_early_answers_are_about_workloads_and_their_scale(early: Manifest) -> None:
    asked = {
        (group, resource, operation)
        for rule in early["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for operation in rule["operations"]
    }
    whole = [("apps", kind) for kind in ("deployments", "statefulsets", "replicasets", "daemonsets")]
    whole += [("batch", kind) for kind in ("jobs", "cronjobs")]
    scaled = [("apps", f"{kind}/scale") for kind in ("deployments", "statefulsets", "replicasets")]
    assert asked == {(*each, "CREATE") for each in whole} | {(*each, "UPDATE") for each in (*whole, *scaled)}


def test_nothing_hangs_on_the_early_answers(gate: Manifest, early: Manifest) -> None:
    assert early["failurePolicy"] == "Ignore"
    assert early["timeoutSeconds"] == 2
    assert early["sideEffects"] == "None"
    assert early["namespaceSelector"] == gate["namespaceSelector"]
    assert early["clientConfig"] == {"service": gate["clientConfig"]["service"] | {"path": WORKLOADS}}


def test_the_guard_is_asked_about_one_configmap_and_holds_nothing_up(base: list[Manifest]) -> None:
    guard = registered(base, "config.headroom.internal")
    (rule,) = guard["rules"]
    assert (rule["resources"], rule["operations"]) == (["configmaps"], ["CREATE", "UPDATE", "DELETE"])
    assert guard["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    (condition,) = guard["matchConditions"]
    assert condition["expression"] == f"request.name == '{settings.NAME}'"
    assert guard["clientConfig"]["service"]["path"] == CONFIGURATION
    assert (guard["failurePolicy"], guard["sideEffects"]) == ("Ignore", "None")


# --- the way of a review: webhook -> Service -> container -> certificate


def test_the_gate_the_service_and_the_container_meet(
    base: list[Manifest], gate: Manifest, pod: Manifest, container: Manifest
) -> None:
    target = gate["clientConfig"]["service"]
    service = one(base, "Service")
    assert (target["name"], target["namespace"]) == ("headroom", service["metadata"]["namespace"])
    assert target["path"] == "/validate"
    (https,) = [p for p in service["spec"]["ports"] if p["port"] == target["port"]]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert ports[https["targetPort"]] == 8443
    assert {p["targetPort"] for p in service["spec"]["ports"]} == set(ports)
    assert f"--listen=0.0.0.0:{ports['https']}" in container["args"]
    assert f"--metrics-listen=0.0.0.0:{ports['http']}" in container["args"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_the_service_says_no_default_that_the_api_server_does_not_store(base: list[Manifest]) -> None:
    """It has `omitempty`: what is left out on the server differs from what is applied, and each apply changes it."""
    assert "publishNotReadyAddresses" not in one(base, "Service")["spec"]


def test_every_path_that_the_process_is_told_of_is_mounted(pod: Manifest, container: Manifest) -> None:
    volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
    mounts = {m["mountPath"]: volumes[m["name"]] for m in container["volumeMounts"]}
    assert "emptyDir" in mounts["/tmp"]  # gunicorn's heartbeat file, on a root that cannot be written
    secret = mounts["/etc/headroom/tls"]["secret"]
    assert secret["secretName"] == "headroom-tls"
    files = {f"/etc/headroom/tls/{item['path']}" for item in secret["items"]}
    told = dict(arg.split("=", 1) for arg in container["args"] if "=" in arg)
    assert files == {told["--tls-cert-file"], told["--tls-key-file"]}


def test_the_command_line_knows_every_argument(container: Manifest) -> None:
    command, *arguments = container["args"]
    assert command == serve.name
    known = {name for parameter in serve.params for name in parameter.opts}
    assert {argument.split("=")[0] for argument in arguments} <= known


def test_probes_ask_for_life_and_for_readiness_at_a_port_that_exists(container: Manifest) -> None:
    paths = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for name in paths:
        assert container[name]["httpGet"] | {"path": ""} == {"path": "", "port": "https", "scheme": "HTTPS"}


def test_the_first_probe_comes_when_the_process_listens_and_the_others_wait_for_it(container: Manifest) -> None:
    assert container["startupProbe"]["initialDelaySeconds"] == 2
    for name in ("livenessProbe", "readinessProbe"):  # the startup probe holds them back
        assert "initialDelaySeconds" not in container[name]


def test_a_stopping_replica_has_time_for_what_is_in_flight(gate: Manifest, pod: Manifest, container: Manifest) -> None:
    assert "lifecycle" not in container  # a preStop hook would keep connections open that the API server then reuses
    delay = float(dict(arg.split("=", 1) for arg in container["args"] if "=" in arg)["--shutdown-delay"])
    limits = Limits()
    assert delay > container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"]
    assert limits.drain > gate["timeoutSeconds"]
    handing_back = _STOPPING + _UNTIL_SEEN
    assert pod["spec"]["terminationGracePeriodSeconds"] >= delay + limits.drain + handing_back


def test_one_replica_serves_while_another_is_replaced(base: list[Manifest], pod: Manifest) -> None:
    deployment = one(base, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (spread,) = pod["spec"]["topologySpreadConstraints"]
    assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
    (apart,) = pod["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    terms = [spread, apart["podAffinityTerm"]]
    assert [each["topologyKey"] for each in terms] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in terms:
        assert each["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert each["matchLabelKeys"] == ["pod-template-hash"], "an old replica is no reason to put a new one elsewhere"


def test_a_drain_takes_one_replica_at_a_time(base: list[Manifest], pod: Manifest) -> None:
    budget = one(base, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_its_scratch_space_keeps_no_node_from_being_removed(pod: Manifest) -> None:
    local = [volume["name"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume]
    named = pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"]
    assert named.split(",") == local


# --- who may connect


def test_anybody_may_reach_the_webhook_and_only_monitoring_the_metrics(
    base: list[Manifest], pod: Manifest, container: Manifest
) -> None:
    policy = one(base, "NetworkPolicy")
    assert policy["metadata"]["namespace"] == NAMESPACE
    assert policy["spec"]["podSelector"] == one(base, "Deployment")["spec"]["selector"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]  # what Headroom itself reaches is not limited
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    reviews, metrics = policy["spec"]["ingress"]
    assert reviews == {"ports": [{"protocol": "TCP", "port": ports["https"]}]}
    assert metrics["ports"] == [{"protocol": "TCP", "port": ports["http"]}]
    hosted = {"kubernetes.io/metadata.name": "kube-system"}
    assert metrics["from"] == [
        {"namespaceSelector": {"matchLabels": {"headroom.internal/monitoring": "true"}}},
        {
            "namespaceSelector": {"matchLabels": hosted},
            "podSelector": {"matchLabels": {"k8s-app": "konnectivity-agent"}},
        },
    ]


# --- what it may do


def test_rbac_is_exactly_what_is_used(base: list[Manifest]) -> None:
    def configmaps(verbs: list[str], **named: list[str]) -> Manifest:
        return {"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs, **named}

    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    assert one(base, "ClusterRole")["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "get", "patch"]},
        {
            "apiGroups": ["apps"],
            "resources": ["daemonsets", "deployments", "replicasets", "statefulsets"],
            "verbs": ["get"],
        },
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["replicationcontrollers"], "verbs": ["get"]},
        {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations"],
            "resourceNames": ["headroom"],
            "verbs": ["get"],
        },
        {"nonResourceURLs": ["/version"], "verbs": ["get"]},
    ]
    assert one(base, "Role")["rules"] == [
        configmaps(["list", "watch"], resourceNames=["headroom-config"]),
        configmaps(["get", "list", "watch", "update"], resourceNames=["headroom-allotments"]),
        configmaps(["list", "watch", "patch"], resourceNames=["headroom-refusals"]),
        configmaps(["create"]),
        lease | {"verbs": ["get", "update"], "resourceNames": ["headroom"]},
        lease | {"verbs": ["create"]},
    ]
    probing = one(base, "Role", "headroom-probe")
    assert probing["metadata"]["namespace"] == PROBED
    assert probing["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]


def test_roles_are_bound_to_the_one_service_account_and_nobody_else(base: list[Manifest], pod: Manifest) -> None:
    subject = {"kind": "ServiceAccount", "name": pod["spec"]["serviceAccountName"], "namespace": NAMESPACE}
    bound = (
        ("ClusterRoleBinding", "ClusterRole", "headroom"),
        ("RoleBinding", "Role", "headroom"),
        ("RoleBinding", "Role", "headroom-probe"),
    )
    for binding, role, name in bound:
        assert one(base, binding, name)["subjects"] == [subject]
        assert (one(base, binding, name)["roleRef"]["kind"], one(base, binding, name)["roleRef"]["name"]) == (
            role,
            name,
        )
        assert one(base, binding, name)["metadata"].get("namespace") == one(base, role, name)["metadata"].get(
            "namespace"
        )
    kinds = [m["kind"] for m in base]
    assert sorted(k for k in kinds if k.endswith(("Role", "Binding"))) == [
        "ClusterRole", "ClusterRoleBinding", "Role", "Role", "RoleBinding", "RoleBinding",
    ]  # fmt: skip
    assert one(base, "ServiceAccount")["automountServiceAccountToken"] is False


def test_what_the_probe_could_store_has_no_rights_and_the_gate_is_asked_about_it(
    base: list[Manifest], gate: Manifest
) -> None:
    labels = one(base, "Namespace", PROBED)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert [m["kind"] for m in base if m["metadata"].get("namespace") == PROBED] == ["Role", "RoleBinding"]
    (rule,) = gate["namespaceSelector"]["matchExpressions"]
    assert PROBED not in rule["values"]


def test_the_pod_meets_the_restricted_pod_security_standard(
    base: list[Manifest], pod: Manifest, container: Manifest
) -> None:
    labels = one(base, "Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod["spec"]["securityContext"]
    assert (spec["runAsNonRoot"], spec["runAsUser"], spec["fsGroup"]) == (True, 65532, 65532)
    assert spec["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {kind for volume in pod["spec"]["volumes"] for kind in volume} <= {"name", "secret", "emptyDir"}


def test_nothing_that_headroom_depends_on_goes_before_it(pod: Manifest, container: Manifest) -> None:
    assert pod["spec"]["priorityClassName"] == "system-cluster-critical"
    tolerated = {each["key"]: each.get("tolerationSeconds") for each in pod["spec"]["tolerations"]}
    assert tolerated == {
        "node-role.kubernetes.io/control-plane": None,
        "node.kubernetes.io/not-ready": 30,
        "node.kubernetes.io/unreachable": 30,
    }


def test_its_memory_is_what_the_installation_page_adds_up(container: Manifest) -> None:
    page = (MANIFESTS.parent / "docs" / "install.md").read_text()
    limit = container["resources"]["limits"]["memory"]
    assert f"The limit of {limit} is the sum of everything that anybody can make a replica hold at once" in page
    table = page.partition("## What the memory of a replica is for")[2].partition("| together |")
    parts = [
        int(row.split("|")[2])
        for row in table[0].splitlines()
        if row.startswith("|") and row.split("|")[2].strip().isdigit()
    ]
    together = int(table[2].split("|")[0])
    assert sum(parts) == together
    assert together <= int(limit.removesuffix("Mi"))


def test_headroom_commits_what_it_limits(container: Manifest) -> None:
    resources = container["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert "cpu" not in resources["limits"]


def test_a_quota_speaks_of_the_priority_class(base: list[Manifest], pod: Manifest) -> None:
    (scope,) = one(base, "ResourceQuota", "headroom-critical-pods")["spec"]["scopeSelector"]["matchExpressions"]
    assert scope["values"] == [pod["spec"]["priorityClassName"]]


# --- configuration, version, labels, certificates


def test_the_default_configuration_is_valid_and_bounds_both_sums(base: list[Manifest]) -> None:
    config = config_source.parse(one(base, "ConfigMap", "headroom-config")["data"]["config.yaml"])
    memory = config.thresholds.memory
    assert (str(config.mode), str(memory.requests), str(memory.limits)) == ("enforce", "75%", "100%")


def test_the_version_is_the_projects_own_everywhere(base: list[Manifest], container: Manifest) -> None:
    assert container["image"] == f"headroom:{webhook.__version__}"
    assert {m["metadata"]["labels"]["app.kubernetes.io/version"] for m in base} == {webhook.__version__}


def test_the_version_stays_out_of_selectors(base: list[Manifest], pod: Manifest) -> None:
    selector = one(base, "Deployment")["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/component": "webhook"}
    assert selector.items() <= pod["metadata"]["labels"].items()
    wanted = {f"app.kubernetes.io/{key}" for key in WELL_KNOWN}
    assert all(wanted <= m["metadata"]["labels"].keys() for m in base)
